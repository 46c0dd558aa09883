#include "base/bytes.hpp"
#include "embedded/store_reading.hpp"

namespace carillon::embedded {

using base::Result;

namespace {

/// Adds what the fragments under `prefix`, of these flushes, say about `offset`.
Result<void> sum_up(const Database& database, const std::string& prefix, FlushRange flushes,
                    std::uint64_t offset, DeliveryTotals& totals) {
  std::string first = prefix, end = prefix;
  base::append_big_endian(first, flushes.from);
  base::append_big_endian(end, flushes.before);
  const rocksdb::Slice lower = slice(first), upper = slice(end);
  const auto at = database.iterate(keys::kDeliveries, &lower, &upper);
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const auto fragment = record::decode_deliveries(view(at->value()));
    if (!fragment) return record_damaged(database, keys::kDeliveries);
    fragment->sum_up(offset, totals);
  }
  if (!at->status().ok()) return read_failed(database, at->status());
  return {};
}

}  // namespace

Result<std::uint64_t> Store::last_delivery_flush() const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  rocksdb::PinnableSlice value;
  const rocksdb::Status status =
      reading->get(keys::kDeliveries, std::string_view(&keys::kFlushTag, 1), value);
  if (status.IsNotFound()) return 0;
  if (!status.ok()) return read_failed(*reading, status);
  const auto flush = record::decode_number(view(value));
  if (!flush) return record_damaged(*reading, keys::kDeliveries);
  return *flush;
}

Result<DeliveryTotals> Store::delivery_result(model::Position position, const model::MessageId& id,
                                              FlushRange flushes) const {
  const Reading reading(*this);
  if (!reading) return store_closed();
  DeliveryTotals totals;
  std::string bucket, redriven;
  keys::deliveries(bucket, position / keys::kBucketPositions);
  keys::redriven_deliveries(redriven, id);
  if (auto summed = sum_up(*reading, bucket, flushes, position % keys::kBucketPositions, totals); !summed)
    return std::unexpected(std::move(summed.error()));
  if (auto summed = sum_up(*reading, redriven, flushes, 0, totals); !summed)
    return std::unexpected(std::move(summed.error()));
  return totals;
}

}  // namespace carillon::embedded
