#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "embedded/database.hpp"
#include "embedded/store_check.hpp"

namespace carillon::embedded {

/// What the parts of `carillon verify` share: the moment as of which they read, and the report. One thread.
class CheckPass {
 public:
  CheckPass(const Database& database, std::function<base::EpochMs()> clock, const UpkeepProgress& progress,
            std::stop_token stop);

  /// Calls `each(key, value)` for all of the family, until it is to stop.
  void walk(keys::ColumnFamily family,
            const std::function<void(std::string_view key, std::string_view value)>& each);
  /// The value under the key; nothing when it is not there. What cannot be read is a finding of its own.
  std::optional<std::string> get(keys::ColumnFamily family, std::string_view key);
  void found(keys::ColumnFamily family, std::string_view what);

 protected:
  const Database& database_;
  /// Asked when two things are compared: compaction ignores snapshots and goes on meanwhile.
  std::function<base::EpochMs()> clock_;
  const UpkeepProgress& progress_;
  std::stop_token stop_;
  CheckReport report_;

 private:
  rocksdb::ManagedSnapshot snapshot_;
  rocksdb::ReadOptions read_;
};

/// A target, fit to be shown.
std::string target_text(const model::Target& target);

/// Permissions in both directions, and how many owners each target is said to have.
void check_permissions(CheckPass& pass);

}  // namespace carillon::embedded
