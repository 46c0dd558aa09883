#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/bytes.hpp"

/// What an issuer does, done with OpenSSL directly: keys, their JWKs, signed tokens.
namespace carillon::authorizer::signing {

class SigningKey {
 public:
  static SigningKey rsa(unsigned bits = 2048) { return SigningKey(EVP_RSA_gen(bits)); }
  static SigningKey ec(const char* curve = "P-256") { return SigningKey(EVP_EC_gen(curve)); }

  std::string number(const char* parameter, std::size_t width = 0) const {
    BIGNUM* value = nullptr;
    if (EVP_PKEY_get_bn_param(key_.get(), parameter, &value) != 1) std::abort();
    std::string bytes(width != 0 ? width : static_cast<std::size_t>(BN_num_bytes(value)), '\0');
    BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    BN_free(value);
    return bytes;
  }

  std::string pem() const {
    BIO* memory = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(memory, key_.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(memory);
    return text;
  }

  /// `extra`: more members, each with a leading comma.
  std::string jwk(std::string_view kid, std::string_view extra = "") const {
    std::string out = "{\"kid\":\"" + std::string(kid) + "\"";
    if (EVP_PKEY_get_base_id(key_.get()) == EVP_PKEY_RSA) {
      out += R"(,"kty":"RSA","n":")" + base::base64url_encode(number(OSSL_PKEY_PARAM_RSA_N)) + R"(","e":")" +
             base::base64url_encode(number(OSSL_PKEY_PARAM_RSA_E)) + "\"";
    } else {
      const std::size_t width = coordinate_bytes();
      out += R"(,"kty":"EC","crv":"P-)" + std::to_string(width == 66 ? 521 : width * 8) + R"(","x":")" +
             base::base64url_encode(number(OSSL_PKEY_PARAM_EC_PUB_X, width)) + R"(","y":")" +
             base::base64url_encode(number(OSSL_PKEY_PARAM_EC_PUB_Y, width)) + "\"";
    }
    return out + std::string(extra) + "}";
  }

  /// RS, PS or ES with 256, 384 or 512.
  std::string sign(std::string_view algorithm, std::string_view text) const {
    const std::string signature = raw_sign(algorithm, text);
    return algorithm.starts_with("ES") ? from_der(signature) : signature;
  }

  /// ES256 as ASN.1 has it, which JWS does not.
  std::string raw_sign(std::string_view algorithm, std::string_view text) const {
    const EVP_MD* digest = algorithm.ends_with("256")   ? EVP_sha256()
                           : algorithm.ends_with("384") ? EVP_sha384()
                                                        : EVP_sha512();
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    EVP_PKEY_CTX* parameters = nullptr;
    if (EVP_DigestSignInit(context.get(), &parameters, digest, nullptr, key_.get()) != 1) std::abort();
    if (algorithm.starts_with("PS")) {
      EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST);
    }
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t size = 0;
    if (EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) != 1) std::abort();
    std::string signature(size, '\0');
    if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes,
                       text.size()) != 1)
      std::abort();
    signature.resize(size);
    return signature;
  }

 private:
  explicit SigningKey(EVP_PKEY* key) : key_(key, &EVP_PKEY_free) {
    if (key == nullptr) std::abort();
  }
  std::size_t coordinate_bytes() const {
    return (static_cast<std::size_t>(EVP_PKEY_get_bits(key_.get())) + 7) / 8;
  }

  std::string from_der(const std::string& der) const {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    const std::size_t width = coordinate_bytes();
    std::string out(2 * width, '\0');
    auto* bytes = reinterpret_cast<unsigned char*>(out.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), bytes, static_cast<int>(width));
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), bytes + width, static_cast<int>(width));
    ECDSA_SIG_free(pair);
    return out;
  }

  std::shared_ptr<EVP_PKEY> key_;
};

/// One key of each kind for a whole test program: making RSA keys is slow.
inline const SigningKey& rsa_key() {
  static const SigningKey key = SigningKey::rsa();
  return key;
}
inline const SigningKey& ec_key() {
  static const SigningKey key = SigningKey::ec();
  return key;
}

inline std::string jwks(const std::vector<std::string>& keys) {
  std::string out = "{\"keys\":[";
  for (const std::string& each : keys) out += (out.back() == '[' ? "" : ",") + each;
  return out + "]}";
}

/// The part that is signed.
inline std::string encoded(std::string_view header, std::string_view claims) {
  return base::base64url_encode(header) + "." + base::base64url_encode(claims);
}

inline std::string with_signature(const std::string& text, std::string_view signature) {
  return text + "." + base::base64url_encode(signature);
}

inline std::string token(const SigningKey& key, std::string_view algorithm, std::string_view header,
                         std::string_view claims) {
  const std::string text = encoded(header, claims);
  return with_signature(text, key.sign(algorithm, text));
}

inline std::string hs256(std::string_view secret, std::string_view header, std::string_view claims) {
  const std::string text = encoded(header, claims);
  return with_signature(text, base::hmac_sha256(secret, text));
}

}  // namespace carillon::authorizer::signing
