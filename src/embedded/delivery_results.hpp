#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "base/recorder.hpp"
#include "embedded/commit_batch.hpp"
#include "embedded/delivery_record.hpp"
#include "model/message.hpp"

namespace carillon::embedded {

/// What became of messages, from the moment their delivery is over until it is on disk, which is the same
/// step as the queues' cursors (LocalCursors): so that `carillon trace` can tell days later who got a message
/// (CONTRACT §10). What is over and not yet on disk when the process is killed was, for the store, not
/// delivered: it is delivered again, and counted with that. Bus loop only, but for next_flush()
/// and what was dropped.
class DeliveryResults {
 public:
  struct Limits {
    std::size_t many = 65'536;  ///< results that wait before `on_many` is called
    std::size_t most =
        1'048'576;  ///< when the disk takes none: above it they are dropped, counted and logged
    std::size_t name_bytes = 16 << 20;  ///< above it results wait without names, counted and logged
  };
  /// `on_many` is to have them written.
  DeliveryResults(std::function<void()> on_many, Limits limits);
  explicit DeliveryResults(std::function<void()> on_many) : DeliveryResults(std::move(on_many), Limits()) {}

  /// `last` is the newest flush on disk. Before anything else.
  void start_after(std::uint64_t last) { next_flush_ = last + 1; }

  /// A delivery of `message` is over. Nobody reached and nobody gone is not worth a record.
  void add(const model::Message& message, std::uint32_t delivered, std::uint32_t gone,
           ports::UserListPtr users);

  bool empty() const { return waiting_.count + staged_.count == 0; }
  /// For LocalBus::Change::decide and ::done: writes all that is not on disk; what could not be written comes
  /// with the next batch, in place of what may have got there.
  void stage(CommitBatch& batch, base::EpochMs now);
  void written(bool durable);

  /// The first flush that is not known to be on disk: find() knows all from it on, the store all before.
  std::uint64_t next_flush() const { return next_flush_; }
  DeliveryTotals find(const model::Message& message) const;

  /// Any thread.
  std::uint64_t dropped() const { return dropped_.value(); }
  std::uint64_t names_dropped() const { return names_dropped_.value(); }

 private:
  struct Held {
    std::map<std::uint64_t, std::vector<DeliveryEntry>> buckets;
    std::map<model::MessageId, std::vector<DeliveryEntry>> redriven;
    std::size_t count = 0;
    std::size_t name_bytes = 0;

    void take(Held&& other);
    void sum_up(const model::Message& message, DeliveryTotals& totals) const;
  };
  std::vector<DeliveryEntry>& place_of(const model::Message& message);
  /// What the names cost; 0 when the entry before has the same ones.
  static std::size_t weight(const std::vector<DeliveryEntry>& before, const ports::UserListPtr& users);
  void report_dropped();

  std::function<void()> on_many_;
  Limits limits_;
  Held waiting_;                                  ///< since the last stage()
  Held staged_;                                   ///< written, or to be written again, as next_flush_
  std::vector<DeliveryEntry>* bucket_ = nullptr;  ///< of waiting_, the one used last
  std::uint64_t bucket_number_ = 0;
  std::atomic<std::uint64_t> next_flush_{1};
  base::Counter dropped_, names_dropped_;
  std::uint64_t reported_ = 0;
};

}  // namespace carillon::embedded
