#include "authorizer/key_set.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <boost/json/array.hpp>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "base/bytes.hpp"
#include "model/json.hpp"

namespace carillon::authorizer {
namespace {

using base::fail;
using boost::json::object;
using model::errors::kUnavailable;

constexpr AlgorithmSet kRsaAlgorithms{Algorithm::rs256, Algorithm::rs384, Algorithm::rs512,
                                      Algorithm::ps256, Algorithm::ps384, Algorithm::ps512};

struct Curve {
  std::string_view name;   ///< `crv`
  const char* group;       ///< OpenSSL's name
  std::size_t coordinate;  ///< bytes
  Algorithm algorithm;
};
constexpr std::array<Curve, 3> kCurves{{{"P-256", "P-256", 32, Algorithm::es256},
                                        {"P-384", "P-384", 48, Algorithm::es384},
                                        {"P-521", "P-521", 66, Algorithm::es512}}};

template <auto Free>
struct Freer {
  void operator()(auto* each) const { Free(each); }
};
using Number = std::unique_ptr<BIGNUM, Freer<&BN_free>>;
using ParameterBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freer<&OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freer<&OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freer<&EVP_PKEY_CTX_free>>;

std::string_view text_of(const object& jwk, std::string_view name) {
  const auto* text = model::string_member(jwk, name);
  return text ? model::view(*text) : std::string_view();
}

std::optional<std::string> bytes_of(const object& jwk, std::string_view name) {
  const auto* text = model::string_member(jwk, name);
  if (!text || text->empty()) return std::nullopt;
  return base::base64url_decode(model::view(*text));
}

PublicKey make_key(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
    return nullptr;
  return PublicKey(key);
}

PublicKey rsa_key(const object& jwk) {
  const auto modulus = bytes_of(jwk, "n");
  const auto exponent = bytes_of(jwk, "e");
  if (!modulus || !exponent || modulus->size() > KeySet::kMaxRsaBits / 8 + 1 || exponent->size() > 8)
    return nullptr;
  const auto number = [](const std::string& bytes) {
    return Number(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                            static_cast<int>(bytes.size()), nullptr));
  };
  const Number n = number(*modulus);
  const Number e = number(*exponent);
  if (!n || !e) return nullptr;
  const int bits = BN_num_bits(n.get());
  // With an exponent of 1 every message would be its own signature.
  const bool sound = bits >= KeySet::kMinRsaBits && bits <= KeySet::kMaxRsaBits && BN_is_odd(n.get()) &&
                     BN_is_odd(e.get()) && !BN_is_one(e.get());
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  if (!sound || !builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    return nullptr;
  return make_key("RSA", builder.get());
}

PublicKey ec_key(const object& jwk, const Curve& curve) {
  const auto x = bytes_of(jwk, "x");
  const auto y = bytes_of(jwk, "y");
  if (!x || !y || x->size() != curve.coordinate || y->size() != curve.coordinate) return nullptr;
  const std::string point = '\x04' + *x + *y;
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.group, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) !=
          1)
    return nullptr;
  PublicKey key = make_key("EC", builder.get());
  if (!key) return nullptr;
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (!context || EVP_PKEY_public_check(context.get()) != 1) return nullptr;
  return key;
}

/// Whether the issuer means the key for signatures.
bool is_for_signing(const object& jwk) {
  if (jwk.contains("use") && text_of(jwk, "use") != "sig") return false;
  const auto* operations = jwk.if_contains("key_ops");
  if (operations == nullptr) return true;
  const auto* list = operations->if_array();
  return list != nullptr && std::ranges::any_of(*list, [](const boost::json::value& each) {
           return each.is_string() && model::view(each.get_string()) == "verify";
         });
}

/// Narrows what the key's type allows to the `alg` it is declared for; nothing when the two do not agree.
std::optional<AlgorithmSet> narrowed(AlgorithmSet by_type, const object& jwk) {
  if (!jwk.contains("alg")) return by_type;
  const auto declared = parse_algorithm(text_of(jwk, "alg"));
  if (!declared || !by_type.has(*declared)) return std::nullopt;
  return AlgorithmSet{*declared};
}

struct UsableKey {
  PublicKey key;
  AlgorithmSet algorithms;
};

std::optional<UsableKey> usable_key(const object& jwk) {
  if (!is_for_signing(jwk)) return std::nullopt;
  if (text_of(jwk, "kty") == "RSA") {
    const auto algorithms = narrowed(kRsaAlgorithms, jwk);
    PublicKey key = algorithms ? rsa_key(jwk) : nullptr;
    if (key) return UsableKey{std::move(key), *algorithms};
  } else if (text_of(jwk, "kty") == "EC") {
    const auto curve = std::ranges::find(kCurves, text_of(jwk, "crv"), &Curve::name);
    if (curve == kCurves.end()) return std::nullopt;
    const auto algorithms = narrowed({curve->algorithm}, jwk);
    PublicKey key = algorithms ? ec_key(jwk, *curve) : nullptr;
    if (key) return UsableKey{std::move(key), *algorithms};
  }
  return std::nullopt;
}

}  // namespace

model::Result<KeySetPtr> KeySet::parse(std::string_view jwks, std::uint64_t generation) {
  if (jwks.size() > kMaxBytes) return fail(kUnavailable, "the JWKS is too large");
  const auto document = model::JsonDocument::parse(jwks);
  const auto* member = document ? document->object().if_contains("keys") : nullptr;
  const auto* list = member ? member->if_array() : nullptr;
  if (list == nullptr) return fail(kUnavailable, "not a JWKS");
  if (list->size() > kMaxKeys) return fail(kUnavailable, "the JWKS has too many keys");
  const std::shared_ptr<KeySet> set(new KeySet(generation));
  for (const auto& each : *list) {
    const auto* jwk = each.if_object();
    const std::string_view kid = jwk ? text_of(*jwk, "kid") : std::string_view();
    auto usable = kid.empty() || kid.size() > kMaxKeyIdBytes ? std::nullopt : usable_key(*jwk);
    if (!usable) {
      ++set->skipped_;
      continue;
    }
    set->keys_[std::string(kid)].push_back({std::move(usable->key), usable->algorithms});
    ++set->size_;
  }
  ERR_clear_error();
  if (set->size_ == 0) return fail(kUnavailable, "the JWKS has no usable key");
  return set;
}

EVP_PKEY* KeySet::find(std::string_view kid, Algorithm algorithm) const {
  const auto found = keys_.find(kid);
  if (found == keys_.end()) return nullptr;
  for (const Key& each : found->second)
    if (each.algorithms.has(algorithm)) return each.key.get();
  return nullptr;
}

}  // namespace carillon::authorizer
