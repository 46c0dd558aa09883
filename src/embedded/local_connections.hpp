#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "base/event_loop.hpp"
#include "bus/settings.hpp"
#include "embedded/local_directory.hpp"
#include "embedded/local_permissions.hpp"
#include "ports/connection_gateway.hpp"
#include "processor/processor.hpp"

namespace carillon::embedded {

/// The connection directory in one process: decides who may receive what and keeps the gateway's loops in
/// step. Any thread may call; all is done on the bus loop.
class LocalConnections final : public ports::ConnectionDirectory, public processor::TargetHolders {
 public:
  LocalConnections(base::EventLoop& loop, const bus::Settings& settings, LocalPermissions& permissions,
                   ports::ConnectionGateway& gateway);

  void connect(ports::ConnectionRecordPtr record, std::vector<std::string> chat_ids, bool every_chat,
               ports::Completion<std::vector<std::string>> done) override;
  void check(model::IdentityPtr identity, std::vector<std::string> chat_ids, bool every_chat,
             std::vector<model::Target> memberships,
             ports::Completion<std::vector<std::string>> done) override;
  void subscribe(model::ConnectionId id, std::vector<std::string> chat_ids,
                 ports::Completion<ports::Subscription> done) override;
  void unsubscribe(model::ConnectionId id, std::vector<std::string> chat_ids,
                   ports::Completion<ports::Subscription> done) override;
  void refresh(model::ConnectionId id, model::IdentityPtr identity,
               ports::Completion<ports::Subscription> done) override;
  void disconnect(model::ConnectionId id, ports::Completion<ports::ConnectionView> last) override;
  void close_user(model::UserId user, ports::Completion<std::size_t> done) override;
  void list(std::optional<model::UserId> user, std::optional<std::string> chat_id, std::size_t limit,
            ports::Completion<std::vector<ports::ConnectionView>> done) override;
  void find(model::ConnectionId id, ports::Completion<ports::ConnectionView> done) override;
  void post(model::ConnectionId id, std::string text, ports::Completion<void> done) override;
  void close(model::ConnectionId id, ports::Completion<void> done) override;
  void presence(std::string chat_id, model::IdentityPtr asking,
                ports::Completion<std::vector<ports::PresentUser>> done) override;
  std::size_t count() const override { return count_.load(std::memory_order_relaxed); }

  // Bus loop only.
  processor::LoopMask loops_of(const model::Target& target) const override;
  /// Whether the connection is subscribed to the chat, and what it is subscribed to.
  bool subscribed(const model::ConnectionId& id, const model::Target& chat);
  std::vector<std::string> chat_ids(const model::ConnectionId& id);
  /// An entry came to be: connections with `chatId=*` receive the chat from now on.
  void granted(const model::UserId& user, const model::Target& target);
  /// An entry is gone: takes the target from the user's connections. `done` runs once no loop delivers it to
  /// them any more.
  void revoked(const model::UserId& user, const model::Target& target, std::move_only_function<void()> done);

 private:
  using Entry = LocalDirectory::Entry;

  base::Result<void> permitted(const model::Identity& identity, const std::vector<std::string>& chat_ids,
                               const std::vector<model::Target>& memberships);
  base::Result<std::vector<std::string>> chats_of(const model::Identity& identity,
                                                  std::vector<std::string> chat_ids, bool every_chat,
                                                  const std::vector<model::Target>& memberships);
  void do_connect(ports::ConnectionRecordPtr record, std::vector<std::string> chat_ids, bool every_chat,
                  ports::Completion<std::vector<std::string>> done);
  void do_subscribe(const model::ConnectionId& id, std::vector<std::string> chat_ids,
                    ports::Completion<ports::Subscription> done);
  void do_unsubscribe(const model::ConnectionId& id, std::vector<std::string> chat_ids,
                      ports::Completion<ports::Subscription> done);
  void do_refresh(const model::ConnectionId& id, model::IdentityPtr identity,
                  ports::Completion<ports::Subscription> done);
  void do_list(const std::optional<model::UserId>& user, const std::optional<std::string>& chat_id,
               std::size_t limit, ports::Completion<std::vector<ports::ConnectionView>> done);
  void do_presence(const std::string& chat_id, const model::Identity& asking,
                   ports::Completion<std::vector<ports::PresentUser>> done);

  base::EventLoop& loop_;
  const bus::Settings& settings_;
  LocalPermissions& permissions_;
  ports::ConnectionGateway& gateway_;
  LocalDirectory directory_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace carillon::embedded
