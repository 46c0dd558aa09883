#include "embedded/store.hpp"

#include <numeric>

#include <sys/stat.h>

#include "model/errors.hpp"
#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded {
namespace {

using model::Position;
using model::Target;
using model::UserId;
using testing::kStart;
using testing::positions;
using testing::sample_letter;
using testing::sample_message;
using testing::store_one;
using testing::StoreTest;

std::vector<Position> range(Position first, Position last) {
  std::vector<Position> all(last - first + 1);
  std::iota(all.begin(), all.end(), first);
  return all;
}

TEST_F(StoreTest, NewStoreIsEmptyAndPrivate) {
  EXPECT_EQ(store_->log_end()->position, 0u);
  EXPECT_TRUE(store_->cursors()->empty());
  EXPECT_EQ(store_->sequence("chat-1").value(), 0u);
  EXPECT_TRUE(store_->verify());
  struct stat status{};
  ASSERT_EQ(::stat(directory_.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(StoreTest, EpochStaysWithTheStoreAndDiffersBetweenStores) {
  const std::string epoch = store_->epoch();
  EXPECT_GE(epoch.size(), 16u);
  reopen();
  EXPECT_EQ(store_->epoch(), epoch);
  testing::TemporaryDirectory other;
  const auto second = Store::open(other.path(), options());
  ASSERT_TRUE(second);
  EXPECT_NE((*second)->epoch(), epoch);
}

TEST_F(StoreTest, TheLastTimeIsNotARedrivenMessages) {
  publish(1, 3);
  commit([](CommitBatch& batch) {
    for (const Position position : {4, 5}) {
      auto redriven = sample_message(position);
      redriven.published_at = kStart - 3'600'000;
      redriven.redrive = model::Message::Redrive{"WebSocketFifoQueue", {}};
      batch.add_message(redriven);
    }
  });
  EXPECT_EQ(store_->log_end()->position, 5u);
  EXPECT_EQ(store_->log_end()->published_at, kStart + 3);
}

TEST_F(StoreTest, LogKeepsWholeMessagesInOrder) {
  commit([](CommitBatch& batch) {
    model::Message message = sample_message(1);
    message.attributes = {{"n", 1.5}, {"tags", std::vector<std::string>{"a"}}};
    message.redrive = model::Message::Redrive{"WebSocketFifoQueue", {UserId("bob")}};
    batch.add_message(message);
    for (Position position = 2; position <= 300; ++position) batch.add_message(sample_message(position));
  });
  reopen();
  const auto end = store_->log_end();
  ASSERT_TRUE(end);
  EXPECT_EQ(end->position, 300u);
  EXPECT_EQ(end->published_at, kStart + 300);
  const auto first = store_->log_message(1);
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->attributes.size(), 2u);
  EXPECT_EQ((*first)->redrive->users.front().str(), "bob");
  EXPECT_EQ(*store_->log_message(301), nullptr);
  EXPECT_EQ(positions(*store_->read_log(1, 1000, 1 << 30)), range(1, 300));
  EXPECT_EQ(positions(*store_->read_log(250, 10, 1 << 30)), range(250, 259));
  EXPECT_EQ(positions(*store_->read_log(5, 1000, 1)), range(5, 5));
  EXPECT_TRUE(store_->read_log(301, 10, 100)->empty());
}

TEST_F(StoreTest, BatchIsAllOrNothingAndReusable) {
  CommitBatch batch;
  EXPECT_TRUE(batch.empty());
  batch.add_message(sample_message(1));
  batch.set_sequence("chat-1", 1);
  EXPECT_EQ(batch.size(), 2u);
  batch.clear();
  EXPECT_TRUE(batch.empty());
  batch.set_sequence("chat-2", 9);
  ASSERT_TRUE(store_->write_synced(batch, store_->generation()));
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(store_->log_end()->position, 0u);
  EXPECT_EQ(store_->sequence("chat-2").value(), 9u);
  batch.set_sequence("chat-2", 10);
  ASSERT_TRUE(store_->write_synced(batch, store_->generation()));
  EXPECT_EQ(store_->sequence("chat-2").value(), 10u);
}

TEST_F(StoreTest, BatchOfAnotherGenerationIsRefused) {
  CommitBatch batch;
  batch.set_sequence("chat-1", 5);
  ASSERT_TRUE(store_->reopen());
  const auto written = store_->write_synced(batch, 1);
  ASSERT_FALSE(written);
  EXPECT_TRUE(written.error().is(model::errors::kUnavailable));
  EXPECT_EQ(store_->sequence("chat-1").value(), 0u);
}

TEST_F(StoreTest, DeduplicationLivesUntilItExpires) {
  const std::string key = base::sha256("topic, sender, id");
  const ports::Receipt receipt{sample_message(1).id, kStart, 42, false};
  EXPECT_FALSE(store_->deduplication(key, kStart)->has_value());
  commit([&](CommitBatch& batch) { batch.add_deduplication(key, receipt, kStart + 300'000); });
  reopen();
  const auto found = store_->deduplication(key, kStart + 299'999);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->id, receipt.id);
  EXPECT_EQ((*found)->sequence, 42u);
  EXPECT_EQ((*found)->published_at, kStart);
  EXPECT_TRUE((*found)->deduplicated);
  EXPECT_FALSE(store_->deduplication(key, kStart + 300'000)->has_value());
  EXPECT_FALSE(store_->deduplication(base::sha256("another"), kStart)->has_value());
}

TEST_F(StoreTest, PermissionsAreFoundBothWays) {
  const auto grant = [](std::string user, Target target, model::Role role) {
    return ports::Permission{UserId(std::move(user)), std::move(target), role, kStart, UserId("root")};
  };
  commit([&](CommitBatch& batch) {
    batch.put_permission(grant("alice", Target::chat("a"), model::Role::owner));
    batch.put_permission(grant("alice", Target::chat("ab"), model::Role::viewer));
    batch.put_permission(grant("alice", {model::TargetClass::org, "a"}, model::Role::member));
    batch.put_permission(grant("alicea", Target::chat("a"), model::Role::member));
    batch.put_permission(grant("bob", Target::chat("a"), model::Role::admin));
  });
  reopen();
  const auto one = store_->permission(UserId("alice"), Target::chat("a"));
  ASSERT_TRUE(one && *one);
  EXPECT_EQ((*one)->role, model::Role::owner);
  EXPECT_EQ((*one)->granted_at, kStart);
  EXPECT_EQ((*one)->granted_by.str(), "root");
  EXPECT_FALSE(store_->permission(UserId("bob"), Target::chat("ab"))->has_value());

  const auto listed = [](const auto& page, auto member) {
    std::vector<std::string> out;
    for (const ports::Permission& each : *page) out.push_back(member(each));
    return out;
  };
  const auto target = [](const ports::Permission& each) { return each.target.str(); };
  const auto user = [](const ports::Permission& each) { return each.user.str(); };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(listed(store_->permissions_of_user(UserId("alice"), {}, 10), target),
            (Texts{"org:a", "chat:a", "chat:ab"}));
  EXPECT_EQ(listed(store_->permissions_of_user(UserId("alice"), {}, 1), target), (Texts{"org:a"}));
  EXPECT_EQ(
      listed(store_->permissions_of_user(UserId("alice"), Target{model::TargetClass::org, "a"}, 1), target),
      (Texts{"chat:a"}));
  EXPECT_EQ(listed(store_->permissions_of_target(Target::chat("a"), {}, 2), user),
            (Texts{"alice", "alicea"}));
  EXPECT_EQ(listed(store_->permissions_of_target(Target::chat("a"), UserId("alicea"), 2), user),
            (Texts{"bob"}));
  EXPECT_EQ(listed(store_->permissions_of_target({model::TargetClass::org, "a"}, {}, 9), user),
            (Texts{"alice"}));

  commit([&](CommitBatch& batch) {
    batch.delete_permission(UserId("alice"), Target::chat("a"));
    batch.put_permission(grant("bob", Target::chat("a"), model::Role::owner));
  });
  EXPECT_FALSE(store_->permission(UserId("alice"), Target::chat("a"))->has_value());
  EXPECT_EQ(store_->permission(UserId("bob"), Target::chat("a")).value()->role, model::Role::owner);
  EXPECT_EQ(listed(store_->permissions_of_target(Target::chat("a"), {}, 9), user), (Texts{"alicea", "bob"}));
  EXPECT_EQ(listed(store_->permissions_of_user(UserId("alice"), {}, 9), target), (Texts{"org:a", "chat:ab"}));
}

TEST_F(StoreTest, CursorsAndMarksBelongToTheirQueue) {
  commit([](CommitBatch& batch) {
    for (Position position = 1; position <= 9; ++position) batch.add_message(sample_message(position));
    batch.set_cursor("Queue", 4);
    batch.set_cursor("QueueB", 7);
    batch.mark_settled("Queue", 6);
    batch.mark_settled("Queue", 9);
    batch.mark_settled("QueueB", 8);
  });
  reopen();
  EXPECT_EQ(store_->cursor("Queue").value(), 4u);
  EXPECT_EQ(store_->cursor("QueueB").value(), 7u);
  EXPECT_EQ(store_->cursor("Other").value(), 0u);
  EXPECT_EQ(store_->cursors()->size(), 2u);
  EXPECT_EQ(store_->settled("Queue").value(), (std::vector<Position>{6, 9}));
  commit([](CommitBatch& batch) {
    batch.unmark_settled("Queue", 6);
    batch.set_cursor("Queue", 7);
  });
  EXPECT_EQ(store_->settled("Queue").value(), (std::vector<Position>{9}));
  EXPECT_EQ(store_->settled("QueueB").value(), (std::vector<Position>{8}));
}

TEST_F(StoreTest, DeadLettersAreListedFoundAndRemoved) {
  commit([](CommitBatch& batch) {
    for (const Position position : {5, 3, 300}) batch.put_dead_letter("DLQ", sample_letter(position));
    batch.put_dead_letter("DLQ2", sample_letter(4));
  });
  reopen();
  const auto all = store_->dead_letters("DLQ", 0, 10);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3u);
  EXPECT_EQ((*all)[0].message->position, 3u);
  EXPECT_EQ((*all)[2].message->position, 300u);
  EXPECT_EQ((*all)[0].failed.front().reason, "buffer full");
  EXPECT_EQ((*all)[0].attempts, 3);
  EXPECT_EQ(store_->dead_letters("DLQ", 3, 1)->front().message->position, 5u);
  EXPECT_EQ(store_->dead_letter_count("DLQ").value(), 3u);

  const model::MessageId id = (*all)[1].message->id;
  const auto one = store_->dead_letter("DLQ", id);
  ASSERT_TRUE(one && *one);
  EXPECT_EQ((*one)->message->position, 5u);
  EXPECT_FALSE(store_->dead_letter("DLQ2", id)->has_value());
  commit([&](CommitBatch& batch) { batch.delete_dead_letter("DLQ", 5, id); });
  EXPECT_FALSE(store_->dead_letter("DLQ", id)->has_value());
  EXPECT_EQ(store_->dead_letter_count("DLQ").value(), 2u);
  EXPECT_EQ(store_->dead_letter_count("DLQ2").value(), 1u);
}

TEST_F(StoreTest, TrimmingKeepsTheNewestRecordAndGivesSpaceBack) {
  std::string filling(8000, 'x');
  for (std::size_t i = 0; i < filling.size(); ++i) filling[i] = static_cast<char>('a' + i * 7919 % 26);
  for (Position position = 1; position <= 3000; position += 100)
    commit([&](CommitBatch& batch) {
      for (Position each = position; each < position + 100; ++each) {
        model::Message message = sample_message(each);
        message.payload = filling;
        batch.add_message(message);
      }
    });
  ASSERT_TRUE(store_->reopen());  // what is in memory becomes files
  const std::uint64_t before = store_->sizes().table_bytes;
  ASSERT_GT(before, 20u << 20);
  commit([](CommitBatch& batch) { batch.trim_log(3000); });
  store_->reclaim_log(3000);
  EXPECT_LT(store_->sizes().table_bytes, before / 2);
  EXPECT_EQ(store_->log_end()->position, 3000u);
  EXPECT_EQ(positions(*store_->read_log(1, 10, 1 << 20)), range(3000, 3000));
  reopen();
  EXPECT_EQ(store_->log_end()->position, 3000u);
  EXPECT_EQ(*store_->log_message(2999), nullptr);
}

TEST_F(StoreTest, CompactionRemovesExpiredDeduplication) {
  const std::string key = base::sha256("one"), later = base::sha256("two");
  commit([&](CommitBatch& batch) {
    batch.add_deduplication(key, {sample_message(1).id, kStart, {}, false}, now_);
    batch.add_deduplication(later, {sample_message(2).id, kStart, {}, false}, now_ + 1);
  });
  EXPECT_TRUE(store_->deduplication(key, now_ - 1)->has_value());
  ASSERT_TRUE(store_->compact());
  EXPECT_FALSE(store_->deduplication(key, now_ - 1)->has_value());
  EXPECT_TRUE(store_->deduplication(later, now_)->has_value());
}

TEST_F(StoreTest, OpensWhileCompactionReplacesFiles) {
  for (Position first = 1; first <= 4000; first += 200) {
    publish(first, first + 199);
    ASSERT_TRUE(store_->reopen());
    reopen();
    const auto sound = store_->verify();
    ASSERT_TRUE(sound) << sound.error().details();
  }
  EXPECT_EQ(store_->read_log(1, 10'000, 1 << 30)->size(), 4000u);
}

TEST_F(StoreTest, FiguresShowWhatThereIs) {
  publish(1, 100);
  const StoreFigures figures = store_->figures();
  EXPECT_GT(figures.memtable_bytes, 0u);
  const StoreSizes sizes = store_->sizes();
  EXPECT_GT(sizes.wal_bytes, 0u);
  std::uint64_t logs = 0;
  for (const auto& each : std::filesystem::directory_iterator(database()))
    if (each.path().extension() == ".log") logs += each.file_size();
  EXPECT_EQ(sizes.wal_bytes, logs);
  ASSERT_TRUE(store_->compact());
  EXPECT_GT(store_->sizes().table_bytes, 0u);
}

}  // namespace
}  // namespace carillon::embedded
