#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.hpp"
#include "model/target.hpp"

namespace carillon::embedded {

/// How long a published message may be read (`[history]`, CONTRACT §10): a default, and exceptions by the
/// beginning of the chat's id, of which the longest that fits counts.
struct Retention {
  base::milliseconds standard{std::chrono::hours(30 * 24)};
  std::map<std::string, base::milliseconds, std::less<>> overrides;

  base::milliseconds for_target(model::TargetClass target_class, std::string_view id) const;
  bool expired(model::TargetClass target_class, std::string_view id, base::EpochMs published_at,
               base::EpochMs now) const;
};

/// The retention in force, shared by reads and compactions. Any thread; a change counts for reads at once
/// and for the disk from the next compaction on.
class RetentionInForce {
 public:
  explicit RetentionInForce(Retention retention);
  void set(Retention retention);
  std::shared_ptr<const Retention> get() const;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Retention> current_;
};

}  // namespace carillon::embedded
