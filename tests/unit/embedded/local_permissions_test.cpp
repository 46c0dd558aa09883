#include "embedded/local_permissions.hpp"

#include <algorithm>
#include <array>
#include <random>

#include <rocksdb/perf_context.h>
#include <rocksdb/perf_level.h>

#include "embedded/store_upkeep.hpp"
#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded {
namespace {

using model::Role;
using model::Target;
using model::UserId;
using testing::StoreTest;
namespace errors = model::errors;

class LocalPermissionsTest : public StoreTest {
 protected:
  static model::Identity identity(std::string user, bool admin = false) {
    model::Identity made;
    made.user = UserId(std::move(user));
    made.is_admin = admin;
    return made;
  }
  /// Role::none revokes.
  base::Result<void> stage(const model::Identity& actor, const std::string& user, Role role) {
    if (role == Role::none) {
      const auto revoked = permissions_->stage_revoke(actor, UserId(user), chat_, batch_);
      return revoked ? base::Result<void>() : std::unexpected(revoked.error());
    }
    const auto granted = permissions_->stage_grant(actor, UserId(user), chat_, role, now_, batch_);
    return granted ? base::Result<void>() : std::unexpected(granted.error());
  }
  void commit_staged() {
    const auto written = store_->write_synced(batch_, store_->generation());
    ASSERT_TRUE(written) << written.error().details();
    permissions_->commit();
    batch_.clear();
  }
  void drop_staged() {
    permissions_->forget();
    batch_.clear();
  }
  void renew() {
    permissions_.emplace(*store_, 1000);
    batch_.clear();
  }
  /// Nothing is remembered: as after a restart, without the restart.
  void SetUp() override {
    StoreTest::SetUp();
    renew();
  }

  const Target chat_ = Target::chat("room");
  const model::Identity root_ = identity("root", true);
  std::optional<LocalPermissions> permissions_;
  CommitBatch batch_;
};

/// Counts what this thread reads of the store.
class Reads {
 public:
  Reads() {
    rocksdb::SetPerfLevel(rocksdb::PerfLevel::kEnableCount);
    rocksdb::get_perf_context()->Reset();
  }
  ~Reads() { rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable); }
  std::uint64_t scanned() const { return rocksdb::get_perf_context()->next_on_memtable_count; }
  std::uint64_t lookups() const { return rocksdb::get_perf_context()->get_from_memtable_count; }
};

TEST_F(LocalPermissionsTest, LastOwnerOfABigChatIsKnownWithoutReadingTheChat) {
  ASSERT_TRUE(stage(root_, "zoe", Role::owner));
  ASSERT_TRUE(stage(root_, "zed", Role::owner));
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(stage(root_, "member" + std::to_string(i), Role::member));
  commit_staged();
  renew();
  const Reads reads;
  ASSERT_TRUE(stage(identity("zoe"), "zed", Role::viewer));
  const auto last = stage(identity("zoe"), "zoe", Role::none);
  ASSERT_FALSE(last);
  EXPECT_TRUE(last.error().is(errors::kConflict));
  EXPECT_EQ(reads.scanned(), 0u);
  EXPECT_LT(reads.lookups(), 20u);
  ASSERT_TRUE(store_->permissions_of_target(chat_, {}, 5000));
  EXPECT_GT(reads.scanned(), 2000u) << "this is how reading the chat would show";
}

TEST_F(LocalPermissionsTest, WhoMayChangeNothingIsRefusedFromMemory) {
  ASSERT_TRUE(stage(root_, "ann", Role::member));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(stage(root_, "user" + std::to_string(i), Role::member));
  commit_staged();
  renew();
  for (const std::string actor : {"ann", "mallory"}) {
    ASSERT_FALSE(stage(identity(actor), "user0", Role::viewer));
    const Reads reads;
    for (int i = 0; i < 100; ++i)
      for (const Role role : {Role::none, Role::member, Role::owner}) {
        const auto refused = stage(identity(actor), "user" + std::to_string(i), role);
        ASSERT_FALSE(refused);
        EXPECT_TRUE(refused.error().is(errors::kForbidden));
      }
    EXPECT_EQ(reads.lookups(), 0u) << actor;
    EXPECT_EQ(reads.scanned(), 0u) << actor;
  }
  EXPECT_TRUE(batch_.empty());
}

TEST_F(LocalPermissionsTest, NumberOfOwnersFollowsTheEntriesThroughFailedBatchesAndRestarts) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  constexpr std::array kRoles{Role::none, Role::viewer, Role::member, Role::admin, Role::owner, Role::owner};
  const auto any_user = [&] { return std::string(1, static_cast<char>('a' + random() % 6)); };
  for (int round = 0; round < 200; ++round) {
    for (std::size_t changes = random() % 8; changes > 0; --changes) {
      const std::string actor = any_user(), user = any_user();
      (void)stage(identity(actor, random() % 3 == 0), user, kRoles[random() % kRoles.size()]);
    }
    if (random() % 4 == 0)
      drop_staged();
    else
      commit_staged();
    if (random() % 8 == 0) renew();
    const auto entries = store_->permissions_of_target(chat_, {}, 100);
    ASSERT_TRUE(entries) << entries.error().details();
    const auto owners = std::ranges::count(*entries, Role::owner, &ports::Permission::role);
    ASSERT_EQ(store_->owners(chat_), static_cast<std::uint64_t>(owners)) << "round " << round;
  }
  const auto report = StoreUpkeep(*store_).check([](auto, auto) {}, {});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->findings, std::vector<std::string>());
}

}  // namespace
}  // namespace carillon::embedded
