#include "authorizer/token_cache.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace carillon::authorizer {

TokenCache::TokenCache(std::size_t max_entries)
    : max_per_shard_(std::max<std::size_t>(1, max_entries / kShards)) {}

std::size_t TokenCache::KeyHash::operator()(const Key& key) const {
  std::size_t hash;
  std::memcpy(&hash, key.digest.data(), sizeof(hash));
  return hash;
}

TokenCache::Key TokenCache::key_of(std::string_view token_digest, std::uint64_t generation) {
  assert(token_digest.size() == kDigestBytes);
  Key key{.digest = {}, .generation = generation};
  std::memcpy(key.digest.data(), token_digest.data(), kDigestBytes);
  return key;
}

TokenCache::Shard& TokenCache::shard_of(const Key& key) {
  // Not a byte that the hash table's buckets go by.
  return shards_[static_cast<unsigned char>(key.digest.back()) % kShards];
}

model::IdentityPtr TokenCache::find(std::string_view token_digest, std::uint64_t generation,
                                    base::EpochMs now) {
  const Key key = key_of(token_digest, generation);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.by_key.find(key);
  if (found == shard.by_key.end()) return nullptr;
  const auto entry = found->second;
  if (entry->identity->expires_at <= now) {
    shard.by_key.erase(found);
    shard.entries.erase(entry);
    return nullptr;
  }
  shard.entries.splice(shard.entries.begin(), shard.entries, entry);
  return entry->identity;
}

void TokenCache::insert(std::string_view token_digest, std::uint64_t generation, model::IdentityPtr identity,
                        base::EpochMs now) {
  if (identity->expires_at <= now) return;
  const Key key = key_of(token_digest, generation);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  if (shard.by_key.contains(key)) return;
  shard.entries.push_front({key, std::move(identity)});
  shard.by_key.emplace(key, shard.entries.begin());
  if (shard.entries.size() <= max_per_shard_) return;
  shard.by_key.erase(shard.entries.back().key);
  shard.entries.pop_back();
}

std::size_t TokenCache::size() const {
  std::size_t size = 0;
  for (const Shard& each : shards_) {
    const std::lock_guard lock(each.mutex);
    size += each.entries.size();
  }
  return size;
}

}  // namespace carillon::authorizer
