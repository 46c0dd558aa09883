#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace carillon::cli::bench {

/// The numbers of one stream (one channel and publisher) as one connection saw them come. A stream's numbers
/// start at 0 and rise by one.
class StreamTracker {
 public:
  enum class Seen { in_order, late, duplicate };

  /// `late`: one that was skipped before has come after all.
  Seen see(std::uint32_t number) {
    if (number == next_) {
      ++next_;
      return Seen::in_order;
    }
    return see_other(number);
  }

 private:
  Seen see_other(std::uint32_t number);

  std::uint32_t next_ = 0;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> missing_;  ///< [first, last], ascending
};

/// What became of every message of a run: it is done once it was answered (where the server answers) and all
/// its recipients have it. Message `index` belongs to stream `index % streams` and is number
/// `index / streams` there.
class Ledger {
 public:
  struct Shape {
    std::uint32_t messages = 0;
    std::uint32_t streams = 1;
    std::uint32_t recipients = 1;  ///< connections that each message is for
    bool answered = true;          ///< whether the server answers a publish
  };
  explicit Ledger(Shape shape);

  std::uint32_t stream_of(std::uint32_t index) const { return index % shape_.streams; }

  void sent(std::uint32_t index) {
    remaining_[index] = shape_.recipients + (shape_.answered ? 1 : 0);
    sent_ = index + 1;
    ++in_flight_;
  }
  /// The answer to `index`. A refused message is expected nowhere.
  void answered(std::uint32_t index, bool accepted);
  /// Whether `index` counts as delivered: duplicates and what was never sent do not.
  bool received(StreamTracker& tracker, std::uint32_t index) {
    if (index >= sent_) {
      ++stray_;
      return false;
    }
    const auto seen = tracker.see(index / shape_.streams);
    if (seen == StreamTracker::Seen::duplicate) {
      ++duplicated_;
      return false;
    }
    if (seen == StreamTracker::Seen::late) ++reordered_;
    ++delivered_;
    if (remaining_[index] != kRefused && remaining_[index] != 0 && --remaining_[index] == 0) --in_flight_;
    return true;
  }
  void stray() { ++stray_; }

  std::uint32_t sent() const { return sent_; }
  std::uint32_t in_flight() const { return in_flight_; }
  std::uint64_t delivered() const { return delivered_; }
  std::uint64_t answers() const { return answers_; }
  std::uint64_t refused() const { return refused_; }
  std::uint64_t duplicated() const { return duplicated_; }
  std::uint64_t reordered() const { return reordered_; }
  std::uint64_t strays() const { return stray_; }  ///< came where it does not belong
  /// Deliveries of accepted messages that never came; answers that never came count in unanswered().
  std::uint64_t lost() const;
  std::uint64_t unanswered() const { return shape_.answered ? sent_ - answers_ : 0; }

 private:
  static constexpr std::uint32_t kRefused = UINT32_MAX;

  Shape shape_;
  std::vector<std::uint32_t> remaining_;
  std::vector<bool> answer_seen_;
  std::uint32_t sent_ = 0;
  std::uint32_t in_flight_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t answers_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t duplicated_ = 0;
  std::uint64_t reordered_ = 0;
  std::uint64_t stray_ = 0;
};

}  // namespace carillon::cli::bench
