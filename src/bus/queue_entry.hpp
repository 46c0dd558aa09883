#pragma once

#include "base/clock.hpp"
#include "model/message.hpp"

namespace carillon::bus {

/// An entry handed to the consumer.
struct TakenEntry {
  model::Position position = 0;
  int attempt = 1;  ///< which one this is, from 1
  base::EpochMs enqueued_at = 0;
};

/// An entry as somebody who looks into the queue sees it.
struct PeekedEntry {
  model::Position position = 0;
  int attempts = 0;  ///< made so far, the one under way included
  base::EpochMs enqueued_at = 0;
};

/// One entry's state.
struct EntryState {
  int attempts = 0;  ///< made so far, the one under way included
  bool in_flight = false;
};

}  // namespace carillon::bus
