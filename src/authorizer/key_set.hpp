#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "authorizer/signature.hpp"
#include "model/errors.hpp"

namespace carillon::authorizer {

class KeySet;
using KeySetPtr = std::shared_ptr<const KeySet>;

/// An issuer's public keys by key id, from a JWKS (RFC 7517). Immutable; any thread.
///
/// Each key is bound to the algorithms that its type, curve and `alg` allow. Skipped, not refused: keys
/// without `kid`, for encryption, of other types (a symmetric key in a JWKS is never used), RSA under 2048
/// bits, and ones that are no valid key.
class KeySet {
 public:
  static constexpr std::size_t kMaxBytes = 256u << 10;
  static constexpr std::size_t kMaxKeys = 100;
  static constexpr int kMinRsaBits = 2048;
  static constexpr int kMaxRsaBits = 8192;
  static constexpr std::size_t kMaxKeyIdBytes = 256;

  /// `generation` tells this set from every other of the process. Errors: unavailable, when the text is no
  /// JWKS within the bounds or has no usable key.
  static model::Result<KeySetPtr> parse(std::string_view jwks, std::uint64_t generation);

  bool has(std::string_view kid) const { return keys_.contains(kid); }
  /// The key to verify with, or nothing when no key of that name may be used with `algorithm`. Belongs to
  /// the set.
  EVP_PKEY* find(std::string_view kid, Algorithm algorithm) const;

  std::uint64_t generation() const { return generation_; }
  std::size_t size() const { return size_; }
  std::size_t skipped() const { return skipped_; }

 private:
  struct Key {
    PublicKey key;
    AlgorithmSet algorithms;
  };
  explicit KeySet(std::uint64_t generation) : generation_(generation) {}

  std::map<std::string, std::vector<Key>, std::less<>> keys_;
  std::uint64_t generation_;
  std::size_t size_ = 0;
  std::size_t skipped_ = 0;
};

}  // namespace carillon::authorizer
