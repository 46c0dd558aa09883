#include "embedded/retention.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "embedded/keys.hpp"

namespace carillon::embedded {
namespace {

using std::chrono::seconds;

/// With the time until a file's age is noticed, below a day.
constexpr seconds kLongestPeriod = std::chrono::hours(20);
constexpr seconds kLongestInterval = std::chrono::hours(1);

}  // namespace

base::milliseconds Retention::for_target(model::TargetClass target_class, std::string_view id) const {
  if (target_class != model::TargetClass::chat || overrides.empty()) return standard;
  // Of the prefixes that sort before the id, the longest that fits is the last one that fits.
  for (auto at = overrides.upper_bound(id); at != overrides.begin();) {
    --at;
    if (id.starts_with(at->first)) return at->second;
  }
  return standard;
}

bool Retention::expired(model::TargetClass target_class, std::string_view id, base::EpochMs published_at,
                        base::EpochMs now) const {
  return now - published_at >= for_target(target_class, id).count();
}

base::milliseconds Retention::longest() const {
  base::milliseconds longest = standard;
  for (const auto& [prefix, retention] : overrides) longest = std::max(longest, retention);
  return longest;
}

Retention shorter_of(const Retention& a, const Retention& b) {
  Retention shorter{std::min(a.standard, b.standard), {}};
  // What counts for a chat is what counts for the longest prefix of it that either of them has.
  for (const auto* each : {&a, &b})
    for (const auto& [prefix, ignored] : each->overrides)
      shorter.overrides[prefix] = std::min(a.for_target(model::TargetClass::chat, prefix),
                                           b.for_target(model::TargetClass::chat, prefix));
  return shorter;
}

seconds rewrite_period(const Retention& retention) {
  return std::clamp(std::chrono::duration_cast<seconds>(retention.longest() / 4), seconds(1), kLongestPeriod);
}

seconds rewrite_check_interval(const Retention& retention) {
  return std::clamp(rewrite_period(retention) / 4, seconds(1), kLongestInterval);
}

std::string encode_retention(const Retention& retention) {
  std::string out;
  base::append_big_endian(out, static_cast<std::uint64_t>(retention.standard.count()));
  for (const auto& [prefix, each] : retention.overrides) {
    keys::id(out, prefix);
    base::append_big_endian(out, static_cast<std::uint64_t>(each.count()));
  }
  return out;
}

std::optional<Retention> decode_retention(std::string_view bytes) {
  const auto take_time = [&]() -> std::optional<base::milliseconds> {
    if (bytes.size() < 8) return std::nullopt;
    const auto count = static_cast<std::int64_t>(base::read_big_endian(bytes.data()));
    bytes.remove_prefix(8);
    if (count < 0) return std::nullopt;
    return base::milliseconds(count);
  };
  const auto standard = take_time();
  if (!standard) return std::nullopt;
  Retention retention{*standard, {}};
  while (!bytes.empty()) {
    const auto prefix = keys::take_id(bytes);
    const auto time = take_time();
    if (!prefix || !time) return std::nullopt;
    retention.overrides.emplace(*prefix, *time);
  }
  return retention;
}

RetentionInForce::RetentionInForce(Retention retention)
    : current_(std::make_shared<const Retention>(std::move(retention))) {}

void RetentionInForce::set(Retention retention) {
  auto next = std::make_shared<const Retention>(std::move(retention));
  const std::lock_guard lock(mutex_);
  current_ = std::move(next);
}

std::shared_ptr<const Retention> RetentionInForce::get() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

}  // namespace carillon::embedded
