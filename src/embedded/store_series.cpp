#include <algorithm>

#include "base/bytes.hpp"
#include "embedded/parsed_keys.hpp"
#include "embedded/series_record.hpp"
#include "embedded/store_reading.hpp"

namespace carillon::embedded {

using base::EpochMs;
using base::Result;
using ports::Resolution;

namespace {

/// Where the slots that start at `start` or later begin; none starts before 1970.
std::string slot_key(Resolution resolution, std::string_view metric, EpochMs start) {
  std::string key;
  keys::series(key, static_cast<char>(resolution), metric);
  base::append_big_endian(key, static_cast<std::uint64_t>(std::max<EpochMs>(start, 0)));
  return key;
}

}  // namespace

Result<void> Store::read_series(std::string_view metric, Resolution resolution, EpochMs from, EpochMs to,
                                const ports::SeriesTable::Visitor& visit) const {
  if (to <= from) return {};
  const Reading reading(*this);
  if (!reading) return store_closed();
  const std::string first = slot_key(resolution, metric, from), end = slot_key(resolution, metric, to);
  const rocksdb::Slice lower = slice(first), upper = slice(end);
  const auto at = reading->iterate(keys::kSeries, &lower, &upper);
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const auto key = parse_series_key(view(at->key()));
    const auto values = record::decode_series(view(at->value()));
    if (!key || !values) return record_damaged(*reading, keys::kSeries);
    visit(key->start, *values);
  }
  if (!at->status().ok()) return read_failed(*reading, at->status());
  return {};
}

Result<void> Store::write_series(const std::vector<ports::SeriesCell>& cells) {
  CommitBatch batch;
  for (const ports::SeriesCell& each : cells)
    batch.put_series(slot_key(each.resolution, each.metric, each.start), each.values);
  return write(batch, generation(), Waiting::for_nothing);
}

Result<void> Store::forget_series(Resolution resolution, EpochMs before) {
  CommitBatch batch;
  {
    const Reading reading(*this);
    if (!reading) return store_closed();
    const std::string first(1, static_cast<char>(resolution)), end = keys::after(first);
    const rocksdb::Slice lower = slice(first), upper = slice(end);
    const auto at = reading->iterate(keys::kSeries, &lower, &upper);
    // The oldest slot of each metric in turn.
    for (at->SeekToFirst(); at->Valid();) {
      const auto key = parse_series_key(view(at->key()));
      if (!key) return record_damaged(*reading, keys::kSeries);
      if (key->start < before)
        batch.forget_series(view(at->key()), slot_key(resolution, key->metric, before));
      std::string metric;
      keys::series(metric, static_cast<char>(resolution), key->metric);
      at->Seek(keys::after(metric));
    }
    if (!at->status().ok()) return read_failed(*reading, at->status());
  }
  return write(batch, generation(), Waiting::for_nothing);
}

}  // namespace carillon::embedded
