#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "authorizer/settings.hpp"
#include "base/clock.hpp"
#include "ports/http.hpp"
#include "ports/permission_table.hpp"

namespace carillon::server {

/// What a newcomer opens first: the page `/try/` (examples/chat), on which two people talk, and `POST
/// /try/session`, which lets the page sign both in:
/// `{"chatId":"try","users":[{"userId":"ann","token":"…"},{"userId":"ben","token":"…"}],"expiresAt":"…"}`,
/// 201. The tokens have no scopes and are good for an hour; asking again gives fresh ones. Both people become
/// members of the chat, who has a higher role there keeps it. For carillon/admin.
/// It signs tokens with the development key, so it is there under `serve --dev` only. Any thread. Errors:
/// forbidden, and those of PermissionTable.
class TryPage {
 public:
  using Clock = std::function<base::EpochMs()>;

  static constexpr std::chrono::hours kTokenLifetime{1};

  /// `signing`: what the tokens must be accepted under (authorizer::dev_settings).
  TryPage(ports::PermissionTable& permissions, authorizer::Settings signing, Clock clock = &base::now_ms)
      : permissions_(permissions), signing_(std::move(signing)), clock_(std::move(clock)) {}

  /// This must outlive them.
  std::vector<ports::Route> routes();

 private:
  void open_session(const ports::HttpRequest& request, ports::HttpResponder respond);
  /// Makes the people from `index` on members, and then answers.
  void admit(std::size_t index, model::IdentityPtr actor, ports::HttpResponder respond);
  ports::HttpResponse session() const;

  ports::PermissionTable& permissions_;
  const authorizer::Settings signing_;
  const Clock clock_;
};

}  // namespace carillon::server
