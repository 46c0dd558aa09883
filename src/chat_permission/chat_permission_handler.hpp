#pragma once

#include <optional>
#include <vector>

#include "ports/http.hpp"
#include "ports/permission_table.hpp"

namespace carillon::chat_permission {

/// The seeds' chat-permission-handler: `/permissions` (CONTRACT §9).
class ChatPermissionHandler {
 public:
  explicit ChatPermissionHandler(ports::PermissionTable& table) : table_(table) {}

  /// Its routes; the handler must outlive them.
  std::vector<ports::Route> routes();

 private:
  void grant(ports::HttpRequest request, ports::HttpResponder respond);
  void revoke(ports::HttpRequest request, ports::HttpResponder respond);
  void list(ports::HttpRequest request, ports::HttpResponder respond);
  void list_of_user(const ports::HttpRequest& request, model::UserId user, ports::HttpResponder respond);
  void list_of_target(const ports::HttpRequest& request, model::Target target, ports::HttpResponder respond);
  /// A page of a target's users, for somebody who may see it.
  void show_target(model::Target target, std::optional<model::Target> after, std::size_t limit,
                   ports::HttpResponder respond);

  ports::PermissionTable& table_;
};

}  // namespace carillon::chat_permission
