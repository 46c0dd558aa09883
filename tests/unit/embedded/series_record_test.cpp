#include "embedded/series_record.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/bytes.hpp"
#include "embedded/crc32c.hpp"
#include "embedded/parsed_keys.hpp"
#include "embedded/record_writer.hpp"

namespace carillon::embedded {
namespace {

using base::Histogram;
using ports::Resolution;

Histogram arbitrary_values() {
  Histogram values;
  for (int left = *rc::gen::inRange(0, 60); left > 0; --left)
    values.add(*rc::gen::arbitrary<std::uint64_t>() >> *rc::gen::inRange(24, 64),
               *rc::gen::inRange<std::uint64_t>(0, 1'000'000));
  return values;
}

std::string encoded(const Histogram& values) {
  std::string bytes;
  record::append_series(bytes, values);
  return bytes;
}

/// With a checksum that fits, so that only the fields can give it away.
std::string resealed(const std::string& bytes) {
  std::string out;
  base::append_big_endian32(out, crc32c(std::string_view(bytes).substr(4)));
  return out + bytes.substr(4);
}

std::string record_of(std::initializer_list<std::uint64_t> fields) {
  std::string bytes;
  const std::size_t start = record::open_record(bytes);
  for (const std::uint64_t each : fields) record::varint(bytes, each);
  record::seal(bytes, start);
  return bytes;
}

TEST(SeriesRecord, ComesBackAsItWas) {
  EXPECT_TRUE(rc::check([] {
    const Histogram values = arbitrary_values();
    RC_ASSERT(record::decode_series(encoded(values)) == values);
  }));
}

TEST(SeriesRecord, TakesLittleRoom) {
  Histogram values;
  EXPECT_LE(encoded(values).size(), 9u);
  values.add(1, 1000);
  EXPECT_LE(encoded(values).size(), 13u);
  for (std::uint64_t us = 100; us < 1'000'000; us += us / 7) values.add(us, 100);
  EXPECT_LE(encoded(values).size(), 200u);
}

TEST(SeriesRecord, AnyBytesAreTakenAndWhatNoEncoderWroteIsNothing) {
  EXPECT_TRUE(rc::check([] {
    std::string bytes = encoded(arbitrary_values());
    if (*rc::gen::arbitrary<bool>()) bytes.resize(*rc::gen::inRange<std::size_t>(5, bytes.size() + 1));
    for (int left = *rc::gen::inRange(0, 4); left > 0; --left)
      bytes[*rc::gen::inRange<std::size_t>(4, bytes.size())] = *rc::gen::arbitrary<char>();
    bytes = resealed(bytes);
    if (const auto values = record::decode_series(bytes)) {
      RC_ASSERT(values->min() <= values->max());
      RC_ASSERT(values->buckets().size() <= base::log_linear::kBuckets);
      RC_ASSERT(encoded(*values) == bytes);
    }
  }));
  const std::uint64_t most = ~std::uint64_t{0};
  EXPECT_TRUE(record::decode_series(record_of({3, 3, 3, 1, 3, 1})));
  EXPECT_FALSE(record::decode_series(record_of({3, 4, 3, 1, 3, 1}))) << "extremes the wrong way round";
  EXPECT_FALSE(record::decode_series(record_of({3, 3, 3, 1, 3, 0}))) << "a bucket without any";
  EXPECT_FALSE(record::decode_series(record_of({3, 3, 3, 1, base::log_linear::kBuckets, 1})));
  EXPECT_FALSE(record::decode_series(record_of({3, 3, 3, 1, most, 1})));
  EXPECT_FALSE(record::decode_series(record_of({3, 3, 3, 2, 3, 1, base::log_linear::kBuckets - 4, 1})));
  EXPECT_TRUE(record::decode_series(record_of({3, 3, 3, 2, 3, 1, base::log_linear::kBuckets - 5, 1})));
  EXPECT_FALSE(record::decode_series(record_of({3, 3, 3, 2, 3, most, 1, 1}))) << "more than can be counted";
  EXPECT_FALSE(record::decode_series(record_of({3, 3, 3, most}))) << "more buckets than there are bytes";
  EXPECT_FALSE(record::decode_series(record_of({3, 0, 3, 0}))) << "values of nothing";
  EXPECT_FALSE(record::decode_series(record_of({0, 0, 0, 0, 0})));
  EXPECT_FALSE(record::decode_series(""));
}

TEST(SeriesRecord, EveryFlippedBitIsNoticed) {
  Histogram values;
  values.add(12);
  values.add(30'000, 7);
  const std::string bytes = encoded(values);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(record::decode_series(damaged)) << "bit " << bit;
  }
}

TEST(SeriesKey, SaysWhatItWasMadeOfAndNothingElseIsOne) {
  std::string key;
  keys::series(key, static_cast<char>(Resolution::five_minutes), "QueueAge");
  base::append_big_endian(key, 300'000);
  const auto parsed = parse_series_key(key);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->resolution, Resolution::five_minutes);
  EXPECT_EQ(parsed->metric, "QueueAge");
  EXPECT_EQ(parsed->start, 300'000);
  for (std::size_t size = 0; size < key.size(); ++size)
    EXPECT_FALSE(parse_series_key(key.substr(0, size))) << size;
  EXPECT_FALSE(parse_series_key(key + '\0'));
  EXPECT_FALSE(parse_series_key('\3' + key.substr(1))) << "no such resolution";
  EXPECT_FALSE(parse_series_key('\1' + key.substr(1, 0) + '\0' + key.substr(key.size() - 8))) << "no name";
  key.back() = static_cast<char>(key.back() + 1);
  EXPECT_FALSE(parse_series_key(key)) << "no slot begins there";
}

}  // namespace
}  // namespace carillon::embedded
