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

/// Appends `"connectionId":"…","userId":"…","chatIds":[…]`, for an object that begins with them.
void append_connection(std::string& out, const ConnectionView& view);
/// Appends `,"orgId":"…"` and so on, of the org, hub and project named at connect time.
void append_memberships(std::string& out, const ConnectionRecord& record);
/// The client's `User-Agent` as JSON text may carry it: empty unless it is UTF-8.
std::string_view user_agent_text(const ConnectionRecord& record);

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
  /// Whether connect() would register such a connection now, and with which chats; nothing is registered.
  /// Errors: those of connect().
  virtual void check(model::IdentityPtr identity, std::vector<std::string> chat_ids, bool every_chat,
                     std::vector<model::Target> memberships, Completion<std::vector<std::string>> done) = 0;
  /// Completes once what is published from then on is delivered. Errors: gone, invalid_parameter (too many).
  virtual void subscribe(model::ConnectionId id, std::vector<std::string> chat_ids,
                         Completion<Subscription> done) = 0;
  virtual void unsubscribe(model::ConnectionId id, std::vector<std::string> chat_ids,
                           Completion<Subscription> done) = 0;
  /// A refreshed token of the same user: subscriptions that the new identity has no right to are dropped
  /// with a notice. Errors: gone.
  virtual void refresh(model::ConnectionId id, model::IdentityPtr identity,
                       Completion<Subscription> done) = 0;
  /// `last`, unless null, gets what the connection was at its end. Errors: gone.
  virtual void disconnect(model::ConnectionId id, Completion<ConnectionView> last) = 0;
  /// Closes every connection of the user 4403; answers how many.
  virtual void close_user(model::UserId user, Completion<std::size_t> done) = 0;

  /// Live connections of a user, or of a chat, or all; at most `limit`.
  virtual void list(std::optional<model::UserId> user, std::optional<std::string> chat_id, std::size_t limit,
                    Completion<std::vector<ConnectionView>> done) = 0;
  /// Errors: gone.
  virtual void find(model::ConnectionId id, Completion<ConnectionView> done) = 0;
  /// Sends one text frame, valid UTF-8, to this connection alone, after all that it was given before.
  /// Completes once its buffer has the frame. Errors: gone, also when it is closed 1013 because it does not
  /// keep up.
  virtual void post(model::ConnectionId id, std::string text, Completion<void> done) = 0;
  /// Closes the connection 4403. Completes once find() does not know it any more. Errors: gone.
  virtual void close(model::ConnectionId id, Completion<void> done) = 0;
  /// The users of a chat's connections. Errors: no_chat_access unless `asking` may read the chat.
  virtual void presence(std::string chat_id, model::IdentityPtr asking,
                        Completion<std::vector<PresentUser>> done) = 0;
  virtual std::size_t count() const = 0;
};

}  // namespace carillon::ports
