#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "model/message.hpp"

namespace carillon::bus {

/// Hands out consecutive numbers per scope, starting at 1. Numbers handed out since the last commit() or
/// rollback() belong to one batch: with it they become durable or are forgotten, so that the next batch
/// reads the counter again from the store. Caches the scopes used last. Bus loop only.
/// Source: seed architecture-overview-v2, Sequence Counter Table.
class SequenceCounters {
 public:
  /// Reads a scope's last number from the store; 0 when it has none. Errors are the store's.
  using Load = std::function<base::Result<model::SequenceNumber>(const std::string& scope)>;

  /// Keeps at most `max_cached` scopes, and those of the batch under way.
  explicit SequenceCounters(std::size_t max_cached) : max_cached_(max_cached) {}
  SequenceCounters(const SequenceCounters&) = delete;
  SequenceCounters& operator=(const SequenceCounters&) = delete;

  /// Errors: what `load` says; unavailable when the scope has used up its 2^53−1 numbers.
  base::Result<model::SequenceNumber> next(std::string_view scope, const Load& load);
  /// The scopes that the batch changed, each once with its last number; to be written with it.
  std::vector<std::pair<std::string_view, model::SequenceNumber>> changes() const;
  /// The batch is durable.
  void commit();
  /// The batch failed, or is decided anew.
  void rollback();

  std::size_t cached() const { return entries_.size(); }

 private:
  struct Entry {
    std::string scope;
    model::SequenceNumber current = 0;
    bool staged = false;
  };
  using Entries = std::list<Entry>;

  std::size_t max_cached_;
  Entries entries_;  ///< used last first
  std::unordered_map<std::string_view, Entries::iterator> index_;
  std::vector<Entries::iterator> staged_;
};

}  // namespace carillon::bus
