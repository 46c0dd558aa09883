#pragma once

#include <deque>

#include <gtest/gtest.h>

#include "connection_handler/connect_check.hpp"
#include "connection_handler/connection_handler.hpp"

namespace carillon::connection_handler::testing {

namespace errors = model::errors;

inline model::IdentityPtr identity(std::string user) {
  auto made = std::make_shared<model::Identity>();
  made->user = model::UserId(std::move(user));
  made->expires_at = 1760000000000;
  return made;
}

struct Socket final : ports::SocketHandle {
  void send(std::string text) override { sent.push_back(std::move(text)); }
  void close(std::uint16_t, std::string) override {}
  void set_identity(model::IdentityPtr given) override { refreshed = std::move(given); }
  std::vector<std::string> sent;
  model::IdentityPtr refreshed;
};

/// Lets in whoever asks for a token of the form `user:NAME`.
struct Tokens final : ports::Authenticator {
  void authenticate(std::string_view token, ports::Completion<model::IdentityPtr> done) override {
    if (!token.starts_with("user:")) return done(model::fail(errors::kUnauthorized, "bad"));
    done(identity(std::string(token.substr(5))));
  }
};

/// Allows every chat whose name does not begin with `secret`.
struct Directory final : ports::ConnectionDirectory {
  void connect(ports::ConnectionRecordPtr given, std::vector<std::string> chats, bool every,
               ports::Completion<std::vector<std::string>> done) override {
    if (full) return done(model::fail(errors::kTooManyConnections));
    record = std::move(given);
    every_chat = every;
    done(std::move(chats));
  }
  void check(model::IdentityPtr, std::vector<std::string> chats, bool every,
             std::vector<model::Target> memberships,
             ports::Completion<std::vector<std::string>> done) override {
    if (full) return done(model::fail(errors::kTooManyConnections));
    checked = chats;
    for (const model::Target& each : memberships) checked.push_back(each.str());
    if (every) chats.push_back("granted");
    done(std::move(chats));
  }
  void subscribe(model::ConnectionId, std::vector<std::string> chats,
                 ports::Completion<ports::Subscription> done) override {
    ports::Subscription now;
    for (std::string& each : chats) (each.starts_with("secret") ? now.denied : now.chat_ids).push_back(each);
    done(std::move(now));
  }
  void unsubscribe(model::ConnectionId, std::vector<std::string>,
                   ports::Completion<ports::Subscription> done) override {
    done(ports::Subscription{});
  }
  void refresh(model::ConnectionId, model::IdentityPtr,
               ports::Completion<ports::Subscription> done) override {
    done(ports::Subscription{});
  }
  void disconnect(model::ConnectionId id, ports::Completion<ports::ConnectionView> last) override {
    disconnected = id;
    if (last) last(ports::ConnectionView{record, {"at the end"}});
  }
  void close_user(model::UserId, ports::Completion<std::size_t> done) override { done(std::size_t{0}); }
  void list(std::optional<model::UserId>, std::optional<std::string>, std::size_t,
            ports::Completion<std::vector<ports::ConnectionView>> done) override {
    done({});
  }
  void find(model::ConnectionId, ports::Completion<ports::ConnectionView> done) override {
    done(model::fail(errors::kGone));
  }
  void post(model::ConnectionId, std::string, ports::Completion<void> done) override {
    done(model::fail(errors::kGone));
  }
  void close(model::ConnectionId, ports::Completion<void> done) override { done(model::fail(errors::kGone)); }
  void presence(std::string chat, model::IdentityPtr,
                ports::Completion<std::vector<ports::PresentUser>> done) override {
    if (chat.starts_with("secret")) return done(model::fail(errors::kNoChatAccess));
    done(std::vector<ports::PresentUser>{{model::UserId("ann"), 2}});
  }
  std::size_t count() const override { return 0; }

  ports::ConnectionRecordPtr record;
  bool every_chat = false;
  bool full = false;
  std::vector<std::string> checked;
  model::ConnectionId disconnected;
};

/// Keeps what it is told; decides, if it may, when the test does.
struct Events final : ports::ConnectionEvents {
  bool decides() const override { return deciding; }
  void decide(ports::ConnectionView asking, std::stop_token gone, ports::Completion<void> done) override {
    asked = std::move(asking);
    client_gone = std::move(gone);
    verdicts.push_back(std::move(done));
  }
  void not_admitted(ports::ConnectionView asking) override { refused_after = std::move(asking); }
  void connected(ports::ConnectionView connection) override { told = std::move(connection); }
  void disconnected(ports::ConnectionView connection, ports::SocketEnd end) override {
    last = std::move(connection);
    ended = end;
  }
  bool deciding = false;
  ports::ConnectionView asked, refused_after, told, last;
  std::stop_token client_gone;
  std::deque<ports::Completion<void>> verdicts;
  ports::SocketEnd ended;
};

class ConnectionHandlerTest : public ::testing::Test {
 protected:
  Directory directory_;
  Tokens tokens_;
  Events events_;
  RejectedConnects rejected_;
  std::shared_ptr<Socket> socket_ = std::make_shared<Socket>();
  std::vector<std::string> published_;
  Dependencies dependencies_{
      .directory = directory_,
      .authenticator = tokens_,
      .authorize_upgrade =
          [this](const ports::UpgradeRequest& request, ports::Completion<model::IdentityPtr> done) {
            tokens_.authenticate(request.http.query_value("token").value_or(""), std::move(done));
          },
      .send_message =
          [this](const ports::FrameContext&, const model::JsonDocument& document, std::string_view id) {
            published_.push_back(std::string(document.raw("payload")) + std::string(id));
          },
      .heartbeat_seconds = 25,
      .store_epoch = "epoch-1"};
  ConnectionHandler handler_{dependencies_};

  std::string frame(std::string_view text) {
    const model::ConnectionId id("c-1");
    const model::IdentityPtr ann = identity("ann");
    const ports::SocketPtr socket = socket_;
    handler_.on_frame({id, ann, socket}, text);
    return socket_->sent.empty() ? "" : socket_->sent.back();
  }
  ConnectionHandler handler_with_events(bool deciding) {
    events_.deciding = deciding;
    Dependencies dependencies = dependencies_;
    dependencies.events = &events_;
    dependencies.rejected = &rejected_;
    dependencies.max_connections_per_user = 2;
    return ConnectionHandler(dependencies);
  }
  using Answer = std::shared_ptr<std::optional<model::Result<ports::Admission>>>;
  static Answer connect_to(ConnectionHandler& handler, ports::UpgradeRequest request) {
    const auto answer = std::make_shared<std::optional<model::Result<ports::Admission>>>();
    handler.on_connect(std::move(request), [answer](auto admission) { *answer = std::move(admission); });
    return answer;
  }
  /// What POST /tickets says.
  model::Result<void> check(std::string query) {
    ports::HttpRequest request;
    request.identity = identity("ann");
    request.query = std::move(query);
    std::optional<model::Result<void>> result;
    check_connect(request, directory_, rejected_,
                  [&](model::Result<void> each) { result = std::move(each); });
    return result.value();
  }
  static ports::UpgradeRequest upgrade(std::string query, std::vector<std::string> subprotocols) {
    ports::UpgradeRequest request;
    request.http.query = std::move(query);
    request.subprotocols = std::move(subprotocols);
    request.connection = model::ConnectionId("c-1");
    return request;
  }
  model::Result<ports::Admission> connect(std::string query, std::vector<std::string> subprotocols = {}) {
    model::Result<ports::Admission> result = model::fail(errors::kInternal);
    handler_.on_connect(upgrade(std::move(query), std::move(subprotocols)),
                        [&](auto admission) { result = std::move(admission); });
    return result;
  }
};

}  // namespace carillon::connection_handler::testing
