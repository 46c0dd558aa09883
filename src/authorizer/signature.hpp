#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <openssl/evp.h>

namespace carillon::authorizer {

/// JWS signature algorithms (RFC 7518 §3.1) that exist here. `none` does not.
enum class Algorithm : std::uint8_t { hs256, rs256, rs384, rs512, ps256, ps384, ps512, es256, es384, es512 };

/// The exact name only (`RS256`).
std::optional<Algorithm> parse_algorithm(std::string_view name);

/// A set of algorithms: what a key may be used with, what the configuration accepts.
class AlgorithmSet {
 public:
  constexpr AlgorithmSet() = default;
  constexpr AlgorithmSet(std::initializer_list<Algorithm> each) {
    for (const Algorithm algorithm : each) add(algorithm);
  }
  constexpr void add(Algorithm algorithm) { bits_ |= bit(algorithm); }
  constexpr bool has(Algorithm algorithm) const { return (bits_ & bit(algorithm)) != 0; }
  constexpr bool operator==(const AlgorithmSet&) const = default;

 private:
  static constexpr std::uint16_t bit(Algorithm algorithm) {
    return static_cast<std::uint16_t>(1u << static_cast<unsigned>(algorithm));
  }
  std::uint16_t bits_ = 0;
};

struct PublicKeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using PublicKey = std::unique_ptr<EVP_PKEY, PublicKeyDeleter>;

/// Whether `signature` is `key`'s under `algorithm`, which the caller has found among those the key may be
/// used with; always false for HS256, which has no public key. ECDSA signatures are the two numbers at full
/// width (ES256: exactly 64 bytes). Any thread; one key may be used by many at once.
bool verify_signature(Algorithm algorithm, EVP_PKEY* key, std::string_view text, std::string_view signature);

}  // namespace carillon::authorizer
