#include "embedded/publish_rights.hpp"

#include "base/bytes.hpp"
#include "model/access_errors.hpp"

namespace carillon::embedded {
namespace {

namespace errors = model::errors;
using base::Result;
using model::TargetClass;
using ports::Publication;

constexpr std::size_t kRateLimitedUsers = 100'000;

base::Error no_chat_access(const Publication& publication, const std::vector<std::string>& authorized) {
  std::string members = ",\"chatId\":" + base::json_string(publication.target.id);
  if (!publication.connection.empty()) {
    members += ",\"authorizedChatIds\":[";
    for (const std::string& each : authorized) {
      if (members.back() != '[') members += ',';
      base::append_json_string(members, each);
    }
    members += ']';
  }
  return base::Error(errors::kNoChatAccess).with_members(std::move(members));
}

}  // namespace

PublishRights::PublishRights(const bus::Settings& settings, LocalPermissions& permissions,
                             LocalConnections& connections)
    : settings_(settings),
      permissions_(permissions),
      connections_(connections),
      rate_limiter_(settings.publish_per_second, settings.publish_burst, kRateLimitedUsers) {}

Result<void> PublishRights::check(const Publication& publication) {
  if (auto rate = within_rate(*publication.identity); !rate) return rate;
  return may_publish(publication);
}

Result<void> PublishRights::within_rate(const model::Identity& identity) {
  if (identity.is_backend()) return {};
  const std::int64_t wait = rate_limiter_.take(identity.user.str(), base::monotonic_now());
  if (wait == 0) return {};
  return std::unexpected(model::retry_later(errors::kTooManyRequests, wait));
}

Result<void> PublishRights::may_publish(const Publication& publication) {
  const model::Identity& identity = *publication.identity;
  if (identity.is_backend()) return {};
  const model::Target& target = publication.target;
  Result<bool> allowed = false;
  switch (target.target_class) {
    case TargetClass::chat:
      allowed = permissions_.is_member(identity, target);
      if (allowed && *allowed && !publication.connection.empty())
        allowed = connections_.subscribed(publication.connection, target);
      if (allowed && !*allowed)
        return std::unexpected(no_chat_access(publication, connections_.chat_ids(publication.connection)));
      break;
    case TargetClass::user:
      allowed = settings_.user_targets == bus::UserTargets::any;
      if (settings_.user_targets == bus::UserTargets::shared_chat)
        allowed = permissions_.share_chat(identity.user, model::UserId(target.id));
      break;
    case TargetClass::org:
    case TargetClass::hub:
    case TargetClass::project:
      allowed = permissions_.is_member(identity, target);
      break;
    case TargetClass::all:
      break;
  }
  if (!allowed) return std::unexpected(allowed.error());
  if (!*allowed) return model::fail(model::no_access_to(target.target_class));
  return {};
}

}  // namespace carillon::embedded
