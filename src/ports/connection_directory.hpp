#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/identity.hpp"
#include "ports/completion.hpp"
#include "ports/websocket_handler.hpp"

namespace carillon::ports {

struct ConnectionView {
  ConnectionRecordPtr record;
  std::vector<std::string> chat_ids;
};

struct Subscription {
  std::vector<std::string> chat_ids;  ///< all that the connection has now
  std::vector<std::string> denied;
};

struct PresentUser {
  model::UserId user;
  std::size_t connections = 0;
};

/// `[{"userId":"…","connections":1}]`.
void append_present_users(std::string& out, const std::vector<PresentUser>& users);

/// Which connections there are and what each receives. Checking a right and registering a subscription is
/// one step, ordered with every permission change (DESIGN, Threads). Any thread.
class ConnectionDirectory {
 public:
  virtual ~ConnectionDirectory() = default;

  /// Registers the connection for its user, memberships, `all` and the chats; `every_chat` is `chatId=*`.
  /// All or nothing. Completes once the owning loop has the subscriptions. Answers with the chats. Errors:
  /// no_chat_access (members: chatIds), no_org|hub|project_access, too_many_connections.
  virtual void connect(ConnectionRecordPtr record, std::vector<std::string> chat_ids, bool every_chat,
                       Completion<std::vector<std::string>> done) = 0;
  /// Completes once what is published from then on is delivered. Errors: gone, invalid_parameter (too many).
  virtual void subscribe(model::ConnectionId id, std::vector<std::string> chat_ids,
                         Completion<Subscription> done) = 0;
  virtual void unsubscribe(model::ConnectionId id, std::vector<std::string> chat_ids,
                           Completion<Subscription> done) = 0;
  /// A refreshed token of the same user: subscriptions that the new identity has no right to are dropped
  /// with a notice. Errors: gone.
  virtual void refresh(model::ConnectionId id, model::IdentityPtr identity,
                       Completion<Subscription> done) = 0;
  virtual void disconnect(model::ConnectionId id) = 0;
  /// Closes every connection of the user 4403; answers how many.
  virtual void close_user(model::UserId user, Completion<std::size_t> done) = 0;

  /// Live connections of a user, or of a chat, or all; at most `limit`.
  virtual void list(std::optional<model::UserId> user, std::optional<std::string> chat_id, std::size_t limit,
                    Completion<std::vector<ConnectionView>> done) = 0;
  /// The users of a chat's connections. Errors: no_chat_access unless `asking` may read the chat.
  virtual void presence(std::string chat_id, model::IdentityPtr asking,
                        Completion<std::vector<PresentUser>> done) = 0;
  virtual std::size_t count() const = 0;
};

}  // namespace carillon::ports
