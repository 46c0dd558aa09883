#include "bus/sequence_counters.hpp"

#include "model/errors.hpp"

namespace carillon::bus {

base::Result<model::SequenceNumber> SequenceCounters::next(std::string_view scope, const Load& load) {
  auto at = index_.find(scope);
  if (at == index_.end()) {
    std::string name(scope);
    const auto loaded = load(name);
    if (!loaded) return std::unexpected(loaded.error());
    entries_.push_front({std::move(name), *loaded});
    at = index_.emplace(entries_.front().scope, entries_.begin()).first;
  } else {
    entries_.splice(entries_.begin(), entries_, at->second);
  }
  Entry& entry = *at->second;
  if (entry.current >= model::kMaxSequenceNumber)
    return base::fail(model::errors::kUnavailable, "the sequence is used up");
  if (!entry.staged) {
    entry.staged = true;
    staged_.push_back(at->second);
  }
  return ++entry.current;
}

std::vector<std::pair<std::string_view, model::SequenceNumber>> SequenceCounters::changes() const {
  std::vector<std::pair<std::string_view, model::SequenceNumber>> found;
  found.reserve(staged_.size());
  for (const auto& entry : staged_) found.emplace_back(entry->scope, entry->current);
  return found;
}

void SequenceCounters::commit() {
  for (const auto& entry : staged_) entry->staged = false;
  staged_.clear();
  while (entries_.size() > max_cached_) {
    index_.erase(entries_.back().scope);
    entries_.pop_back();
  }
}

void SequenceCounters::rollback() {
  for (const auto& entry : staged_) {
    index_.erase(entry->scope);
    entries_.erase(entry);
  }
  staged_.clear();
}

}  // namespace carillon::bus
