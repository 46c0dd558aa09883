#include "bus/deduplication.hpp"

#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "model/errors.hpp"

namespace carillon::bus {
namespace {

ports::Publication publication() {
  ports::Publication made;
  made.type = model::MessageType::fifo;
  made.target = model::Target::chat("c");
  made.group_id = "g";
  made.sender = model::UserId("alice");
  made.payload = R"({"chatId":"c","eventType":"chat","content":"Hello!"})";
  made.attributes = {{"a", "x"}};
  return made;
}

using Change = std::function<void(ports::Publication&)>;

std::optional<DeduplicationKey> key_with(const Change& change, bool content_based = true) {
  auto made = publication();
  change(made);
  return deduplication_key(made, content_based);
}

TEST(DeduplicationKey, ByContentWhenThereIsNoId) {
  const auto key = deduplication_key(publication(), true);
  ASSERT_TRUE(key);
  EXPECT_EQ(key, deduplication_key(publication(), true));
  const std::vector<Change> changes{
      [](ports::Publication& p) { p.sender = model::UserId("bob"); },
      [](ports::Publication& p) { p.group_id = "h"; },
      [](ports::Publication& p) { p.target = model::Target::chat("d"); },
      [](ports::Publication& p) { p.target = model::Target::user("c"); },
      [](ports::Publication& p) { p.channel = "Email"; },
      [](ports::Publication& p) { p.payload += ' '; },
      [](ports::Publication& p) { p.attributes.clear(); },
      [](ports::Publication& p) { p.attributes["a"] = std::vector<std::string>{"x"}; },
      [](ports::Publication& p) { p.attributes["a"] = 1.0; },
      [](ports::Publication& p) { p.attributes["b"] = "x"; },
      [](ports::Publication& p) { p.deduplication_id = "1"; },
  };
  std::set<DeduplicationKey> keys{*key};
  for (const Change& change : changes) EXPECT_TRUE(keys.insert(*key_with(change)).second);
  EXPECT_EQ(keys.size(), changes.size() + 1);
}

TEST(DeduplicationKey, PartsCannotRunIntoOneAnother) {
  const auto a = key_with([](ports::Publication& p) {
    p.group_id = "ab";
    p.channel = "c";
  });
  const auto b = key_with([](ports::Publication& p) {
    p.group_id = "a";
    p.channel = "bc";
  });
  EXPECT_NE(a, b);
  EXPECT_NE(
      key_with([](ports::Publication& p) { p.attributes = {{"a", std::vector<std::string>{"b", "c"}}}; }),
      key_with([](ports::Publication& p) { p.attributes = {{"a", std::vector<std::string>{"bc"}}}; }));
}

TEST(DeduplicationKey, ByIdTheScopeIsTopicAndSender) {
  const auto key = key_with([](ports::Publication& p) { p.deduplication_id = "1"; });
  EXPECT_EQ(key, key_with([](ports::Publication& p) {
              p.deduplication_id = "1";
              p.payload = "{}";
              p.group_id = "another";
            }));
  EXPECT_NE(key, key_with([](ports::Publication& p) {
              p.deduplication_id = "1";
              p.sender = model::UserId("bob");
            }));
  EXPECT_NE(key, key_with([](ports::Publication& p) {
              p.deduplication_id = "1";
              p.type = model::MessageType::standard;
            }));
  EXPECT_NE(key, key_with([](ports::Publication& p) { p.deduplication_id = "2"; }));
}

TEST(DeduplicationKey, NoneWhereNothingIsDeduplicated) {
  EXPECT_FALSE(key_with([](ports::Publication& p) { p.type = model::MessageType::standard; }));
  EXPECT_TRUE(key_with([](ports::Publication& p) {
    p.type = model::MessageType::standard;
    p.deduplication_id = "1";
  }));
  EXPECT_FALSE(key_with([](auto&) {}, false));
  EXPECT_TRUE(key_with([](ports::Publication& p) { p.deduplication_id = "1"; }, false));
  EXPECT_FALSE(key_with([](ports::Publication& p) {
    p.type = model::MessageType::ephemeral;
    p.deduplication_id = "1";
  }));
}

/// The key is stored: what was made by one version must be found by the next.
TEST(DeduplicationKey, IsPartOfTheStorageFormat) {
  const auto hex = [](const std::optional<DeduplicationKey>& key) {
    std::string out;
    for (const std::uint8_t byte : key->bytes) {
      out += "0123456789abcdef"[byte >> 4];
      out += "0123456789abcdef"[byte & 15];
    }
    return out;
  };
  EXPECT_EQ(hex(deduplication_key(publication(), true)),
            "2262386c40d2b7cab54580fdf8112179054fa20b647a77f0dbf193c75c354c66");
  EXPECT_EQ(hex(key_with([](ports::Publication& p) { p.deduplication_id = "1"; })),
            "8b2cbafc153e9ad7116af7038f819f683af0873e2d614e19815595863c23bf2e");
}

DeduplicationKey key_of(std::uint8_t byte) {
  DeduplicationKey key;
  key.bytes.fill(byte);
  return key;
}

DeduplicationBatch::Lookup nothing() {
  return [](const DeduplicationKey&) { return std::optional<DeduplicationRecord>(); };
}

TEST(DeduplicationBatch, FindsCopiesInTheBatchFirst) {
  DeduplicationBatch batch;
  int lookups = 0;
  const DeduplicationBatch::Lookup lookup = [&](const DeduplicationKey&) {
    ++lookups;
    return std::optional<DeduplicationRecord>();
  };
  auto verdict = batch.decide(key_of(1), 0, 100, lookup);
  EXPECT_TRUE(std::holds_alternative<DeduplicationBatch::Fresh>(*verdict));
  EXPECT_TRUE(std::holds_alternative<DeduplicationBatch::Fresh>(*batch.decide(key_of(2), 1, 100, lookup)));
  verdict = batch.decide(key_of(1), 2, 100, lookup);
  ASSERT_TRUE(std::holds_alternative<DeduplicationBatch::Repeats>(*verdict));
  EXPECT_EQ(std::get<DeduplicationBatch::Repeats>(*verdict).index, 0u);
  EXPECT_EQ(lookups, 2);
  batch.withdraw(key_of(1));
  EXPECT_TRUE(std::holds_alternative<DeduplicationBatch::Fresh>(*batch.decide(key_of(1), 3, 100, lookup)));
  batch.clear();
  EXPECT_TRUE(std::holds_alternative<DeduplicationBatch::Fresh>(*batch.decide(key_of(2), 0, 100, lookup)));
}

TEST(DeduplicationBatch, FindsWhatIsCommittedUntilItExpires) {
  DeduplicationBatch batch;
  DeduplicationRecord record{.receipt = {.published_at = 50, .sequence = 7}, .expires_at = 100};
  const DeduplicationBatch::Lookup lookup = [&](const DeduplicationKey&) { return std::optional(record); };
  const auto verdict = batch.decide(key_of(1), 0, 99, lookup);
  ASSERT_TRUE(std::holds_alternative<ports::Receipt>(*verdict));
  const auto& receipt = std::get<ports::Receipt>(*verdict);
  EXPECT_TRUE(receipt.deduplicated);
  EXPECT_EQ(receipt.published_at, 50);
  EXPECT_EQ(receipt.sequence, 7u);
  EXPECT_TRUE(std::holds_alternative<DeduplicationBatch::Fresh>(*batch.decide(key_of(1), 1, 100, lookup)));
}

TEST(DeduplicationBatch, AStoreThatCannotBeReadDecidesNothing) {
  DeduplicationBatch batch;
  const auto failing = [](const DeduplicationKey&) -> base::Result<std::optional<DeduplicationRecord>> {
    return base::fail(model::errors::kUnavailable);
  };
  EXPECT_FALSE(batch.decide(key_of(1), 0, 0, failing));
  EXPECT_TRUE(std::holds_alternative<DeduplicationBatch::Fresh>(*batch.decide(key_of(1), 1, 0, nothing())));
}

}  // namespace
}  // namespace carillon::bus
