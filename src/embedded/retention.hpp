#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

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
  base::milliseconds longest() const;
  bool operator==(const Retention&) const = default;
};

/// For upkeep without a configuration: nothing may go that the server would keep.
inline const Retention kKeepEverything{base::milliseconds::max(), {}};

/// For every target the shorter of the two.
Retention shorter_of(const Retention& a, const Retention& b);

/// How old a file of the database may get before it is written again without what has expired: within a day,
/// sooner where everything goes sooner; never so often that rewriting what stays becomes the work.
std::chrono::seconds rewrite_period(const Retention& retention);
/// How often to look for such files.
std::chrono::seconds rewrite_check_interval(const Retention& retention);

/// As bytes (docs/storage-format.md), and back; nothing for what encode_retention does not write.
std::string encode_retention(const Retention& retention);
std::optional<Retention> decode_retention(std::string_view bytes);

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
