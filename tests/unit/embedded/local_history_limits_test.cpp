#include <pthread.h>

#include "unit/embedded/local_history_fixture.hpp"

namespace carillon::embedded::testing {
namespace {

class HistoryLimitsTest : public LocalHistoryTest {
 protected:
  /// Changes a byte in the files that have the message table's records, and opens the store over them.
  void damage_messages() {
    reopen();
    store_.reset();
    bool found = false;
    for (const std::filesystem::path& file : files_ending(".sst")) {
      std::fstream table(file, std::ios::in | std::ios::out | std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(table), {}};
      const std::size_t family = bytes.find("messages");
      if (family == std::string::npos || bytes.substr(0, family).ends_with('_')) continue;
      table.seekp(100);
      table.put(static_cast<char>(~bytes[100]));
      found = true;
    }
    ASSERT_TRUE(found) << "no table file of the message table";
    StoreOptions without = options();
    without.verify_history_bytes = 0;
    auto opened = Store::open(directory_.path(), without);
    ASSERT_TRUE(opened) << opened.error().details();
    store_ = std::move(*opened);
  }
};

TEST_F(HistoryLimitsTest, NobodyTakesAllReads) {
  start({.reads = 4, .reads_per_user = 2, .patience = std::chrono::seconds(30)});
  for (const std::string user : {"ann", "bob"}) grant(user, chat_);
  close_gate();
  publish(sample_message(1));
  auto first = page_later(person("bob"), chat_), second = page_later(person("bob"), chat_);
  const auto third = page(person("bob"), chat_);
  ASSERT_FALSE(third);
  EXPECT_TRUE(third.error().is(errors::kOverloaded));
  EXPECT_EQ(third.error().retry_after_ms(), 1000);
  EXPECT_FALSE(message(person("bob"), sample_message(1).id));
  auto others = page_later(person("ann"), chat_);
  EXPECT_TRUE(waits(others));
  open_gate();
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  EXPECT_TRUE(others.get());
  const base::Monotonic deadline = base::monotonic_now() + std::chrono::seconds(20);
  while (!page(person("bob"), chat_)) ASSERT_LT(base::monotonic_now(), deadline);
}

TEST_F(HistoryLimitsTest, TheWaitForAThreadCountsToo) {
  constexpr std::chrono::milliseconds kPatience{300};
  start({.patience = kPatience});
  const model::Message stored = sample_message(1);
  publish(stored);
  ASSERT_TRUE(page(root(), chat_));
  std::counting_semaphore<2> busy(0), release(0);
  rest_ = [&] {
    busy.release();
    release.acquire();
  };
  std::vector<std::promise<base::Result<MessageTrace>>> traces(2);
  for (auto& each : traces)
    history_->trace(root(), stored.id, [&](auto trace) { each.set_value(std::move(trace)); });
  busy.acquire();
  busy.acquire();
  auto late = page_later(root(), chat_);
  EXPECT_EQ(late.wait_for(2 * kPatience), std::future_status::timeout);
  release.release(2);
  const auto refused = late.get();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errors::kOverloaded));
  for (auto& each : traces) EXPECT_TRUE(each.get_future().get());
  EXPECT_TRUE(page(root(), chat_));
}

TEST_F(HistoryLimitsTest, DamageIsNoOracleAndNamesNoFile) {
  StoreTest::publish(1, 200);
  const MessageId id = store_->history({.target = chat_, .oldest_first = true})->messages.front()->id;
  damage_messages();
  start();
  const auto said = await<HistoryPage>(
      [&](auto done) { history_->page(root(), {.target = chat_, .oldest_first = true}, std::move(done)); });
  ASSERT_FALSE(said);
  EXPECT_TRUE(said.error().is(kStoreCorrupt));
  EXPECT_TRUE(said.error().details().empty()) << said.error().details();
  for (const IdentityPtr& asking : {person("alice"), person("eve")}) {
    EXPECT_TRUE(message(asking, id).error().is(errors::kNotFound));
    EXPECT_TRUE(trace(asking, id).error().is(errors::kNotFound));
    EXPECT_TRUE(trace(asking, id).error().details().empty());
  }
  EXPECT_TRUE(message(root(), id).error().is(kStoreCorrupt));
  EXPECT_TRUE(trace(root(), id).error().is(kStoreCorrupt));
  EXPECT_TRUE(trace(root(), id).error().details().empty());
}

std::string thread_name() {
  char name[16] = {};
  pthread_getname_np(pthread_self(), name, sizeof name);
  return name;
}

using PermissionReadsTest = LocalNodeTest;

TEST_F(PermissionReadsTest, RunOnTheThreadsOfHistory) {
  open();
  ASSERT_TRUE(grant("bob", "room"));
  std::promise<std::string> by_user, by_target, of_one;
  auto& table = node_->permissions();
  table.list_by_user(UserId("bob"), {}, 10, [&](auto list) {
    EXPECT_EQ(list->size(), 1u);
    by_user.set_value(thread_name());
  });
  table.list_by_target(Target::chat("room"), {}, 10, [&](auto list) {
    EXPECT_EQ(list->size(), 1u);
    by_target.set_value(thread_name());
  });
  table.role_of(UserId("bob"), Target::chat("room"), [&](auto role) {
    EXPECT_EQ(*role, Role::member);
    of_one.set_value(thread_name());
  });
  for (auto* each : {&by_user, &by_target, &of_one})
    EXPECT_TRUE(each->get_future().get().starts_with("history-"));
}

}  // namespace
}  // namespace carillon::embedded::testing
