#include "embedded/retention.hpp"

#include <thread>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "embedded/store_upkeep.hpp"
#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded {
namespace {

using base::milliseconds;
using model::Target;
using model::TargetClass;
using std::chrono::hours;
using std::chrono::seconds;
using testing::kStart;
using testing::StoreTest;
namespace fs = std::filesystem;

TEST(RetentionOnDisk, FilesAreRewrittenWithinADay) {
  const auto worst = [](const Retention& retention) {
    return rewrite_period(retention) + rewrite_check_interval(retention);
  };
  EXPECT_LT(worst({hours(30 * 24), {}}), hours(24));
  EXPECT_LT(worst(kKeepEverything), hours(24));
  EXPECT_LE(worst({hours(1), {}}), hours(1));
  EXPECT_LT(worst({hours(1), {{"a", hours(30 * 24)}}}), hours(24));
  EXPECT_EQ(rewrite_period({seconds(1), {}}), seconds(1));
}

TEST(RetentionOnDisk, BytesAreReadBack) {
  const Retention retention{hours(30), {{"", milliseconds(1)}, {"support-", hours(7)}}};
  EXPECT_EQ(decode_retention(encode_retention(retention)), retention);
  EXPECT_EQ(decode_retention(encode_retention(kKeepEverything)), kKeepEverything);
  const std::string bytes = encode_retention(retention);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    if (const auto cut = decode_retention(std::string_view(bytes).substr(0, size))) {
      EXPECT_LT(cut->overrides.size(), retention.overrides.size());
    }
  EXPECT_FALSE(decode_retention("\xff\xff\xff\xff\xff\xff\xff\xff"));
}

RC_GTEST_PROP(RetentionOnDisk, ShorterCountsForEveryTarget, (std::uint64_t seed)) {
  const auto some = [&](std::uint64_t from) {
    Retention retention{milliseconds(1 + from % 50), {}};
    for (const char* prefix : {"a", "ab", "abc", "b", "bc"}) {
      from = from * 6364136223846793005 + 1442695040888963407;
      if (from >> 63) retention.overrides[prefix] = milliseconds(1 + (from >> 40) % 50);
    }
    return retention;
  };
  const Retention a = some(seed), b = some(seed * 31 + 7), shorter = shorter_of(a, b);
  for (const char* id : {"a", "ab", "abc", "abcd", "b", "bc", "bcd", "c"})
    for (const auto target_class : {TargetClass::chat, TargetClass::user})
      RC_ASSERT(shorter.for_target(target_class, id) ==
                std::min(a.for_target(target_class, id), b.for_target(target_class, id)));
}

class RetentionTest : public StoreTest {
 protected:
  void SetUp() override {}
  void open_with(milliseconds retention) {
    store_.reset();
    StoreOptions chosen = options();
    chosen.retention.standard = retention;
    auto opened = Store::open(directory_.path(), std::move(chosen));
    ASSERT_TRUE(opened) << opened.error().details();
    store_ = std::move(*opened);
  }
  bool on_disk(const std::string& text) {
    for (const auto& entry : fs::directory_iterator(database())) {
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(in), {}};
      if (bytes.find(text) != std::string::npos) return true;
    }
    return false;
  }
};

/// An idle store: nothing is written after the messages, so that only follow_retention moves anything.
TEST_F(RetentionTest, ExpiredContentLeavesTheDiskOfAnIdleStore) {
  open_with(seconds(4));
  // Beside it other chats, as a compressed block of repetitions would not show a text.
  const std::string content = "a-text-that-is-nowhere-else";
  commit([&](CommitBatch& batch) {
    for (model::Position position = 1; position <= 20; ++position) {
      auto message = testing::sample_message(position);
      message.payload = "{\"content\":\"" + content + std::to_string(position * 7919) + "\"}";
      batch.add_message(message);
      testing::store_one(batch, message);
    }
    batch.set_sequence("chat-1", 20);
  });
  open_with(seconds(4));  // what was written so far lies in table files
  commit([](CommitBatch& batch) { batch.trim_log(20); });
  ASSERT_TRUE(on_disk(content + "7919\""));
  EXPECT_EQ(store_->history({.target = Target::chat("chat-1")})->messages.size(), 20u);
  now_ = kStart + 1'000'000;
  EXPECT_TRUE(store_->history({.target = Target::chat("chat-1")})->messages.empty())
      << "gone from reads at once";

  StoreUpkeep upkeep(*store_);
  const auto deadline = std::chrono::steady_clock::now() + seconds(60);
  // RocksDB tells the age of files by the system's clock, in seconds.
  while (on_disk(content + "7919\"") && std::chrono::steady_clock::now() < deadline) {
    upkeep.follow_retention();
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_FALSE(on_disk(content + "7919\"")) << "memory, write-ahead log, log and table files";
  EXPECT_EQ(store_->log_end()->position, 20u) << "the newest record of the log stays";
  EXPECT_TRUE(store_->verify());
}

TEST_F(RetentionTest, NothingOldIsLeftAlone) {
  open_with(hours(24));
  publish(1, 20);
  reopen();
  open_with(hours(24));
  const auto before = files_ending(".sst");
  StoreUpkeep upkeep(*store_);
  for (int i = 0; i < 10; ++i) upkeep.follow_retention();
  EXPECT_EQ(files_ending(".sst"), before);
}

}  // namespace
}  // namespace carillon::embedded
