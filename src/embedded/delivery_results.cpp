#include "embedded/delivery_results.hpp"

#include <iterator>
#include <utility>

#include "base/log.hpp"
#include "embedded/keys.hpp"

namespace carillon::embedded {
namespace {

template <typename Key>
void append_all(std::map<Key, std::vector<DeliveryEntry>>& to,
                std::map<Key, std::vector<DeliveryEntry>>&& from) {
  for (auto& [key, entries] : from) {
    std::vector<DeliveryEntry>& all = to[key];
    all.insert(all.end(), std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end()));
  }
}

}  // namespace

DeliveryResults::DeliveryResults(std::function<void()> on_many, Limits limits)
    : on_many_(std::move(on_many)), limits_(limits) {}

void DeliveryResults::add(const model::Message& message, std::uint32_t delivered, std::uint32_t gone,
                          ports::UserListPtr users) {
  if (delivered == 0 && gone == 0) return;
  const std::size_t held = waiting_.count + staged_.count;
  if (held >= limits_.most) {
    dropped_.add();
    return;
  }
  std::vector<DeliveryEntry>& entries = place_of(message);
  if (users) {
    const std::size_t bytes = weight(entries, users);
    if (waiting_.name_bytes + staged_.name_bytes + bytes > limits_.name_bytes) {
      users.reset();
      names_dropped_.add();
    } else {
      waiting_.name_bytes += bytes;
    }
  }
  const std::uint64_t offset = message.redrive ? 0 : message.position % keys::kBucketPositions;
  entries.push_back({static_cast<std::uint32_t>(offset), delivered, gone, std::move(users)});
  if (++waiting_.count == limits_.many) on_many_();
}

std::vector<DeliveryEntry>& DeliveryResults::place_of(const model::Message& message) {
  if (message.redrive) return waiting_.redriven[message.id];
  const std::uint64_t bucket = message.position / keys::kBucketPositions;
  if (!bucket_ || bucket_number_ != bucket) {
    bucket_ = &waiting_.buckets[bucket];
    bucket_number_ = bucket;
  }
  return *bucket_;
}

std::size_t DeliveryResults::weight(const std::vector<DeliveryEntry>& before,
                                    const ports::UserListPtr& users) {
  if (!before.empty() && before.back().users == users) return 0;
  std::size_t bytes = 0;
  for (const model::UserId& each : *users) bytes += sizeof each + each.str().size();
  return bytes;
}

void DeliveryResults::stage(CommitBatch& batch, base::EpochMs now) {
  staged_.take(std::exchange(waiting_, {}));
  bucket_ = nullptr;
  report_dropped();
  if (staged_.count == 0) return;
  for (const auto& [bucket, entries] : staged_.buckets)
    batch.put_deliveries(bucket, next_flush_, now, entries);
  for (const auto& [id, entries] : staged_.redriven) batch.put_deliveries(id, next_flush_, now, entries);
  batch.set_delivery_flush(next_flush_);
}

void DeliveryResults::written(bool durable) {
  if (!durable || staged_.count == 0) return;
  staged_ = {};
  ++next_flush_;
}

DeliveryTotals DeliveryResults::find(const model::Message& message) const {
  DeliveryTotals totals;
  staged_.sum_up(message, totals);
  waiting_.sum_up(message, totals);
  return totals;
}

void DeliveryResults::Held::take(Held&& other) {
  if (count == 0) {
    *this = std::move(other);
    return;
  }
  append_all(buckets, std::move(other.buckets));
  append_all(redriven, std::move(other.redriven));
  count += other.count;
  name_bytes += other.name_bytes;
}

void DeliveryResults::Held::sum_up(const model::Message& message, DeliveryTotals& totals) const {
  if (const auto found = buckets.find(message.position / keys::kBucketPositions); found != buckets.end())
    for (const DeliveryEntry& each : found->second)
      if (each.offset == message.position % keys::kBucketPositions)
        totals.add(each.delivered, each.gone, each.users);
  if (const auto found = redriven.find(message.id); found != redriven.end())
    for (const DeliveryEntry& each : found->second) totals.add(each.delivered, each.gone, each.users);
}

void DeliveryResults::report_dropped() {
  if (dropped() + names_dropped() == reported_) return;
  reported_ = dropped() + names_dropped();
  base::log::warn("delivery_results_dropped", "too many results wait for the disk: traces are incomplete",
                  {{"results_total", dropped()}, {"names_total", names_dropped()}});
}

}  // namespace carillon::embedded
