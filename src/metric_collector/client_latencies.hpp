#pragma once

#include <chrono>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/recorder.hpp"
#include "bus/rate_limiter.hpp"
#include "metric_collector/client_samples.hpp"
#include "metric_collector/sample_ledger.hpp"
#include "ports/message_times.hpp"
#include "ports/metric_set.hpp"

namespace carillon::metric_collector {

/// The latency of each user's last message, for the difference to the next one. Bounded: users that were
/// away for longest are forgotten.
class LastLatencies {
 public:
  static constexpr std::size_t kMaxUsers = 10000;

  explicit LastLatencies(std::size_t max_users = kMaxUsers) : max_users_(max_users) {}
  /// How far it is from the same user's one before; nothing for the first.
  std::optional<std::uint64_t> next(std::string_view user, std::uint64_t latency_us);

 private:
  struct User {
    std::string name;
    std::uint64_t latency_us = 0;
  };
  std::size_t max_users_;
  std::list<User> users_;  ///< used last first
  std::unordered_map<std::string_view, std::list<User>::iterator> index_;
};

/// Counts what clients measured (CONTRACT §13). A sample of a known message counts once per user and message,
/// until an hour after its publication, and cannot be longer than the message exists; a user has
/// kSamplesPerSecond in the long run. What is refused is counted, a batch with all its entries, and leaves
/// nothing in the figures. What was counted is not known after a restart: it may count again within the hour.
/// Time is passed in. The collector's loop only, but for refuse_unavailable() and collect().
class ClientLatencies final : public ports::MetricSource {
 public:
  static constexpr double kSamplesPerSecond = 100;
  static constexpr double kSamplesAtOnce = 1000;

  explicit ClientLatencies(std::chrono::milliseconds high_latency);

  /// Takes one sample from the user's budget, before the body is read. Errors: too_many_requests.
  model::Result<void> admit(std::string_view user, base::Monotonic now);
  /// Takes the rest of `samples`. Errors: too_many_requests.
  model::Result<void> admit_rest(std::string_view user, const ClientSamples& samples, base::Monotonic now);
  /// Counts a body that is none.
  void refuse_malformed() { refused_malformed_.add(); }
  /// Counts a request that nobody could look at. Any thread.
  void refuse_unavailable() { refused_unavailable_.add(); }

  /// How many were counted: 1, or 0 for one that was before or that is too old. `message` is one that the
  /// user may read, or null when there is none. Without `times` the network's part is not known. Errors:
  /// not_found, invalid_parameter (another number than the message's; a time that cannot be).
  model::Result<std::size_t> take(std::string_view user, const SingleSample& sample,
                                  const model::Message* message,
                                  const std::optional<ports::MessageTimes>& times, base::EpochMs now);
  /// How many entries were counted. Left out are those of a known message that were counted before or are
  /// longer than it exists: a refusal would tell which messages there are. Errors: invalid_parameter, for the
  /// whole batch, when an entry cannot be whatever its message.
  model::Result<std::size_t> take(std::string_view user, const SampleBatch& batch,
                                  const ports::MessageTimesWindow& window, base::EpochMs now);

  void collect(ports::MetricSet& into) const override;

 private:
  std::unexpected<base::Error> implausible(base::Error error, std::size_t samples = 1);
  /// Whether a sample of a known message is one more. Else it is counted as refused.
  bool enter(std::string_view user, const model::MessageId& message, base::EpochMs published_at,
             base::EpochMs now);
  bool may_count(std::string_view user, const BatchEntry& entry, const ports::MessageTimesWindow& window,
                 base::EpochMs now);
  void record(const ClientLatency& latency);

  std::uint64_t high_latency_us_;
  bus::RateLimiter budget_;
  SampleLedger ledger_;
  LastLatencies last_;
  base::Recorder end_to_end_, network_, jitter_;
  base::Counter high_, singles_, batched_;
  base::Counter refused_malformed_, refused_implausible_, refused_repeated_, refused_too_old_;
  base::Counter refused_unknown_, refused_rate_;
  base::SharedCounter refused_unavailable_;
};

}  // namespace carillon::metric_collector
