#include "embedded/local_permissions.hpp"
#include "history/commands.hpp"
#include "history/measuring.hpp"

namespace carillon::bench {
namespace {

constexpr std::size_t kRoles = 100'000;
constexpr std::size_t kChecks = 2'000'000;
constexpr std::size_t kMostCached = 1'000'000;

}  // namespace

boost::json::object permissions(const Wish& wish) {
  const auto store = need(embedded::Store::open(wish.place.data(), {}));
  embedded::LocalPermissions permissions(*store, kMostCached);
  Chance chance(3);
  std::vector<std::pair<model::UserId, model::Target>> pairs;
  for (std::size_t i = 0; i < kRoles; ++i)
    pairs.emplace_back(i % 2 == 0 ? std::string(kReader) : fmt::format("user-{}", i),
                       model::Target::chat(chat_name(chance.below(wish.shape.chats))));
  for (const auto& [user, chat] : pairs) need(permissions.role(user, chat));

  std::size_t readable = 0;
  const double before = thread_cpu_us();
  for (std::size_t i = 0; i < kChecks; ++i) {
    const auto& [user, chat] = pairs[chance.below(kRoles)];
    readable += permissions.role(user, chat).value() >= model::Role::viewer;
  }
  const double took = thread_cpu_us() - before;
  return {{"roles", kRoles}, {"us", took / kChecks}, {"readable", readable}};
}

}  // namespace carillon::bench
