#include "embedded/series_record.hpp"

#include <algorithm>
#include <limits>

#include "embedded/record_reader.hpp"
#include "embedded/record_writer.hpp"

namespace carillon::embedded::record {
namespace {

/// Written of each bucket at least: how far on it is, and its count.
constexpr std::size_t kLeastEntry = 2;

}  // namespace

void append_series(std::string& out, const base::Histogram& values) {
  const std::size_t start = open_record(out);
  varint(out, values.sum());
  varint(out, values.min());
  varint(out, values.max());
  const auto buckets = values.buckets();
  varint(out, static_cast<std::uint64_t>(
                  std::ranges::count_if(buckets, [](std::uint64_t each) { return each > 0; })));
  std::size_t next = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    if (buckets[i] == 0) continue;
    varint(out, i - next);
    varint(out, buckets[i]);
    next = i + 1;
  }
  seal(out, start);
}

std::optional<base::Histogram> decode_series(std::string_view bytes) {
  auto in = RecordReader::open(bytes, kVersion);
  if (!in) return std::nullopt;
  const std::uint64_t sum = in->varint(), min = in->varint(), max = in->varint();
  std::vector<std::uint64_t> buckets;
  std::uint64_t total = 0;
  for (std::uint64_t left = in->count(kLeastEntry); left > 0 && in->good(); --left) {
    const std::uint64_t skipped = in->varint(), count = in->varint();
    if (skipped >= base::log_linear::kBuckets - buckets.size() || count == 0 ||
        count > std::numeric_limits<std::uint64_t>::max() - total)
      return std::nullopt;
    buckets.resize(buckets.size() + skipped);
    buckets.push_back(count);
    total += count;
  }
  const bool nothing = sum == 0 && min == 0 && max == 0;
  if (!in->at_end() || min > max || (buckets.empty() && !nothing)) return std::nullopt;
  return base::Histogram::of_parts(std::move(buckets), sum, min, max);
}

}  // namespace carillon::embedded::record
