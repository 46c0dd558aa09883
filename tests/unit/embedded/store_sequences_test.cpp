#include <map>
#include <numeric>
#include <random>
#include <set>

#include "embedded/store.hpp"
#include "model/errors.hpp"
#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded {
namespace {

using model::Message;
using model::Position;
using model::SequenceNumber;
using ports::Absence;
using ports::MissingNumber;
using ports::NumberRange;
using ports::SequencePage;
using testing::kStart;
using testing::positions;
using testing::sample_message;
using testing::store_one;
using testing::StoreTest;
using Positions = std::vector<Position>;
using Missing = std::vector<MissingNumber>;

constexpr SequenceNumber kAllIssued = model::kMaxSequenceNumber;

Missing all(SequenceNumber first, SequenceNumber last, Absence reason) {
  Missing missing;
  for (; first <= last; ++first) missing.push_back({first, reason});
  return missing;
}
Missing operator+(Missing a, const Missing& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class StoreSequencesTest : public StoreTest {
 protected:
  SequencePage ask(std::vector<NumberRange> numbers, SequenceNumber issued_before = kAllIssued,
                   SequenceLimits limits = {}, const std::string& chat = "chat-1") {
    auto page = store_->sequences(chat, numbers, issued_before, limits);
    if (!page) throw std::runtime_error(page.error().details());
    return std::move(*page);
  }
  Missing missing(std::vector<NumberRange> numbers, SequenceNumber issued_before = kAllIssued) {
    return ask(std::move(numbers), issued_before).missing;
  }
  void issue(SequenceNumber counter) {
    commit([&](CommitBatch& batch) { batch.set_sequence("chat-1", counter); });
  }
  void put(const std::vector<Message>& messages) {
    commit([&](CommitBatch& batch) {
      for (const Message& each : messages) store_one(batch, each);
    });
  }
  /// A message to which the publisher gave a number.
  static Message claimed(Position position, SequenceNumber number) {
    Message message = sample_message(position);
    message.sequence = number;
    message.client_sequence = true;
    return message;
  }
};

TEST_F(StoreSequencesTest, FindsRangesAscending) {
  publish(1, 300);
  publish(301, 310, "chat-10");
  issue(300);
  const SequencePage page = ask({{3, 3}, {5, 9}, {50, 50}, {250, 252}, {300, 300}});
  EXPECT_EQ(positions(page.messages), (Positions{3, 5, 6, 7, 8, 9, 50, 250, 251, 252, 300}));
  EXPECT_TRUE(page.missing.empty());
  EXPECT_TRUE(ask({}).messages.empty());
  reopen();
  EXPECT_EQ(positions(ask({{299, 302}}).messages), (Positions{299, 300}));
  EXPECT_EQ(missing({{299, 302}}), all(301, 302, Absence::not_issued));
  EXPECT_EQ(ask({{1, 10}}, kAllIssued, {}, "nobody").missing, all(1, 10, Absence::not_issued));
}

TEST_F(StoreSequencesTest, RangesAreChecked) {
  for (const std::vector<NumberRange>& numbers :
       {std::vector<NumberRange>{{5, 4}}, {{1, 1001}}, {{1, 600}, {700, 1100}}, {{1, kAllIssued + 1}}}) {
    const auto refused = store_->sequences("chat-1", numbers, 0);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(model::errors::kInvalidParameter));
  }
  EXPECT_EQ(missing({{kAllIssued - 999, kAllIssued}}).size(), 1000u);
}

TEST_F(StoreSequencesTest, ExpiredOnlyBelowWhatIsKept) {
  publish(1, 100);
  issue(100);
  now_ = kStart + 3'600'000 + 40;
  store_->set_retention({std::chrono::hours(1), {}});
  for (const bool compacted : {false, true}) {
    if (compacted) ASSERT_TRUE(store_->compact());
    const SequencePage page = ask({{1, 2}, {39, 42}});
    EXPECT_EQ(positions(page.messages), (Positions{41, 42})) << compacted;
    EXPECT_EQ(page.missing, all(1, 2, Absence::expired) + all(39, 40, Absence::expired)) << compacted;
  }
  // A hole above what is kept is none that retention made.
  commit([](CommitBatch& batch) { batch.set_sequence("chat-1", 103); });
  EXPECT_EQ(missing({{30, 30}, {101, 104}}), (Missing{{30, Absence::expired},
                                                      {101, Absence::pending},
                                                      {102, Absence::pending},
                                                      {103, Absence::pending},
                                                      {104, Absence::not_issued}}));
  now_ += 100;
  EXPECT_EQ(missing({{1, 104}}), all(1, 103, Absence::expired) + all(104, 104, Absence::not_issued));
}

TEST_F(StoreSequencesTest, WhatWasIssuedMeanwhileIsPending) {
  issue(7);
  EXPECT_EQ(missing({{4, 9}}, 5),
            all(4, 5, Absence::expired) + all(6, 7, Absence::pending) + all(8, 9, Absence::not_issued));
  EXPECT_EQ(missing({{4, 9}}, 0), all(4, 7, Absence::pending) + all(8, 9, Absence::not_issued));
}

TEST_F(StoreSequencesTest, DeadLettersArePending) {
  issue(10);
  ports::QueuedMessage own = testing::sample_letter(4), claims = own, elsewhere = own;
  claims.message = std::make_shared<const Message>(claimed(5, 5));
  elsewhere.message = std::make_shared<const Message>(sample_message(6, "chat-2"));
  commit([&](CommitBatch& batch) {
    for (const auto& each : {own, claims, elsewhere}) batch.put_dead_letter("MessageStorageDLQ", each);
    batch.put_dead_letter("WebSocketFifoDLQ", testing::sample_letter(7));
  });
  EXPECT_EQ(missing({{3, 7}}), (Missing{{3, Absence::expired},
                                        {4, Absence::pending},
                                        {5, Absence::expired},
                                        {6, Absence::expired},
                                        {7, Absence::expired}}));
}

TEST_F(StoreSequencesTest, OnTheWayBackFromTheDeadLettersIsPending) {
  issue(3);
  EXPECT_EQ(missing({{1, 3}}), all(1, 3, Absence::expired));
  Message redriven = sample_message(9);
  redriven.sequence = 2;
  redriven.redrive = Message::Redrive{"MessageStorageQueue", {}};
  commit([&](CommitBatch& batch) { batch.add_message(redriven); });
  EXPECT_EQ(missing({{1, 3}}),
            (Missing{{1, Absence::expired}, {2, Absence::pending}, {3, Absence::expired}}));
  commit([&](CommitBatch& batch) { batch.set_cursor("MessageStorageQueue", 9); });
  EXPECT_EQ(missing({{1, 3}}), all(1, 3, Absence::expired)) << "once storage is past it, the table decides";
}

TEST_F(StoreSequencesTest, WithTooManyDeadLettersNothingIsGivenUp) {
  issue(5);
  commit([&](CommitBatch& batch) {
    for (Position position = 100; position < 1100; ++position)
      batch.put_dead_letter("MessageStorageDLQ", testing::sample_letter(position));
  });
  EXPECT_EQ(missing({{5, 5}}), all(5, 5, Absence::expired));
  commit(
      [&](CommitBatch& batch) { batch.put_dead_letter("MessageStorageDLQ", testing::sample_letter(1100)); });
  EXPECT_EQ(missing({{5, 5}}), all(5, 5, Absence::pending));
}

TEST_F(StoreSequencesTest, PublishersNumbersStandBehindTheChatsOwn) {
  put({sample_message(1), sample_message(2), claimed(10, 2), claimed(11, 2), claimed(12, 1), claimed(13, 9)});
  issue(3);
  const SequencePage page = ask({{1, 9}});
  EXPECT_EQ(positions(page.messages), (Positions{1, 12, 2, 10, 11, 13}));
  EXPECT_EQ(page.missing, all(3, 3, Absence::pending) + all(4, 8, Absence::not_issued));
  // A claimed number does not stand for the chat's own.
  put({claimed(14, 3)});
  EXPECT_EQ(positions(ask({{3, 3}}).messages), Positions{14});
  EXPECT_EQ(missing({{3, 3}}), all(3, 3, Absence::pending));
}

TEST_F(StoreSequencesTest, FloodOfOneNumberHidesNothing) {
  std::vector<Message> flood;
  for (Position position = 1; position <= 3000; ++position) flood.push_back(claimed(position, 5));
  put(flood);
  Message own = sample_message(5000);
  own.sequence = 5;
  put({own, claimed(5001, 6), claimed(5002, 5)});
  issue(5);
  now_ = kStart + 6000;
  SequencePage page = ask({{5, 7}});
  ASSERT_EQ(page.messages.size(), 1000u);
  EXPECT_EQ(page.messages.front()->position, 5000u);
  EXPECT_EQ(page.missing, (Missing{{6, Absence::pending}, {7, Absence::not_issued}}));
  EXPECT_EQ(positions(ask({{6, 7}}).messages), Positions{5001}) << "asked again";

  store_->set_retention({base::milliseconds(6000 - 2990), {}});
  page = ask({{5, 7}});
  EXPECT_EQ(page.messages.size(), 1u + 10 + 2);
  EXPECT_EQ(page.messages[1]->position, 2991u);
  store_->set_retention({base::milliseconds(1500), {}});
  EXPECT_EQ(positions(ask({{5, 7}}).messages), (Positions{5000, 5002, 5001}));
}

TEST_F(StoreSequencesTest, WhatDoesNotFitIsPending) {
  publish(1, 50);
  issue(50);
  put({claimed(60, 20), claimed(61, 70)});
  SequencePage page = ask({{1, 50}}, kAllIssued, {.messages = 20});
  EXPECT_EQ(page.messages.size(), 19u);
  EXPECT_EQ(page.missing, all(20, 50, Absence::pending)) << "a number comes whole or not at all";
  page = ask({{1, 50}}, kAllIssued, {.messages = 21});
  EXPECT_EQ(page.messages.size(), 21u);
  EXPECT_EQ(page.missing, all(21, 50, Absence::pending));
  page = ask({{10, 50}}, kAllIssued, {.max_bytes = 1});
  EXPECT_EQ(positions(page.messages), Positions{10});
  EXPECT_EQ(page.missing, all(11, 50, Absence::pending));
  page = ask({{50, 50}, {70, 71}}, kAllIssued, {.max_bytes = 1});
  EXPECT_EQ(positions(page.messages), Positions{50});
  EXPECT_EQ(page.missing, (Missing{{70, Absence::pending}, {71, Absence::not_issued}}));
  page = ask({{19, 20}}, kAllIssued, {.messages = 2});
  EXPECT_EQ(positions(page.messages), Positions{19});
  EXPECT_EQ(page.missing, all(20, 20, Absence::pending));
  page = ask({{20, 21}}, kAllIssued, {.messages = 1});
  EXPECT_EQ(positions(page.messages), Positions{20}) << "the first one is cut";
  EXPECT_EQ(page.missing, all(21, 21, Absence::pending));
}

/// Whatever publishers make of numbers: to ask again for what is pending brings every message of the chat.
TEST_F(StoreSequencesTest, AskingAgainForThePendingMakesProgress) {
  const auto seed = static_cast<unsigned>(std::random_device()());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto below = [&](unsigned bound) { return random() % bound; };
  constexpr SequenceNumber kNumbers = 40;
  std::set<Position> own;
  std::map<SequenceNumber, std::size_t> claims;
  std::vector<Message> messages;
  for (Position position = 1; position <= 400; ++position) {
    const SequenceNumber number = below(4) == 0 ? 7 : 1 + below(kNumbers);
    messages.push_back(claimed(position, number));
    ++claims[number];
  }
  for (SequenceNumber number = 1; number <= kNumbers; ++number) {
    if (below(8) == 0) continue;  // not readable yet
    messages.push_back(sample_message(1000 + number));
    messages.back().sequence = number;
    own.insert(1000 + number);
  }
  put(messages);
  issue(kNumbers);

  std::set<Position> got;
  std::vector<NumberRange> numbers{{1, kNumbers}};
  for (int round = 0; round < 100 && !numbers.empty(); ++round) {
    const SequencePage page = ask(numbers, kAllIssued, {.messages = 1 + below(30)});
    std::map<SequenceNumber, std::size_t> served;
    for (const auto& each : page.messages) {
      got.insert(each->position);
      if (each->client_sequence) ++served[*each->sequence];
    }
    std::size_t cut = 0;
    for (const auto& [number, count] : served) cut += count != claims[number];
    ASSERT_LE(cut, 1u) << "one number is cut at most";
    numbers.clear();
    for (const MissingNumber& each : page.missing) numbers.push_back({each.number, each.number});
  }
  for (const Position each : own) EXPECT_TRUE(got.contains(each)) << each;
}

/// A number that stays pending for ever must not keep the others out, however many claim it.
TEST_F(StoreSequencesTest, FloodOfAMissingNumberHidesNothing) {
  std::vector<Message> messages;
  for (Position position = 1; position <= 1500; ++position) messages.push_back(claimed(position, 5));
  for (const SequenceNumber number : {4, 6, 7}) {
    messages.push_back(sample_message(2000 + number));
    messages.back().sequence = number;
  }
  messages.push_back(claimed(3000, 6));
  put(messages);
  issue(7);
  SequencePage page = ask({{5, 7}});
  EXPECT_EQ(positions(page.messages), (Positions{2006, 3000, 2007}));
  EXPECT_EQ(page.missing, all(5, 5, Absence::pending));
  page = ask(std::vector<NumberRange>{{5, 5}});
  EXPECT_EQ(page.messages.size(), 1000u);
}

TEST_F(StoreSequencesTest, AnswerEndsAtItsSizeInJson) {
  std::vector<Message> messages;
  for (Position position = 1; position <= 1000; ++position) {
    messages.push_back(sample_message(position, std::string(255, '"')));
    messages.back().payload = R"({"content":")" + std::string(4000, 'x') + "\"}";
  }
  put(messages);
  const SequencePage page = ask({{1, 1000}}, 0, {}, std::string(255, '"'));
  std::string json;
  for (const auto& each : page.messages) model::append_event(json += ',', *each, std::nullopt);
  EXPECT_LE(json.size() + 64 * page.missing.size() + 256, 4u << 20);
  EXPECT_GT(page.messages.size(), 600u);
  EXPECT_EQ(page.messages.size() + page.missing.size(), 1000u);
}

TEST_F(StoreSequencesTest, WithTooLargeDeadLettersNothingIsGivenUp) {
  issue(5);
  const auto bury = [&](Position first, Position last) {
    for (Position position = first; position <= last; ++position) {
      Message large = sample_message(position, "chat-2");
      large.payload = R"({"content":")" + std::string(1 << 20, 'x') + "\"}";
      ports::QueuedMessage letter = testing::sample_letter(position);
      letter.message = std::make_shared<const Message>(std::move(large));
      commit([&](CommitBatch& batch) { batch.put_dead_letter("MessageStorageDLQ", letter); });
    }
  };
  bury(100, 106);
  EXPECT_EQ(missing({{5, 5}}), all(5, 5, Absence::expired));
  bury(107, 108);
  EXPECT_EQ(missing({{5, 5}}), all(5, 5, Absence::pending));
}

/// Redriven messages lie at other positions than their numbers suggest.
TEST_F(StoreSequencesTest, PositionsNeedNotFollowNumbers) {
  std::vector<Message> messages;
  for (SequenceNumber number = 1; number <= 40; ++number) {
    messages.push_back(sample_message(number % 5 == 0 ? 1000 - number : number));
    messages.back().sequence = number;
  }
  put(messages);
  issue(40);
  const SequencePage page = ask({{1, 40}});
  std::vector<SequenceNumber> numbers(40), found;
  std::iota(numbers.begin(), numbers.end(), 1);
  for (const auto& each : page.messages) found.push_back(*each->sequence);
  EXPECT_EQ(found, numbers);
}

}  // namespace
}  // namespace carillon::embedded
