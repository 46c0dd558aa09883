#include <algorithm>
#include <numeric>

#include "embedded/store.hpp"
#include "model/errors.hpp"
#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded {
namespace {

using model::Message;
using model::Position;
using model::Target;
using ports::HistoryPage;
using ports::HistoryQuery;
using testing::kStart;
using testing::positions;
using testing::sample_message;
using testing::store_one;
using testing::StoreTest;
using Positions = std::vector<Position>;

Positions range(Position first, Position last) {
  Positions all(last - first + 1);
  std::iota(all.begin(), all.end(), first);
  return all;
}
Positions reversed(Positions all) {
  std::ranges::reverse(all);
  return all;
}

class StoreHistoryTest : public StoreTest {
 protected:
  HistoryPage page(const HistoryQuery& query) {
    auto read = store_->history(query);
    if (!read) throw std::runtime_error(read.error().details());
    return std::move(*read);
  }
  Positions read(const HistoryQuery& query) { return positions(page(query).messages); }
  void put(const std::vector<Message>& messages) {
    commit([&](CommitBatch& batch) {
      for (const Message& each : messages) store_one(batch, each);
    });
  }
  /// A message of chat-1 at a position and, so many milliseconds after the start, at a time.
  static Message at(Position position, base::EpochMs time) {
    Message message = sample_message(position);
    message.published_at = kStart + time;
    return message;
  }
  static HistoryQuery asc() {
    return {.target = Target::chat("chat-1"), .oldest_first = true, .limit = 1000};
  }
  static HistoryQuery desc() { return {.target = Target::chat("chat-1"), .limit = 1000}; }
};

TEST_F(StoreHistoryTest, ReadsBothWaysWithinItsTarget) {
  publish(1, 120);
  publish(121, 130, "chat-10");
  HistoryQuery query{.target = Target::chat("chat-1")};
  HistoryPage newest = page(query);
  EXPECT_EQ(positions(newest.messages), reversed(range(71, 120)));
  EXPECT_TRUE(newest.more);
  query.after = 71;
  query.limit = 70;
  EXPECT_EQ(read(query), reversed(range(1, 70)));
  EXPECT_FALSE(page(query).more);
  query = asc();
  query.limit = 3;
  EXPECT_EQ(read(query), range(1, 3));
  query.after = 118;
  EXPECT_EQ(read(query), range(119, 120));
  EXPECT_FALSE(page(query).more);
  query.after = std::numeric_limits<Position>::max();
  EXPECT_TRUE(read(query).empty());
  query = desc();
  query.after = 1;
  EXPECT_TRUE(read(query).empty());
  EXPECT_TRUE(read({.target = Target::chat("chat")}).empty());
  EXPECT_TRUE(read({.target = Target::user("chat-1")}).empty());
}

TEST_F(StoreHistoryTest, PageEndsAtItsBytesButHoldsOneMessage) {
  publish(1, 20);
  HistoryQuery query = desc();
  query.max_bytes = 1;
  EXPECT_EQ(read(query), Positions{20});
  EXPECT_TRUE(page(query).more);
  query.after = 2;
  EXPECT_EQ(read(query), Positions{1});
  EXPECT_FALSE(page(query).more);
  query = asc();
  query.max_bytes = 5000;
  const HistoryPage some = page(query);
  EXPECT_GT(some.messages.size(), 1u);
  EXPECT_LT(some.messages.size(), 20u);
  EXPECT_TRUE(some.more);
}

TEST_F(StoreHistoryTest, PageEndsAtItsSizeInJson) {
  const std::string chat(255, '"');
  commit([&](CommitBatch& batch) {
    for (Position position = 1; position <= 1000; ++position) {
      Message message = sample_message(position, chat);
      message.payload = R"({"content":")" + std::string(4000, 'x') + "\"}";
      store_one(batch, message);
    }
  });
  const auto page = store_->history({.target = Target::chat(chat), .limit = 1000});
  ASSERT_TRUE(page);
  EXPECT_TRUE(page->more);
  std::string json;
  for (const auto& each : page->messages) model::append_event(json += ',', *each, std::nullopt);
  EXPECT_LE(json.size() + 256, 4u << 20);
  EXPECT_GT(json.size(), 3u << 20);
}

TEST_F(StoreHistoryTest, WalkIsCompleteWhileMessagesArrive) {
  publish(1, 95);
  for (const bool oldest_first : {false, true}) {
    HistoryQuery query{.target = Target::chat("chat-1"), .oldest_first = oldest_first, .limit = 10};
    Positions walked;
    const Position first_end = oldest_first ? 500 : 200;
    Position next = store_->history(asc())->messages.back()->position + 1;
    for (bool more = true; more;) {
      const HistoryPage one = page(query);
      for (const auto& each : one.messages) walked.push_back(each->position);
      if (!one.messages.empty()) query.after = walked.back();
      more = one.more;
      if (more && next < first_end) publish(next, next + 2), next += 3;
    }
    if (oldest_first)
      EXPECT_EQ(walked, range(1, next - 1));
    else
      EXPECT_EQ(walked, reversed(range(1, 95)));
  }
}

TEST_F(StoreHistoryTest, TimeBoundsAreInclusiveAlsoAmongEqualMilliseconds) {
  std::vector<Message> messages;
  const std::vector<base::EpochMs> times{1, 1, 5, 5, 5, 6, 9, 9, 10};
  for (std::size_t i = 0; i < times.size(); ++i) messages.push_back(at(10 * (i + 1), times[i]));
  put(messages);
  for (base::EpochMs from = 0; from <= 11; ++from)
    for (base::EpochMs to = 0; to <= 11; ++to) {
      Positions expected;
      for (std::size_t i = 0; i < times.size(); ++i)
        if (times[i] >= from && times[i] <= to) expected.push_back(10 * (i + 1));
      for (const bool oldest_first : {false, true}) {
        HistoryQuery query = oldest_first ? asc() : desc();
        query.from = kStart + from;
        query.to = kStart + to;
        Positions walked;
        query.limit = 2;
        for (bool more = true; more;) {
          const HistoryPage one = page(query);
          for (const auto& each : one.messages) walked.push_back(query.after = each->position);
          more = one.more;
        }
        EXPECT_EQ(walked, oldest_first ? expected : reversed(expected)) << from << " to " << to;
      }
    }
}

TEST_F(StoreHistoryTest, TimeBoundsAreFoundFarFromTheEnds) {
  publish(1, 5000);
  now_ = kStart + 5000;
  HistoryQuery query = asc();
  query.from = kStart + 4321;
  query.limit = 2;
  EXPECT_EQ(read(query), range(4321, 4322));
  query = desc();
  query.to = kStart + 1234;
  query.limit = 2;
  EXPECT_EQ(read(query), reversed(range(1233, 1234)));
  query.from = kStart + 1234;
  EXPECT_EQ(read(query), Positions{1234});
  EXPECT_FALSE(page(query).more);
  query = asc();
  query.from = kStart + 5001;
  EXPECT_TRUE(read(query).empty());
  query = desc();
  query.to = kStart;
  EXPECT_TRUE(read(query).empty());
}

TEST_F(StoreHistoryTest, RetentionHidesAtOnceAndCompactionRemoves) {
  publish(1, 50);
  publish(51, 60, "short-lived");
  const auto visible = [&](const std::string& chat) {
    return read({.target = Target::chat(chat), .limit = 1000}).size();
  };
  const model::MessageId gone = page({.target = Target::chat("short-lived")}).messages.front()->id;
  EXPECT_EQ(visible("short-lived"), 10u);
  store_->set_retention({std::chrono::hours(1), {{"short-", base::milliseconds(500)}}});
  EXPECT_EQ(visible("short-lived"), 0u);
  EXPECT_EQ(*store_->message(gone), nullptr);
  const auto kept = store_->find_message(gone);
  ASSERT_TRUE(kept && kept->message);
  EXPECT_TRUE(kept->expired);
  EXPECT_EQ(visible("chat-1"), 50u);

  ASSERT_TRUE(store_->compact());
  store_->set_retention({std::chrono::hours(1), {}});
  EXPECT_EQ(visible("short-lived"), 0u) << "still on disk after a compaction";
  EXPECT_EQ(store_->find_message(gone)->message, nullptr);
  EXPECT_EQ(visible("chat-1"), 50u);
}

TEST_F(StoreHistoryTest, ExpiredOnDiskIsLeftOutBothWays) {
  publish(1, 2000);
  now_ = kStart + 3'600'000 + 1500;
  store_->set_retention({std::chrono::hours(1), {}});
  HistoryQuery oldest = asc();
  oldest.limit = 2;
  EXPECT_EQ(read(oldest), range(1501, 1502));
  oldest.from = kStart + 3;
  EXPECT_EQ(read(oldest), range(1501, 1502));
  oldest.after = 7;
  EXPECT_EQ(read(oldest), range(1501, 1502));
  EXPECT_EQ(read(desc()), reversed(range(1501, 2000)));
  EXPECT_FALSE(page(desc()).more);
  now_ += 500;
  EXPECT_TRUE(read(asc()).empty());
  EXPECT_TRUE(read(desc()).empty());
  now_ = kStart + 3'600'000 + 1999;
  EXPECT_EQ(read(asc()), Positions{2000});
  EXPECT_EQ(read(desc()), Positions{2000});
}

TEST_F(StoreHistoryTest, WhatComesBackFromTheDeadLettersStandsWhereItWas) {
  std::vector<Message> messages;
  for (const Position position : {1, 3, 4}) messages.push_back(at(position, static_cast<int>(position)));
  Message back = at(5, 2);
  back.sequence = 2;
  back.redrive = Message::Redrive{.queue = "MessageStorageQueue", .users = {}, .original = 2};
  messages.push_back(back);
  put(messages);
  EXPECT_EQ(read(asc()), range(1, 4));
  const auto found = store_->message(back.id);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->position, 2u);
  EXPECT_FALSE((*found)->redrive);
  const std::vector<ports::NumberRange> second{{2, 2}};
  EXPECT_EQ(positions(store_->sequences("chat-1", second, 4)->messages), Positions{2});
}

/// As older versions stored what came out of MessageStorageDLQ: at a later position than its time says.
TEST_F(StoreHistoryTest, WhatCameBackLateHidesNothing) {
  std::vector<Message> messages;
  for (Position position = 1; position <= 100; ++position) {
    messages.push_back(at(position, static_cast<base::EpochMs>(position)));
    if (position % 10 != 0) continue;
    messages.back().published_at = kStart + 1;
    messages.back().redrive = Message::Redrive{"MessageStorageQueue", {}};
  }
  put(messages);
  now_ = kStart + 1000;
  EXPECT_EQ(read(asc()), range(1, 100));
  EXPECT_EQ(read(desc()), reversed(range(1, 100)));
  store_->set_retention({base::milliseconds(980), {}});  // up to 20 has expired, and all that came back
  Positions kept;
  for (const Position position : range(21, 99))
    if (position % 10 != 0) kept.push_back(position);
  EXPECT_EQ(read(asc()), kept);
  EXPECT_EQ(read(desc()), reversed(kept));
  for (Position from = 0; from <= 100; ++from) {
    HistoryQuery query = asc();
    query.from = kStart + static_cast<base::EpochMs>(from);
    Positions expected = kept;
    std::erase_if(expected, [&](Position each) { return each < from; });
    EXPECT_EQ(read(query), expected) << from;
    query = desc();
    query.to = kStart + static_cast<base::EpochMs>(from);
    expected = reversed(kept);
    std::erase_if(expected, [&](Position each) { return each > from; });
    EXPECT_EQ(read(query), expected) << from;
  }
}

TEST_F(StoreHistoryTest, MessagesAreFoundById) {
  Message other = sample_message(3);
  other.target = Target::user("bob");
  put({sample_message(1), other});
  reopen();
  EXPECT_EQ((*store_->message(other.id))->target, other.target);
  EXPECT_FALSE(store_->find_message(other.id)->expired);
  EXPECT_EQ(*store_->message(sample_message(4).id), nullptr);
  EXPECT_EQ(store_->find_message(sample_message(4).id)->message, nullptr);
}

}  // namespace
}  // namespace carillon::embedded
