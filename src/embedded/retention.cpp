#include "embedded/retention.hpp"

namespace carillon::embedded {

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
