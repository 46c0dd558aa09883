#include "metric_collector/client_samples.hpp"

#include <algorithm>
#include <cmath>

#include "model/json.hpp"

namespace carillon::metric_collector {
namespace {

using boost::json::object;
using boost::json::value;
using model::Result;

/// The end of the year 9999. No time and no difference of times is further from 0; a number that is, is taken
/// for this one, which is absurd as well.
constexpr double kFurthestMs = 253'402'300'799'999;

auto invalid(std::string details) {
  return model::fail(model::errors::kInvalidParameter, std::move(details));
}

const value* member(const object& from, std::string_view key) {
  const value* found = from.if_contains(key);
  return found != nullptr && found->is_null() ? nullptr : found;
}

std::optional<std::int64_t> microseconds(const value& from) {
  if (!from.is_number()) return std::nullopt;
  const auto ms = from.to_number<double>();
  return std::llround(std::clamp(ms, -kFurthestMs, kFurthestMs) * 1000);
}

/// Nothing when it is absent.
Result<std::optional<std::int64_t>> optional_ms(const object& from, std::string_view key) {
  const value* found = member(from, key);
  if (found == nullptr) return std::nullopt;
  const auto us = microseconds(*found);
  if (!us) return invalid(std::string(key) + " must be a number of milliseconds");
  return us;
}

Result<std::optional<model::MessageId>> optional_message(const object& from) {
  const value* found = member(from, "messageId");
  if (found == nullptr) return std::nullopt;
  const auto* text = found->if_string();
  const auto id = text != nullptr ? model::MessageId::parse(model::view(*text)) : std::nullopt;
  if (!id) return invalid("messageId must be the id of a message");
  return id;
}

Result<std::optional<model::SequenceNumber>> optional_sequence(const object& from) {
  const value* found = member(from, "sequenceNumber");
  if (found == nullptr) return std::nullopt;
  const auto* number = found->if_int64();
  if (number == nullptr || *number < 1 || *number > static_cast<std::int64_t>(model::kMaxSequenceNumber))
    return invalid("sequenceNumber must be a whole number from 1 to 2^53-1");
  return static_cast<model::SequenceNumber>(*number);
}

Result<SingleSample> parse_single(const object& body) {
  SingleSample sample;
  const auto message = optional_message(body);
  if (!message) return std::unexpected(message.error());
  sample.message = **message;
  const auto sequence = optional_sequence(body);
  if (!sequence) return std::unexpected(sequence.error());
  sample.sequence = *sequence;
  if (const value* chat = member(body, "chatId")) {
    if (!chat->is_string()) return invalid("chatId must be a string");
    sample.chat_id.emplace(model::view(chat->get_string()));
  }
  const auto received_at = optional_ms(body, "clientReceivedAt");
  if (!received_at) return std::unexpected(received_at.error());
  if (!*received_at) return invalid("clientReceivedAt must be a number of milliseconds since 1970");
  sample.received_at_us = **received_at;
  const auto offset = optional_ms(body, "clockOffsetMs");
  if (!offset) return std::unexpected(offset.error());
  sample.clock_offset_us = offset->value_or(0);
  return sample;
}

Result<BatchEntry> parse_entry(const value& from) {
  BatchEntry entry;
  if (const auto us = microseconds(from)) {
    entry.end_to_end_us = *us;
    return entry;
  }
  if (!from.is_object()) return invalid("latencies must be numbers or objects with endToEndMs");
  const object& fields = from.get_object();
  const auto message = optional_message(fields);
  if (!message) return std::unexpected(message.error());
  entry.message = *message;
  const auto end_to_end = optional_ms(fields, "endToEndMs");
  if (!end_to_end) return std::unexpected(end_to_end.error());
  if (!*end_to_end) return invalid("latencies must be numbers or objects with endToEndMs");
  entry.end_to_end_us = **end_to_end;
  const auto network = optional_ms(fields, "networkMs");
  if (!network) return std::unexpected(network.error());
  entry.network_us = *network;
  return entry;
}

Result<SampleBatch> parse_batch(const object& body) {
  SampleBatch batch;
  const auto jitter = optional_ms(body, "jitter");
  if (!jitter) return std::unexpected(jitter.error());
  batch.jitter_us = *jitter;
  const value* list = member(body, "latencies");
  if (list == nullptr) return batch;
  if (!list->is_array() || list->get_array().size() > kMaxBatch)
    return invalid("latencies must be a list of at most 1000 entries");
  batch.entries.reserve(list->get_array().size());
  for (const value& each : list->get_array()) {
    const auto entry = parse_entry(each);
    if (!entry) return std::unexpected(entry.error());
    batch.entries.push_back(*entry);
  }
  return batch;
}

/// From the start of the skew to `most_us`.
Result<std::uint64_t> latency_within(std::int64_t us, std::int64_t most_us, std::string_view what) {
  if (us < -kClockSkewUs) return invalid(std::string(what) + " is negative beyond clock skew");
  if (us > most_us) return invalid(std::string(what) + " is longer than it can have taken");
  return static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0));
}

}  // namespace

Result<ClientSamples> parse_client_samples(std::string_view body) {
  const auto document = model::JsonDocument::parse(body, model::errors::kInvalidParameter);
  if (!document && document.error().is(model::errors::kInvalidParameter)) return invalid("must be an object");
  if (!document) return std::unexpected(document.error());
  const object& fields = document->object();
  const bool is_batch = member(fields, "latencies") != nullptr || member(fields, "jitter") != nullptr;
  const bool is_single = member(fields, "messageId") != nullptr;
  if (is_batch == is_single)
    return invalid("must have messageId and clientReceivedAt, or latencies or jitter, and not both");
  if (is_batch) {
    auto batch = parse_batch(fields);
    if (!batch) return std::unexpected(batch.error());
    return ClientSamples(std::move(*batch));
  }
  auto sample = parse_single(fields);
  if (!sample) return std::unexpected(sample.error());
  return ClientSamples(std::move(*sample));
}

Result<ClientLatency> plausible(std::int64_t end_to_end_us, std::optional<std::int64_t> network_us,
                                std::optional<std::int64_t> most_us) {
  const std::int64_t most = std::min(kMostLatencyUs, most_us.value_or(kMostLatencyUs));
  const auto end_to_end = latency_within(end_to_end_us, most, "end-to-end latency");
  if (!end_to_end) return std::unexpected(end_to_end.error());
  ClientLatency latency{.end_to_end_us = *end_to_end};
  if (!network_us) return latency;
  const auto network =
      latency_within(*network_us, std::min(most, end_to_end_us + kClockSkewUs), "network latency");
  if (!network) return std::unexpected(network.error());
  latency.network_us = *network;
  return latency;
}

Result<std::uint64_t> plausible_jitter(std::int64_t jitter_us) {
  if (jitter_us < 0 || jitter_us > kMostLatencyUs) return invalid("jitter must be from 0 ms to an hour");
  return static_cast<std::uint64_t>(jitter_us);
}

}  // namespace carillon::metric_collector
