// Bodies of `POST /metrics`: whatever comes in, nothing gets past the bounds.
#include "metric_collector/client_samples.hpp"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace carillon::metric_collector;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(std::int64_t end_to_end_us, std::optional<std::int64_t> network_us) {
  const auto latency = plausible(end_to_end_us, network_us, std::nullopt);
  if (!latency) return require(!latency.error().details().empty());
  require(latency->end_to_end_us <= static_cast<std::uint64_t>(kMostLatencyUs));
  if (network_us) require(*latency->network_us <= latency->end_to_end_us + kClockSkewUs);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto samples = parse_client_samples({reinterpret_cast<const char*>(data), size});
  if (!samples) {
    require(samples.error().status() == 400);
    return 0;
  }
  if (const auto* single = std::get_if<SingleSample>(&*samples)) {
    require(!single->sequence || *single->sequence >= 1);
    // Differences with any message's times must stay within their type.
    constexpr std::int64_t kPublished = 1'760'000'000'000'000;
    check(single->received_at_us + single->clock_offset_us - kPublished,
          single->received_at_us + single->clock_offset_us - kPublished - 1000);
    return 0;
  }
  const auto& batch = std::get<SampleBatch>(*samples);
  require(batch.entries.size() <= kMaxBatch);
  for (const BatchEntry& each : batch.entries) check(each.end_to_end_us, each.network_us);
  if (batch.jitter_us) static_cast<void>(plausible_jitter(*batch.jitter_us));
  return 0;
}
