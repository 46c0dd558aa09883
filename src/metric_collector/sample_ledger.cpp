#include "metric_collector/sample_ledger.hpp"

#include <algorithm>
#include <utility>

#include "base/bytes.hpp"

namespace carillon::metric_collector {

SampleLedger::SampleLedger(std::size_t generation)
    : generation_(std::max<std::size_t>(1, generation)), key_(base::random_token(32)) {}

SampleLedger::Entry SampleLedger::enter(std::string_view user, const model::MessageId& message,
                                        base::EpochMs published_at) {
  if (published_at <= too_old_) return Entry::too_old;
  const std::uint64_t hash = hash_of(user, message);
  if (previous_.hashes.contains(hash) || !current_.hashes.insert(hash).second) return Entry::repeated;
  current_.newest = std::max(current_.newest, published_at);
  if (current_.hashes.size() >= generation_) {
    too_old_ = std::max(too_old_, previous_.newest);
    previous_ = std::exchange(current_, {});
  }
  return Entry::counts;
}

std::uint64_t SampleLedger::hash_of(std::string_view user, const model::MessageId& message) const {
  std::string text(user);
  text += message.view();
  return base::read_big_endian(base::hmac_sha256(key_, text).data());
}

}  // namespace carillon::metric_collector
