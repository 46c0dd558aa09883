#include "message_retrieval/message_state.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace carillon::message_retrieval {
namespace {

using ports::QueueTrace;

/// CONTRACT §11: the queue that takes every message and delivers none.
constexpr std::string_view kStorageQueue = "MessageStorageQueue";

bool any(const ports::MessageTrace& trace, QueueTrace::State state, bool delivering_only) {
  return std::ranges::any_of(trace.queues, [&](const QueueTrace& each) {
    return each.state == state && !(delivering_only && each.queue == kStorageQueue);
  });
}

}  // namespace

std::string_view name(MessageState state) {
  switch (state) {
    case MessageState::published:
      return "published";
    case MessageState::queued:
      return "queued";
    case MessageState::processing:
      return "processing";
    case MessageState::delivered:
      return "delivered";
    case MessageState::stored:
      return "stored";
    case MessageState::failed:
      return "failed";
    case MessageState::expired:
      return "expired";
  }
  return "unknown";
}

MessageState state_of(const ports::MessageTrace& trace) {
  using enum QueueTrace::State;
  if (trace.expired) return MessageState::expired;
  if (any(trace, dead_letter, false)) return MessageState::failed;
  if (any(trace, in_flight, true)) return MessageState::processing;
  if (any(trace, waiting, true)) return MessageState::queued;
  if (trace.delivered > 0) return MessageState::delivered;
  if (trace.stored) return MessageState::stored;
  if (any(trace, in_flight, false)) return MessageState::processing;
  if (any(trace, waiting, false)) return MessageState::queued;
  return MessageState::published;
}

std::vector<ports::FailedRecipient> failed_users(const ports::MessageTrace& trace, std::size_t most) {
  std::vector<ports::FailedRecipient> result;
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const QueueTrace& queue : trace.queues) {
    for (const ports::FailedRecipient& each : queue.failed) {
      if (result.size() == most) return result;
      if (each.user.empty() || !seen.emplace(each.user.str(), each.reason).second) continue;
      result.push_back(each);
    }
  }
  return result;
}

}  // namespace carillon::message_retrieval
