#include "embedded/delivery_record.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/bytes.hpp"
#include "embedded/crc32c.hpp"
#include "embedded/keys.hpp"

namespace carillon::embedded {
namespace {

using ports::UserListPtr;

UserListPtr users(std::vector<std::string> names) {
  std::vector<model::UserId> list;
  for (std::string& each : names) list.emplace_back(std::move(each));
  return std::make_shared<const std::vector<model::UserId>>(std::move(list));
}

std::string encoded(const std::vector<DeliveryEntry>& entries, base::EpochMs at = 1'800'000'000'000) {
  std::string bytes;
  record::append_deliveries(bytes, at, entries);
  return bytes;
}

std::string resealed(const std::string& bytes) {
  std::string out;
  base::append_big_endian32(out, crc32c(std::string_view(bytes).substr(4)));
  return out + bytes.substr(4);
}

DeliveryTotals totals(const DeliveryFragment& fragment, std::uint64_t offset) {
  DeliveryTotals sum;
  fragment.sum_up(offset, sum);
  return sum;
}

/// Entries whose lists are shared, equal without being shared, empty and missing.
std::vector<DeliveryEntry> arbitrary_entries() {
  std::vector<UserListPtr> lists{nullptr, users({})};
  for (int left = *rc::gen::inRange(0, 6); left > 0; --left) {
    std::vector<std::string> names;
    for (int n = *rc::gen::inRange(0, 33); n > 0; --n)
      names.push_back("u" + std::to_string(n) + *rc::gen::container<std::string>(rc::gen::arbitrary<char>()));
    lists.push_back(users(names));
  }
  std::vector<DeliveryEntry> entries;
  for (int left = *rc::gen::inRange(0, 50); left > 0; --left)
    entries.push_back({*rc::gen::inRange<std::uint32_t>(0, keys::kBucketPositions),
                       *rc::gen::arbitrary<std::uint32_t>(), *rc::gen::arbitrary<std::uint32_t>(),
                       *rc::gen::elementOf(lists)});
  return entries;
}

TEST(DeliveryRecord, ComesBackAsItWas) {
  EXPECT_TRUE(rc::check([](base::EpochMs at) {
    const auto entries = arbitrary_entries();
    const std::string bytes = encoded(entries, at);
    RC_ASSERT(record::deliveries_written_at(bytes) == at);
    const auto fragment = record::decode_deliveries(bytes);
    RC_ASSERT(fragment.has_value());
    RC_ASSERT(fragment->written_at == at);
    for (std::uint64_t offset = 0; offset < keys::kBucketPositions; ++offset) {
      DeliveryTotals expected;
      for (const DeliveryEntry& each : entries)
        if (each.offset == offset) expected.add(each.delivered, each.gone, each.users);
      const DeliveryTotals found = totals(*fragment, offset);
      RC_ASSERT(found.delivered == expected.delivered);
      RC_ASSERT(found.gone == expected.gone);
      const bool named = expected.users && !expected.users->empty();
      RC_ASSERT((found.users != nullptr) == named);
      if (named) RC_ASSERT(*found.users == *expected.users);
    }
  }));
}

TEST(DeliveryRecord, NamesAreWrittenOnce) {
  std::vector<DeliveryEntry> entries;
  const auto shared = users({std::string(100, 'a'), std::string(100, 'b')});
  for (std::uint32_t offset = 0; offset < 1024; ++offset)
    entries.push_back({offset, 2, 0, offset % 2 == 0 ? shared : users({std::string(100, 'b')})});
  EXPECT_LT(encoded(entries).size(), 200 + 1024 * 9u);
}

TEST(DeliveryRecord, SeveralEntriesOfOneMessageAddUp) {
  const auto fragment = record::decode_deliveries(
      encoded({{7, 1, 0, users({"ann"})}, {8, 9, 9, users({"eve"})}, {7, 2, 3, users({"bob", "ann"})}}));
  ASSERT_TRUE(fragment);
  const DeliveryTotals sum = totals(*fragment, 7);
  EXPECT_EQ(sum.delivered, 3u);
  EXPECT_EQ(sum.gone, 3u);
  EXPECT_EQ(*sum.users, (std::vector{model::UserId("ann"), model::UserId("bob")}));
}

TEST(DeliveryRecord, EveryFlippedBitAndEveryCutIsNoticed) {
  const std::string bytes = encoded({{1, 300, 0, users({"ann", "bob"})}, {1023, 1, 2, users({"ann"})}});
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(record::decode_deliveries(damaged)) << "bit " << bit;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(record::decode_deliveries(bytes.substr(0, size))) << size;
    if (size >= 5) EXPECT_FALSE(record::decode_deliveries(resealed(bytes.substr(0, size)))) << size;
  }
  EXPECT_FALSE(record::decode_deliveries(resealed(bytes + 'x')));
}

TEST(DeliveryRecord, HostileBytesAreNothingOrCanBeAsked) {
  EXPECT_TRUE(rc::check([] {
    std::string bytes = encoded(arbitrary_entries());
    for (int changes = *rc::gen::inRange(1, 6); changes > 0; --changes)
      bytes[*rc::gen::inRange<std::size_t>(5, bytes.size())] = *rc::gen::arbitrary<char>();
    const auto fragment = record::decode_deliveries(resealed(bytes));
    if (!fragment) return;
    for (const auto& each : fragment->entries) {
      RC_ASSERT(each.offset < keys::kBucketPositions);
      totals(*fragment, each.offset);
    }
  }));
}

TEST(DeliveryRecord, NumbersOutOfBoundsAreRefused) {
  const auto with = [](std::initializer_list<int> fields) {
    std::string bytes(4, '\0');
    bytes += '\1';
    bytes.append(8, '\0');
    for (const int each : fields) bytes += static_cast<char>(each);
    return record::decode_deliveries(resealed(bytes)).has_value();
  };
  EXPECT_TRUE(with({1, 1, 'a', 1, 1, 0, 1, 5, 1, 0, 1})) << "one user, one list, one entry";
  EXPECT_FALSE(with({1, 1, 'a', 1, 1, 1, 1, 5, 1, 0, 1})) << "a user that is not there";
  EXPECT_FALSE(with({1, 1, 'a', 1, 0, 1, 5, 1, 0, 1})) << "a list of nobody";
  EXPECT_FALSE(with({1, 1, 'a', 1, 1, 0, 1, 5, 1, 0, 2})) << "a list that is not there";
  EXPECT_FALSE(with({0, 0, 1, 0x80, 0x08, 1, 0, 0})) << "an offset beyond the bucket";
  EXPECT_FALSE(with({0, 0, 1, 5, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0})) << "a count over 32 bits";
  EXPECT_FALSE(with({0x7f, 0, 0})) << "more users than bytes";
  EXPECT_FALSE(with({0, 0, 0x7f})) << "more entries than bytes";
}

TEST(DeliveryRecord, KeysAreChecked) {
  const std::string value = encoded({{1, 1, 0, nullptr}});
  std::string bucket, redriven;
  keys::deliveries(bucket, 3);
  keys::redriven_deliveries(redriven, base::MessageId());
  for (const std::string& key : {bucket, redriven}) {
    EXPECT_TRUE(record::sound_deliveries(key + std::string(8, '\1'), value));
    EXPECT_FALSE(record::sound_deliveries(key + std::string(7, '\1'), value));
    EXPECT_FALSE(record::sound_deliveries(key + std::string(8, '\1'), value.substr(1)));
  }
  EXPECT_FALSE(record::sound_deliveries("", value));
  EXPECT_FALSE(record::sound_deliveries("f", value));
  EXPECT_FALSE(record::sound_deliveries("x", value));
}

}  // namespace
}  // namespace carillon::embedded
