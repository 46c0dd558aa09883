#include "embedded/message_table.hpp"

#include <future>
#include <semaphore>

#include "embedded/commit_writer.hpp"
#include "message_storage/message_storage.hpp"
#include "unit/embedded/failing_disk.hpp"
#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded {
namespace {

using message_storage::MessageStorage;
using model::MessagePtr;
using model::Position;
using testing::positions;
using testing::sample_message;
using testing::StoreTest;

std::vector<MessagePtr> messages(Position first, Position last) {
  std::vector<MessagePtr> all;
  for (Position position = first; position <= last; ++position)
    all.push_back(std::make_shared<const model::Message>(sample_message(position)));
  return all;
}

void wait_until_stored(MessageStorage& storage, Position position) {
  std::promise<base::Result<void>> stored;
  storage.when_stored(position, [&](base::Result<void> outcome) { stored.set_value(std::move(outcome)); });
  ASSERT_TRUE(stored.get_future().get());
}

class MessageTableTest : public StoreTest {
 protected:
  void log(Position first, Position last) {
    commit([&](CommitBatch& batch) {
      for (const MessagePtr& each : messages(first, last)) batch.add_message(*each);
    });
  }
  std::vector<Position> history() {
    ports::HistoryQuery query{
        .target = model::Target::chat("chat-1"), .oldest_first = true, .limit = 100'000};
    query.max_bytes = 1u << 30;
    return positions(store_->history(query)->messages);
  }
  MessageStorage::DeadLetterSink no_dead_letters() {
    return [](ports::QueuedMessage letter, ports::Completion<void>) { ADD_FAILURE() << letter.reason; };
  }
};

TEST_F(MessageTableTest, StoresMessagesWithCursorAndMarks) {
  log(1, 5);
  commit([](CommitBatch& batch) { batch.mark_settled("MessageStorageQueue", 2); });
  MessageTable table(*store_);
  EXPECT_EQ(table.cursor().value(), 0u);
  EXPECT_EQ(table.settled().value(), (std::vector<Position>{2}));
  const auto batch = messages(1, 3);
  ASSERT_TRUE(table.store({batch, 3, {2}}));
  EXPECT_EQ(table.cursor().value(), 3u);
  EXPECT_TRUE(table.settled()->empty());
  EXPECT_EQ(history(), (std::vector<Position>{1, 2, 3}));
}

TEST_F(MessageTableTest, StoringAgainChangesNothing) {
  log(1, 9);
  MessageTable table(*store_);
  ASSERT_TRUE(table.cursor());
  const auto all = messages(1, 9);
  ASSERT_TRUE(table.store({all, 9, {}}));
  const auto first = history();
  ASSERT_TRUE(table.store({all, 9, {}}));
  EXPECT_EQ(history(), first);
  const ports::NumberRange all_numbers{1, 9};
  EXPECT_EQ(positions(store_->sequences("chat-1", {&all_numbers, 1}, 9)->messages), first);
}

TEST_F(MessageTableTest, WritesOfALostGenerationAreRefused) {
  log(1, 2);
  MessageTable table(*store_);
  ASSERT_TRUE(table.cursor());
  ASSERT_TRUE(store_->reopen());
  const auto batch = messages(1, 2);
  EXPECT_FALSE(table.store({batch, 2, {}}));
  ASSERT_TRUE(table.cursor());
  EXPECT_TRUE(table.store({batch, 2, {}}));
}

TEST_F(MessageTableTest, WorkerTakesHandedOverAndLoggedMessages) {
  log(1, 1000);
  MessageTable table(*store_);
  MessageLog log_source(*store_);
  {
    MessageStorage storage(table, log_source, no_dead_letters());
    storage.start(700);  // published before the start
    storage.accept(messages(701, 900));
    storage.announce(1000);
    wait_until_stored(storage, 1000);
    EXPECT_EQ(storage.counts().stored.value(), 1000u);
    EXPECT_EQ(storage.status().depth(), 0u);
  }
  EXPECT_EQ(history().size(), 1000u);
  EXPECT_EQ(store_->cursor("MessageStorageQueue").value(), 1000u);
}

TEST_F(MessageTableTest, WorkerGoesOnAtItsCursorAfterARestart) {
  log(1, 500);
  {
    MessageTable table(*store_);
    MessageLog log_source(*store_);
    message_storage::Settings settings;
    settings.batch_messages = 7;
    MessageStorage storage(table, log_source, no_dead_letters(), settings);
    storage.start(123);
    wait_until_stored(storage, 123);
  }
  reopen();
  MessageTable table(*store_);
  EXPECT_EQ(table.cursor().value(), 123u);
  MessageLog log_source(*store_);
  MessageStorage storage(table, log_source, no_dead_letters());
  storage.start(500);
  wait_until_stored(storage, 500);
  EXPECT_EQ(storage.counts().stored.value(), 377u);
  EXPECT_EQ(history().size(), 500u);
}

TEST(MessageTableFailure, WorkerStoresEverythingAcrossAFailedStore) {
  testing::FailingDisk disk;
  testing::TemporaryDirectory directory;
  StoreOptions options;
  options.env = disk.env.get();
  auto opened = Store::open(directory.path(), options);
  ASSERT_TRUE(opened) << opened.error().details();
  Store& store = **opened;
  std::counting_semaphore<> failed{0};
  CommitWriter writer(store, {.failed = [&] { failed.release(); }});
  CommitBatch batch;
  for (const MessagePtr& each : messages(1, 300)) batch.add_message(*each);
  ASSERT_TRUE(store.write_synced(batch, 1));

  MessageTable table(store);
  MessageLog log_source(store);
  message_storage::Settings settings;
  settings.retry_base = std::chrono::milliseconds(5);
  MessageStorage storage(
      table, log_source, [](ports::QueuedMessage, ports::Completion<void>) { ADD_FAILURE(); }, settings);
  storage.start(100);
  wait_until_stored(storage, 100);
  disk.fail_append = true;
  storage.accept(messages(101, 200));
  failed.acquire();
  disk.fail_append = false;
  storage.accept(messages(201, 300));
  wait_until_stored(storage, 300);
  ports::HistoryQuery query{.target = model::Target::chat("chat-1"), .limit = 1000};
  EXPECT_EQ(store.history(query)->messages.size(), 300u);
  EXPECT_GE(storage.counts().failed_writes.value(), 1u);
}

}  // namespace
}  // namespace carillon::embedded
