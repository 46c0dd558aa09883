#include "authorizer/signature.hpp"

#include <array>
#include <utility>

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

namespace carillon::authorizer {
namespace {

enum class Scheme : std::uint8_t { hmac, pkcs1, pss, ecdsa };

struct Traits {
  std::string_view name;
  Scheme scheme;
  const EVP_MD* (*digest)();
  std::size_t number_bytes;  ///< of each of the two numbers of an ECDSA signature
};

/// In the order of Algorithm.
constexpr std::array<Traits, 10> kTraits{{{"HS256", Scheme::hmac, &EVP_sha256, 0},
                                          {"RS256", Scheme::pkcs1, &EVP_sha256, 0},
                                          {"RS384", Scheme::pkcs1, &EVP_sha384, 0},
                                          {"RS512", Scheme::pkcs1, &EVP_sha512, 0},
                                          {"PS256", Scheme::pss, &EVP_sha256, 0},
                                          {"PS384", Scheme::pss, &EVP_sha384, 0},
                                          {"PS512", Scheme::pss, &EVP_sha512, 0},
                                          {"ES256", Scheme::ecdsa, &EVP_sha256, 32},
                                          {"ES384", Scheme::ecdsa, &EVP_sha384, 48},
                                          {"ES512", Scheme::ecdsa, &EVP_sha512, 66}}};

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// The signature as OpenSSL wants it; empty when it has the wrong length.
std::string to_der(std::string_view signature, std::size_t number_bytes) {
  if (signature.size() != 2 * number_bytes) return {};
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(ECDSA_SIG_new(), &ECDSA_SIG_free);
  const int width = static_cast<int>(number_bytes);
  BIGNUM* r = BN_bin2bn(bytes(signature), width, nullptr);
  BIGNUM* s = BN_bin2bn(bytes(signature) + number_bytes, width, nullptr);
  if (!pair || ECDSA_SIG_set0(pair.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return {};
  }
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

bool verify(const Traits& traits, EVP_PKEY* key, std::string_view text, std::string_view signature) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_PKEY_CTX* parameters = nullptr;
  if (!context || EVP_DigestVerifyInit(context.get(), &parameters, traits.digest(), nullptr, key) != 1)
    return false;
  if (traits.scheme == Scheme::pss &&
      (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) != 1))
    return false;
  return EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text), text.size()) == 1;
}

}  // namespace

std::optional<Algorithm> parse_algorithm(std::string_view name) {
  for (std::size_t i = 0; i < kTraits.size(); ++i)
    if (kTraits[i].name == name) return static_cast<Algorithm>(i);
  return std::nullopt;
}

bool verify_signature(Algorithm algorithm, EVP_PKEY* key, std::string_view text, std::string_view signature) {
  const Traits& traits = kTraits[static_cast<std::size_t>(algorithm)];
  const int wanted = traits.scheme == Scheme::ecdsa ? EVP_PKEY_EC : EVP_PKEY_RSA;
  if (traits.scheme == Scheme::hmac || EVP_PKEY_get_base_id(key) != wanted) return false;
  std::string der;
  if (traits.scheme == Scheme::ecdsa) {
    der = to_der(signature, traits.number_bytes);
    if (der.empty()) return false;
    signature = der;
  }
  const bool good = verify(traits, key, text, signature);
  // What a failure leaves in the thread's error queue would be taken for a failure of TLS on this thread.
  if (!good) ERR_clear_error();
  return good;
}

}  // namespace carillon::authorizer
