#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/recorder.hpp"
#include "bus/topic.hpp"
#include "ports/metric_set.hpp"

namespace carillon::embedded {

/// How the queues stand, as the bus loop said last, and what came to and went from their dead letters. The
/// bus loop writes, any thread reads.
class QueueFigures {
 public:
  struct Levels {
    std::uint64_t depth = 0;
    std::uint64_t in_flight = 0;
    std::optional<base::EpochMs> oldest;  ///< publish time: its age rises even when nobody looks
  };

  explicit QueueFigures(const std::vector<bus::QueueDefinition>& queues);

  void set(bus::QueueIndex queue, const Levels& levels);
  void set_dead_letters(bus::QueueIndex queue, std::size_t count) { places_[queue].dead_letters = count; }
  void dead_letter_added(bus::QueueIndex queue) { places_[queue].added.add(); }
  void dead_letters_dropped(std::uint64_t count) { dropped_.add(count); }
  void redriven(std::uint64_t count) { redriven_.add(count); }

  void collect(ports::MetricSet& into) const;

 private:
  struct Place {
    std::string name, dead_letter_queue;
    std::atomic<std::uint64_t> depth{0}, in_flight{0}, dead_letters{0};
    std::atomic<base::EpochMs> oldest{0};  ///< 0: none
    base::Counter added;
  };

  std::vector<Place> places_;  ///< by queue
  base::Counter dropped_, redriven_;
};

}  // namespace carillon::embedded
