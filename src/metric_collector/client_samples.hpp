#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/errors.hpp"
#include "model/message.hpp"

/// What clients measured, as `POST /metrics` takes it (CONTRACT §13; seed message-flow, Client Layer). Pure.
/// Times and latencies are in microseconds, whatever the client wrote in milliseconds.
namespace carillon::metric_collector {

/// By how much a client's clock may be wrong although it knows its offset.
inline constexpr std::int64_t kClockSkewUs = 1'000'000;
/// By how much a latency may be longer than its message exists: what a clock without a known offset is ahead
/// of ours.
inline constexpr std::int64_t kMostAheadUs = 5'000'000;
inline constexpr std::int64_t kMostLatencyUs = 3'600'000'000;
inline constexpr std::size_t kMaxBatch = 1000;

/// `{"messageId","sequenceNumber"?,"chatId"?,"clientReceivedAt","clockOffsetMs"?}`.
struct SingleSample {
  model::MessageId message;
  std::optional<model::SequenceNumber> sequence;
  std::optional<std::string> chat_id;
  std::int64_t received_at_us = 0;   ///< since 1970, by the client's clock
  std::int64_t clock_offset_us = 0;  ///< the server's clock less the client's
};

/// A number, or `{"messageId"?,"endToEndMs","networkMs"?}`.
struct BatchEntry {
  std::optional<model::MessageId> message;
  std::int64_t end_to_end_us = 0;
  std::optional<std::int64_t> network_us;
};

/// `{"latencies"?:[…],"jitter"?}`, one of them at least.
struct SampleBatch {
  std::vector<BatchEntry> entries;
  std::optional<std::int64_t> jitter_us;
};

using ClientSamples = std::variant<SingleSample, SampleBatch>;

/// Reads a body; members that it does not know are ignored, null is absent. Whether the numbers can be is not
/// looked at. Errors: invalid_json, invalid_parameter.
model::Result<ClientSamples> parse_client_samples(std::string_view body);

/// A latency that can be: 0 to kMostLatencyUs.
struct ClientLatency {
  std::uint64_t end_to_end_us = 0;
  std::optional<std::uint64_t> network_us;
};

/// What a client's clock makes a little negative counts as 0. Errors: invalid_parameter for what is beyond
/// the skew, over an hour, over `most_us` (the message's age, when that is known) or, of the way from the
/// processor, longer than the whole.
model::Result<ClientLatency> plausible(std::int64_t end_to_end_us, std::optional<std::int64_t> network_us,
                                       std::optional<std::int64_t> most_us);
/// Errors: invalid_parameter for what is negative or over an hour.
model::Result<std::uint64_t> plausible_jitter(std::int64_t jitter_us);

}  // namespace carillon::metric_collector
