#include <algorithm>

#include "embedded/database.hpp"
#include "embedded/record.hpp"
#include "embedded/store_upkeep.hpp"
#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded {
namespace {

using model::Target;
using testing::kStart;
using testing::sample_letter;
using testing::sample_message;
using testing::store_one;
using testing::StoreTest;
using ::testing::Test;

/// Damages a sound store behind its back and sees what is said of it.
class VerifyTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    publish(1, 9);
    commit([](CommitBatch& batch) {
      batch.set_sequence("chat-1", 9);
      batch.set_cursor("Queue", 9);
      batch.mark_settled("Queue", 8);
      batch.put_permission(
          {model::UserId("bob"), Target::chat("chat-1"), model::Role::member, kStart, model::UserId("root")});
      batch.put_dead_letter("DLQ", sample_letter(5));
      batch.add_deduplication(std::string(kDeduplicationKeyBytes, 'd'), {}, kStart + 1'000'000);
    });
  }

  std::string number(std::uint64_t value) {
    std::string bytes;
    record::append_number(bytes, value);
    return bytes;
  }
  std::string message_key(model::Position position) {
    std::string key;
    keys::target(key, model::TargetClass::chat, "chat-1");
    base::append_big_endian(key, position);
    return key;
  }
  std::string chat_key() {
    std::string key;
    keys::id(key, "chat-1");
    return key;
  }
  std::string index_key(model::Position position) {
    std::string key;
    append_sequence_index_key(key, sample_message(position));
    return key;
  }
  std::string queue_key(char tag, std::string_view queue) {
    std::string key;
    keys::tagged(key, tag, queue);
    return key;
  }
  std::string get(keys::ColumnFamily family, const std::string& key) {
    std::string value;
    damage([&](const Database& database) {
      ASSERT_TRUE(database.db().Get({}, database.handle(family), key, &value).ok());
    });
    return value;
  }
  void put(keys::ColumnFamily family, const std::string& key, const std::string& value) {
    damage([&](const Database& database) {
      ASSERT_TRUE(database.db().Put({}, database.handle(family), key, value).ok());
    });
  }
  void remove(keys::ColumnFamily family, const std::string& key) {
    get(family, key);  // is there
    damage([&](const Database& database) {
      ASSERT_TRUE(database.db().Delete({}, database.handle(family), key).ok());
    });
  }
  template <typename Change>
  void damage(Change change) {
    store_.reset();
    const auto retention = std::make_shared<RetentionInForce>(Retention());
    const auto database = Database::open(this->database(), options(), retention, Opening::existing);
    ASSERT_TRUE(database) << database.error().details();
    change(**database);
  }

  CheckReport check() {
    if (!store_) open();
    auto report = StoreUpkeep(*store_).check([](auto, auto) {}, {});
    EXPECT_TRUE(report) << report.error().details();
    return report ? *report : CheckReport();
  }
  /// Exactly these findings, in order, each of which has the words.
  void expect(const std::vector<std::vector<std::string>>& findings) {
    const CheckReport report = check();
    std::string all;
    for (const std::string& each : report.findings) all += each + '\n';
    ASSERT_EQ(report.findings.size(), findings.size()) << all;
    EXPECT_EQ(report.findings_total, findings.size());
    for (std::size_t i = 0; i < findings.size(); ++i)
      for (const std::string& word : findings[i])
        EXPECT_NE(report.findings[i].find(word), std::string::npos) << word << " in " << report.findings[i];
    if (!findings.empty()) {
      EXPECT_FALSE(store_->verify());
    }
  }
};

TEST_F(VerifyTest, SoundStoreHasNoFindings) {
  expect({});
  EXPECT_GT(check().records, 9u * 4);
  EXPECT_TRUE(store_->verify());
}

TEST_F(VerifyTest, MessageWithoutItsSequenceEntry) {
  remove(keys::kSequenceIndex, index_key(4));
  expect({{"messages", "chat:chat-1", "position 4", "sequence_index", "number 4"}});
}

TEST_F(VerifyTest, MessageWithoutItsIdEntry) {
  std::string id;
  damage([&](const Database& database) {
    std::string value;
    ASSERT_TRUE(database.db().Get({}, database.handle(keys::kMessages), message_key(4), &value).ok());
    id = std::string(record::decode_message(value)->id.view());
  });
  remove(keys::kMessageIds, id);
  expect({{"messages", "position 4", "message_ids"}});
}

TEST_F(VerifyTest, EntriesWithoutTheirMessage) {
  remove(keys::kMessages, message_key(4));
  expect({{"sequence_index", "number 4", "missing"}, {"message_ids", "position 4", "missing"}});
}

TEST_F(VerifyTest, PartnersThatRetentionTookAreNotMissed) {
  store_.reset();
  StoreOptions short_lived = options();
  short_lived.retention.overrides["chat-"] = std::chrono::hours(1);
  ASSERT_TRUE(Store::open(directory_.path(), short_lived));
  remove(keys::kMessages, message_key(4));
  remove(keys::kSequenceIndex, index_key(6));
  const auto findings = check().findings_total;
  EXPECT_EQ(findings, 3u) << "nothing has expired yet";
  now_ = kStart + 3'600'000 + 100;
  reopen();  // with another retention: what was in force once is remembered
  expect({});
}

TEST_F(VerifyTest, WhatExpiresWhileItRunsIsNotMissed) {
  store_.reset();
  StoreOptions passing = options();
  passing.retention.standard = std::chrono::hours(1);
  // The time comes when the first thing is compared, as it does in a long run.
  int asked = 0;
  passing.clock = [this, &asked] { return asked++ == 0 ? now_ : kStart + 3'600'000 + 100; };
  remove(keys::kMessages, message_key(4));
  remove(keys::kSequenceIndex, index_key(6));
  auto opened = Store::open(directory_.path(), passing);
  ASSERT_TRUE(opened) << opened.error().details();
  asked = 0;
  const auto report = StoreUpkeep(**opened).check([](auto, auto) {}, {});
  ASSERT_TRUE(report);
  EXPECT_LE(report->findings_total, 1u) << "only what was compared before";
}

TEST_F(VerifyTest, EntryOfAnotherNumber) {
  const std::string value = get(keys::kSequenceIndex, index_key(4));
  std::string key;
  keys::sequence_index(key, "chat-1", keys::kServerNumber);
  base::append_big_endian(key, 40);
  base::append_big_endian(key, 4);
  put(keys::kSequenceIndex, key, value);
  expect({{"sequence_index", "number 40", "another number"}});
}

TEST_F(VerifyTest, RecordInAnotherPlace) {
  const std::string value = get(keys::kMessages, message_key(4));
  put(keys::kMessages, message_key(40), value);
  expect({{"messages", "position 40", "another place"}});
}

TEST_F(VerifyTest, CounterBelowTheNumbersGivenOut) {
  put(keys::kSequences, chat_key(), number(7));
  expect({{"log", "position 8", "number 8", "at 7"},
          {"log", "position 9"},
          {"messages", "position 8", "number 8", "at 7"},
          {"messages", "position 9"}});
}

TEST_F(VerifyTest, MissingCounter) {
  remove(keys::kSequences, chat_key());
  EXPECT_EQ(check().findings_total, 18u);
}

TEST_F(VerifyTest, LogRecordUnderAnotherPosition) {
  std::string fourth, tenth;
  base::append_big_endian(fourth, 4);
  base::append_big_endian(tenth, 10);
  put(keys::kLog, fourth, get(keys::kLog, fourth.substr(0, 7) + '\x03'));
  expect({{"log", "position 4", "position 3"}});
}

TEST_F(VerifyTest, PermissionsThatDisagree) {
  const Target chat = Target::chat("chat-1");
  std::string by_user, by_target, value;
  keys::permission_by_user(by_user, "bob", chat);
  keys::target(by_target, chat.target_class, chat.id);
  keys::id(by_target, "bob");
  remove(keys::kPermissionsByTarget, by_target);
  expect({{"permissions_by_user", "bob", "chat:chat-1", "permissions_by_target"}});

  record::append_permission(value,
                            {model::UserId("bob"), chat, model::Role::admin, kStart, model::UserId("root")});
  put(keys::kPermissionsByTarget, by_target, value);
  expect({{"permissions_by_user", "something else"}, {"permissions_by_target", "something else"}});

  remove(keys::kPermissionsByUser, by_user);
  expect({{"permissions_by_target", "bob", "permissions_by_user"}});
}

TEST_F(VerifyTest, NumberOfOwnersThatIsNotTheirs) {
  const auto entry = [](std::string user, model::Role role) {
    return ports::Permission{model::UserId(std::move(user)), Target::chat("chat-2"), role, kStart,
                             model::UserId("root")};
  };
  std::string key;
  keys::target(key, model::TargetClass::chat, "chat-2");
  commit([&](CommitBatch& batch) {
    batch.put_permission(entry("ann", model::Role::owner));
    batch.put_permission(entry("bob", model::Role::owner));
    batch.put_permission(entry("cat", model::Role::admin));
    batch.set_owners(Target::chat("chat-2"), 2);
  });
  expect({});
  remove(keys::kPermissionsByTarget, key);
  expect({{"permissions_by_target", "chat:chat-2", "2 owners", "says 0"}});
  put(keys::kPermissionsByTarget, key, number(3));
  expect({{"permissions_by_target", "chat:chat-2", "2 owners", "says 3"}});
  put(keys::kPermissionsByTarget, key, "damaged");
  EXPECT_EQ(check().findings.front(), "permissions_by_target: chat:chat-2: the number of owners is damaged");
  put(keys::kPermissionsByTarget, key, number(2));
  std::string nobody;
  keys::target(nobody, model::TargetClass::chat, "a chat without entries");
  put(keys::kPermissionsByTarget, nobody, number(1));
  expect({{"permissions_by_target", "a chat without entries", "0 owners", "says 1"}});
}

TEST_F(VerifyTest, DeadLettersAndTheirIds) {
  std::string letter = queue_key(keys::kLetterTag, "DLQ");
  base::append_big_endian(letter, 5);
  const std::string value = get(keys::kDeadLetters, letter);
  const std::string by_id = queue_key(keys::kLetterIdTag, "DLQ") +
                            std::string(record::decode_dead_letter(value)->message->id.view());
  remove(keys::kDeadLetters, by_id);
  expect({{"dead_letters", "DLQ", "position 5", "message id"}});
  put(keys::kDeadLetters, by_id, number(5));
  expect({});
  remove(keys::kDeadLetters, letter);
  expect({{"dead_letters", "DLQ", "position 5", "letter is not"}});
}

TEST_F(VerifyTest, MarkBeyondTheLog) {
  std::string mark = queue_key(keys::kSettledTag, "Queue");
  base::append_big_endian(mark, 12);
  put(keys::kCursors, mark, "");
  expect({{"cursors", "Queue", "12", "ends at 9"}});
}

TEST_F(VerifyTest, EveryFamilysRecordsAreRead) {
  std::string position;
  base::append_big_endian(position, 7);
  const std::vector<std::pair<keys::ColumnFamily, std::string>> places{
      {keys::kMeta, "something"},
      {keys::kLog, position},
      {keys::kDeadLetters, queue_key(keys::kLetterTag, "DLQ") + position},
      {keys::kMessages, message_key(7)},
      {keys::kSequenceIndex, index_key(7)},
      {keys::kMessageIds, std::string(16, 'm')},
      {keys::kPermissionsByUser, chat_key() + chat_key() + '\x05'},
      {keys::kPermissionsByTarget, '\x05' + chat_key() + chat_key()},
      {keys::kSequences, chat_key() + "x"},
      {keys::kDeduplication, std::string(kDeduplicationKeyBytes, 'e')},
      {keys::kDeliveries, "?"},
  };
  for (const auto& [family, key] : places) put(family, key, "damaged");
  const CheckReport report = check();
  for (const auto& [family, key] : places) {
    const std::string name(keys::kColumnFamilyNames[family]);
    EXPECT_TRUE(std::ranges::any_of(report.findings, [&](const std::string& each) {
      return each.starts_with(name + ":");
    })) << name;
  }
}

TEST_F(VerifyTest, OnlyTheFirstFindingsAreListed) {
  commit([](CommitBatch& batch) {
    for (model::Position position = 10; position <= 400; ++position)
      store_one(batch, sample_message(position));
  });
  const CheckReport report = check();
  EXPECT_EQ(report.findings.size(), CheckReport::kMostListed);
  EXPECT_EQ(report.findings_total, 391u);
}

TEST_F(VerifyTest, CanBeStopped) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(StoreUpkeep(*store_).check([](auto, auto) {}, stop.get_token()));
}

}  // namespace
}  // namespace carillon::embedded
