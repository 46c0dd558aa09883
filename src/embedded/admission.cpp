#include "embedded/admission.hpp"

namespace carillon::embedded {
namespace {

namespace errors = model::errors;

constexpr std::int64_t kRetryAfterMs = 1000;
constexpr std::chrono::microseconds kMostPause{100'000};

}  // namespace

base::Result<void> Admission::admit(bus::QueueMask queues) {
  if (!watch_.disk_open())
    return std::unexpected(model::retry_later(errors::kOverloaded, kRetryAfterMs, "disk nearly full"));
  bool full = false;
  bus::for_each_queue(queues, [&](bus::QueueIndex queue) { full = full || over(queue); });
  if (full) return std::unexpected(model::retry_later(errors::kOverloaded, kRetryAfterMs));
  return {};
}

bool Admission::over(bus::QueueIndex queue) {
  if (queue != bus::kMessageStorageQueue) return queues_.depth(queue) >= settings_.max_depth;
  if (unstored() < settings_.max_depth) return false;
  look();
  return unstored() >= settings_.max_depth;
}

std::chrono::microseconds Admission::pace() const {
  const std::uint64_t free = settings_.max_depth / 4;
  if (unstored() <= free) return {};
  return kMostPause * (unstored() - free) / (settings_.max_depth - free);
}

}  // namespace carillon::embedded
