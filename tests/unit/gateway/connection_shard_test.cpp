#include "gateway/connection_shard.hpp"

#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace carillon::gateway {
namespace {

using model::Target;
using model::TargetClass;
using model::UserId;

class Member final : public ShardMember {
 public:
  using ShardMember::ShardMember;
};

std::multiset<std::string> recipients(const ConnectionShard& shard, const ports::DeliveryRun& run) {
  std::multiset<std::string> ids;
  shard.for_each_recipient(run, [&](ShardMember& member) { ids.insert(member.id().str()); });
  return ids;
}

TEST(ConnectionShard, MembersAreFoundByTheirId) {
  ConnectionShard shard;
  Member member{model::ConnectionId("a")};
  shard.add(member);
  EXPECT_EQ(shard.find(model::ConnectionId("a")), &member);
  EXPECT_EQ(shard.find(model::ConnectionId("b")), nullptr);
  EXPECT_EQ(shard.size(), 1u);
  shard.remove(member);
  EXPECT_EQ(shard.find(model::ConnectionId("a")), nullptr);
}

TEST(ConnectionShard, AMemberIsForAllOnceItHasATarget) {
  ConnectionShard shard;
  Member member{model::ConnectionId("a")};
  shard.add(member);
  ports::DeliveryRun run;
  run.target = Target::all();
  EXPECT_TRUE(recipients(shard, run).empty());
  shard.subscribe(member, Target::user("u"));
  EXPECT_EQ(recipients(shard, run).size(), 1u);
  EXPECT_EQ(ConnectionShard::user_of(member).str(), "u");
  shard.remove(member);
  EXPECT_TRUE(recipients(shard, run).empty());
}

/// The same, as sets, in the obvious way.
struct Reference {
  struct Connection {
    std::string user;
    std::set<std::pair<int, std::string>> targets;
  };
  std::map<std::string, Connection> connections;

  std::multiset<std::string> recipients(const ports::DeliveryRun& run) const {
    std::multiset<std::string> ids;
    for (const auto& [id, connection] : connections) {
      const bool in_target =
          run.target.target_class == TargetClass::all ||
          connection.targets.contains({static_cast<int>(run.target.target_class), run.target.id});
      const bool left_out = !run.except.empty() && connection.user == run.except.str();
      bool chosen = run.only.empty();
      for (const UserId& user : run.only) chosen = chosen || connection.user == user.str();
      if (in_target && !left_out && chosen) ids.insert(id);
    }
    return ids;
  }
};

RC_GTEST_PROP(ConnectionShardProperty, AgreesWithSets, (std::uint64_t seed)) {
  std::mt19937_64 random(seed);
  ConnectionShard shard;
  Reference reference;
  std::map<std::string, std::unique_ptr<Member>> members;
  const auto some_target = [&] {
    const auto number = std::to_string(random() % 8);
    return random() % 3 == 0 ? Target{TargetClass::org, number} : Target::chat(number);
  };
  for (int step = 0; step < 400; ++step) {
    const std::string id = std::to_string(random() % 20);
    if (!members.contains(id)) {
      auto& member = members[id] = std::make_unique<Member>(model::ConnectionId(id));
      const std::string user = "u" + std::to_string(random() % 6);
      shard.add(*member);
      shard.subscribe(*member, Target::user(user));
      reference.connections[id] = {user, {{static_cast<int>(TargetClass::user), user}}};
      continue;
    }
    Member& member = *members[id];
    const Target target = some_target();
    const std::pair<int, std::string> key{static_cast<int>(target.target_class), target.id};
    switch (random() % 8) {
      case 0:
        shard.remove(member);
        members.erase(id);
        reference.connections.erase(id);
        break;
      case 1:
      case 2:
        shard.unsubscribe(member, target);
        reference.connections[id].targets.erase(key);
        break;
      default:
        shard.subscribe(member, target);
        reference.connections[id].targets.insert(key);
    }
    ports::DeliveryRun run;
    run.target = random() % 6 == 0   ? Target::all()
                 : random() % 6 == 0 ? Target::user("u" + std::to_string(random() % 6))
                                     : some_target();
    if (random() % 3 == 0) run.except = UserId("u" + std::to_string(random() % 7));
    if (random() % 4 == 0)
      for (auto left = random() % 3 + 1; left > 0; --left)
        run.only.emplace_back("u" + std::to_string(random() % 7));
    RC_ASSERT(recipients(shard, run) == reference.recipients(run));
  }
}

}  // namespace
}  // namespace carillon::gateway
