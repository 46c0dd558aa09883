#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "model/identity.hpp"

namespace carillon::authorizer {

/// Identities of tokens that were found good, so that a reconnecting client costs no signature check. Keyed
/// by the SHA-256 of the whole token and the generation of the key set that it was verified with; an entry
/// counts until its token's `exp` and no longer. Refusals are not kept. Bounded, the longest unused goes
/// first. Any thread.
class TokenCache {
 public:
  explicit TokenCache(std::size_t max_entries);

  /// Null when there is none. `token_digest` has 32 bytes.
  model::IdentityPtr find(std::string_view token_digest, std::uint64_t generation, base::EpochMs now);
  void insert(std::string_view token_digest, std::uint64_t generation, model::IdentityPtr identity,
              base::EpochMs now);
  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kDigestBytes = 32;

  struct Key {
    std::array<char, kDigestBytes> digest;
    std::uint64_t generation;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  struct Entry {
    Key key;
    model::IdentityPtr identity;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::list<Entry> entries;  ///< the last used first
    std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> by_key;
  };

  static Key key_of(std::string_view token_digest, std::uint64_t generation);
  Shard& shard_of(const Key& key);

  std::size_t max_per_shard_;
  std::array<Shard, kShards> shards_;
};

}  // namespace carillon::authorizer
