#include "metric_collector/client_latencies.hpp"

#include <algorithm>

namespace carillon::metric_collector {
namespace {

using model::Result;

constexpr std::size_t kMaxUsersInBudget = 100000;
constexpr auto kMsPerSample = static_cast<std::int64_t>(1000 / ClientLatencies::kSamplesPerSecond);

std::uint64_t difference(std::uint64_t a, std::uint64_t b) {
  return a > b ? a - b : b - a;
}

/// What a request costs of the budget; a batch without entries one.
std::size_t size_of(const SampleBatch& batch) {
  return std::max<std::size_t>(1, batch.entries.size());
}
std::size_t size_of(const ClientSamples& samples) {
  const auto* batch = std::get_if<SampleBatch>(&samples);
  return batch != nullptr ? size_of(*batch) : 1;
}

/// How long a message can have been under way at most, seen at `now`, which a clock put back may have made
/// less than its publication.
std::int64_t most_us(base::EpochMs published_at, base::EpochMs now) {
  return std::max<std::int64_t>(now - published_at, 0) * 1000 + kMostAheadUs;
}

}  // namespace

std::optional<std::uint64_t> LastLatencies::next(std::string_view user, std::uint64_t latency_us) {
  if (const auto at = index_.find(user); at != index_.end()) {
    users_.splice(users_.begin(), users_, at->second);
    return difference(std::exchange(at->second->latency_us, latency_us), latency_us);
  }
  if (users_.size() >= max_users_) {
    index_.erase(users_.back().name);
    users_.pop_back();
  }
  users_.push_front({std::string(user), latency_us});
  index_.emplace(users_.front().name, users_.begin());
  return std::nullopt;
}

ClientLatencies::ClientLatencies(std::chrono::milliseconds high_latency)
    : high_latency_us_(static_cast<std::uint64_t>(std::chrono::microseconds(high_latency).count())),
      budget_(kSamplesPerSecond, kSamplesAtOnce, kMaxUsersInBudget) {}

Result<void> ClientLatencies::admit(std::string_view user, base::Monotonic now) {
  const auto wait_ms = budget_.take(user, now);
  if (wait_ms == 0) return {};
  refused_rate_.add();
  return std::unexpected(model::retry_later(model::errors::kTooManyRequests, wait_ms));
}

Result<void> ClientLatencies::admit_rest(std::string_view user, const ClientSamples& samples,
                                         base::Monotonic now) {
  const std::size_t count = size_of(samples);
  if (count == 1) return {};
  const auto wait_ms = budget_.take(user, now, static_cast<double>(count - 1));
  if (wait_ms == 0) return {};
  refused_rate_.add(count);
  // Who comes back needs the first one again as well.
  return std::unexpected(model::retry_later(model::errors::kTooManyRequests, wait_ms + kMsPerSample));
}

std::unexpected<base::Error> ClientLatencies::implausible(base::Error error, std::size_t samples) {
  refused_implausible_.add(samples);
  return std::unexpected(std::move(error));
}

bool ClientLatencies::enter(std::string_view user, const model::MessageId& message,
                            base::EpochMs published_at, base::EpochMs now) {
  using enum SampleLedger::Entry;
  const bool late = (now - published_at) * 1000 > kMostLatencyUs + kClockSkewUs;
  const auto entry = late ? too_old : ledger_.enter(user, message, published_at);
  if (entry == repeated) refused_repeated_.add();
  if (entry == too_old) refused_too_old_.add();
  return entry == counts;
}

Result<std::size_t> ClientLatencies::take(std::string_view user, const SingleSample& sample,
                                          const model::Message* message,
                                          const std::optional<ports::MessageTimes>& times,
                                          base::EpochMs now) {
  if (message == nullptr || (sample.chat_id && message->target != model::Target::chat(*sample.chat_id))) {
    refused_unknown_.add();
    return model::fail(model::errors::kNotFound);
  }
  if (sample.sequence && sample.sequence != message->sequence)
    return implausible(base::Error(model::errors::kInvalidParameter, "sequenceNumber is not the message's"));
  const std::int64_t received_at_us = sample.received_at_us + sample.clock_offset_us;
  std::optional<std::int64_t> network_us;
  if (times) network_us = received_at_us - times->processed_at * 1000;
  const auto latency = plausible(received_at_us - message->published_at * 1000, network_us,
                                 most_us(message->published_at, now));
  if (!latency) return implausible(latency.error());
  if (!enter(user, sample.message, message->published_at, now)) return 0;
  record(*latency);
  if (const auto jitter = last_.next(user, latency->end_to_end_us)) jitter_.record(*jitter);
  singles_.add();
  return 1;
}

bool ClientLatencies::may_count(std::string_view user, const BatchEntry& entry,
                                const ports::MessageTimesWindow& window, base::EpochMs now) {
  const auto times = entry.message ? window.find(*entry.message) : std::nullopt;
  // Ids that nobody published are not remembered: they would push out those that somebody did.
  if (!times) return true;
  if (plausible(entry.end_to_end_us, entry.network_us, most_us(times->published_at, now)))
    return enter(user, *entry.message, times->published_at, now);
  refused_implausible_.add();
  return false;
}

Result<std::size_t> ClientLatencies::take(std::string_view user, const SampleBatch& batch,
                                          const ports::MessageTimesWindow& window, base::EpochMs now) {
  const std::size_t samples = size_of(batch);
  const auto jitter = batch.jitter_us ? plausible_jitter(*batch.jitter_us) : Result<std::uint64_t>(0);
  if (!jitter) return implausible(jitter.error(), samples);
  std::vector<ClientLatency> latencies;
  latencies.reserve(batch.entries.size());
  for (const BatchEntry& each : batch.entries) {
    const auto latency = plausible(each.end_to_end_us, each.network_us, std::nullopt);
    if (!latency) return implausible(latency.error(), samples);
    latencies.push_back(*latency);
  }
  std::size_t counted = 0;
  std::uint64_t differences = 0, before = 0;
  for (std::size_t i = 0; i < latencies.size(); ++i) {
    if (!may_count(user, batch.entries[i], window, now)) continue;
    record(latencies[i]);
    if (counted > 0) differences += difference(before, latencies[i].end_to_end_us);
    before = latencies[i].end_to_end_us;
    ++counted;
  }
  batched_.add(counted);
  const bool all_left_out = counted == 0 && !latencies.empty();
  if (batch.jitter_us && !all_left_out)
    jitter_.record(*jitter);
  else if (counted > 1 && !batch.jitter_us)
    jitter_.record(differences / (counted - 1));
  return counted;
}

void ClientLatencies::record(const ClientLatency& latency) {
  end_to_end_.record(latency.end_to_end_us);
  if (latency.network_us) network_.record(*latency.network_us);
  if (latency.end_to_end_us > high_latency_us_) high_.add();
}

void ClientLatencies::collect(ports::MetricSet& into) const {
  using enum ports::HistogramUnit;
  into.histogram("carillon_client_end_to_end_latency_seconds",
                 "From publishing a message to receiving it, as clients measured", microseconds,
                 end_to_end_.snapshot());
  into.histogram("carillon_client_network_latency_seconds",
                 "From the processor to receiving a message, as clients measured", microseconds,
                 network_.snapshot());
  into.histogram("carillon_client_jitter_seconds",
                 "Difference in latency of consecutive messages, as clients measured", microseconds,
                 jitter_.snapshot());
  into.counter("carillon_high_latency_messages_total", "Latencies over high_latency_ms", high_.value(),
               {{"measured", "client"}});
  for (const auto& [shape, counter] : {std::pair("single", &singles_), std::pair("batch", &batched_)})
    into.counter("carillon_client_samples_total", "Latencies that clients measured and that were counted",
                 counter->value(), {{"shape", shape}});
  for (const auto& [reason, count] :
       {std::pair("malformed", refused_malformed_.value()),
        std::pair("implausible", refused_implausible_.value()),
        std::pair("repeated", refused_repeated_.value()), std::pair("too_old", refused_too_old_.value()),
        std::pair("unknown_message", refused_unknown_.value()), std::pair("rate", refused_rate_.value()),
        std::pair("unavailable", refused_unavailable_.value())})
    into.counter("carillon_client_samples_refused_total", "What clients measured and what was not counted",
                 count, {{"reason", reason}});
}

}  // namespace carillon::metric_collector
