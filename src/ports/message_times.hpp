#pragma once

#include <optional>

#include "model/message.hpp"

namespace carillon::ports {

/// When a message was published and when the processor took it up: what its subscribers see as
/// publishTimestamp and processorTimestamp.
struct MessageTimes {
  base::EpochMs published_at = 0;
  base::EpochMs processed_at = 0;
};

/// The times of the messages that were processed last: a bounded window, from which older and sometimes newer
/// ones drop out. Any thread; takes no lock.
class MessageTimesWindow {
 public:
  virtual ~MessageTimesWindow() = default;
  virtual std::optional<MessageTimes> find(const model::MessageId& id) const = 0;
};

}  // namespace carillon::ports
