#include "authorizer/key_set.hpp"

#include <gtest/gtest.h>

#include "signing.hpp"

namespace carillon::authorizer {
namespace {

using signing::ec_key;
using signing::jwks;
using signing::rsa_key;
using signing::SigningKey;

constexpr Algorithm kAll[] = {Algorithm::hs256, Algorithm::rs256, Algorithm::rs384, Algorithm::rs512,
                              Algorithm::ps256, Algorithm::ps384, Algorithm::ps512, Algorithm::es256,
                              Algorithm::es384, Algorithm::es512};

KeySetPtr parse(const std::string& text) {
  auto set = KeySet::parse(text, 7);
  EXPECT_TRUE(set) << set.error().details();
  return set ? *set : nullptr;
}

std::string problem(const std::string& text) {
  const auto set = KeySet::parse(text, 7);
  return set ? "(accepted)" : set.error().details();
}

/// A set whose one good key shows that the others were looked at.
KeySetPtr beside_good(const std::string& key) {
  return parse(jwks({key, ec_key().jwk("good")}));
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, what.size(), with);
}

TEST(KeySet, binds_each_key_to_the_algorithms_of_its_type) {
  const auto set = parse(jwks({rsa_key().jwk("r"), ec_key().jwk("e"), SigningKey::ec("P-384").jwk("e384"),
                               SigningKey::ec("P-521").jwk("e521")}));
  const AlgorithmSet rsa{Algorithm::rs256, Algorithm::rs384, Algorithm::rs512,
                         Algorithm::ps256, Algorithm::ps384, Algorithm::ps512};
  for (const Algorithm each : kAll) {
    EXPECT_EQ(set->find("r", each) != nullptr, rsa.has(each));
    EXPECT_EQ(set->find("e", each) != nullptr, each == Algorithm::es256);
    EXPECT_EQ(set->find("e384", each) != nullptr, each == Algorithm::es384);
    EXPECT_EQ(set->find("e521", each) != nullptr, each == Algorithm::es512);
    EXPECT_EQ(set->find("other", each), nullptr);
  }
  EXPECT_EQ(set->size(), 4u);
  EXPECT_EQ(set->skipped(), 0u);
  EXPECT_EQ(set->generation(), 7u);
}

TEST(KeySet, a_declared_algorithm_is_the_only_one) {
  const auto set =
      parse(jwks({rsa_key().jwk("r", R"(,"alg":"PS384")"), ec_key().jwk("e", R"(,"alg":"ES256")")}));
  for (const Algorithm each : kAll) {
    EXPECT_EQ(set->find("r", each) != nullptr, each == Algorithm::ps384);
    EXPECT_EQ(set->find("e", each) != nullptr, each == Algorithm::es256);
  }
}

TEST(KeySet, skips_keys_that_are_not_for_this) {
  for (const char* extra : {R"(,"use":"enc")", R"(,"use":7)", R"(,"key_ops":["sign"])",
                            R"(,"key_ops":"verify")", R"(,"alg":"RSA-OAEP")", R"(,"alg":"none")",
                            R"(,"alg":"HS256")", R"(,"alg":"ES256")", R"(,"alg":null)"}) {
    const auto set = beside_good(rsa_key().jwk("k", extra));
    EXPECT_FALSE(set->has("k")) << extra;
    EXPECT_EQ(set->skipped(), 1u);
  }
  for (const char* extra :
       {R"(,"use":"sig")", R"(,"key_ops":["sign","verify"])", R"(,"x5t":"abc","x5c":["MII"])"})
    EXPECT_TRUE(beside_good(rsa_key().jwk("k", extra))->has("k")) << extra;
  for (const char* key :
       {R"({"kid":"k","kty":"oct","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"})",
        R"({"kid":"k","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
        R"({"kid":"k"})", R"({"kid":"k","kty":7})", R"(7)", R"("k")", R"(null)", R"([])"})
    EXPECT_FALSE(beside_good(key)->has("k")) << key;
}

TEST(KeySet, skips_keys_without_a_usable_id) {
  const std::string good = rsa_key().jwk("kid");
  for (const std::string& kid : {std::string(R"("kid":"")"), std::string(R"("kid":7)"),
                                 std::string(R"("x":"kid")"), "\"kid\":\"" + std::string(257, 'k') + "\""})
    EXPECT_EQ(beside_good(replaced(good, R"("kid":"kid")", kid))->size(), 1u) << kid;
  EXPECT_TRUE(beside_good(rsa_key().jwk(std::string(256, 'k')))->has(std::string(256, 'k')));
}

TEST(KeySet, skips_weak_rsa_keys) {
  EXPECT_FALSE(beside_good(SigningKey::rsa(1024).jwk("k"))->has("k"));
  EXPECT_FALSE(beside_good(SigningKey::rsa(2040).jwk("k"))->has("k"));
  const std::string good = rsa_key().jwk("k");
  EXPECT_TRUE(beside_good(good)->has("k"));
  const std::string exponent = R"("e":"AQAB")";
  for (const char* weak : {R"("e":"AQ")", R"("e":"AA")", R"("e":"Ag")", R"("e":"AQAA")", R"("e":"")",
                           R"("e":"AQAB=")", R"("e":65537)", R"("e":"AQAAAAAAAAAB")", R"("f":"AQAB")"})
    EXPECT_FALSE(beside_good(replaced(good, exponent, weak))->has("k")) << weak;
  const std::string modulus = base::base64url_encode(rsa_key().number(OSSL_PKEY_PARAM_RSA_N));
  const std::string huge = base::base64url_encode(std::string(1100, '\xff'));
  const std::string even = base::base64url_encode(std::string(255, '\xff') + '\xfe');
  for (const std::string& bad : {huge, even, std::string("!!!!"), std::string()})
    EXPECT_FALSE(beside_good(replaced(good, modulus, bad))->has("k"));
}

TEST(KeySet, skips_points_that_are_not_on_the_curve) {
  const std::string good = ec_key().jwk("k");
  const std::string x = base::base64url_encode(ec_key().number(OSSL_PKEY_PARAM_EC_PUB_X, 32));
  std::string bytes = ec_key().number(OSSL_PKEY_PARAM_EC_PUB_X, 32);
  bytes[31] = static_cast<char>(bytes[31] ^ 1);
  for (const std::string& bad : {base::base64url_encode(bytes), base::base64url_encode(bytes.substr(1)),
                                 base::base64url_encode('\0' + bytes), std::string()})
    EXPECT_FALSE(beside_good(replaced(good, x, bad))->has("k"));
  for (const char* curve : {R"("crv":"P-384")", R"("crv":"secp256k1")", R"("crv":"p-256")", R"("crv":1)"})
    EXPECT_FALSE(beside_good(replaced(good, R"("crv":"P-256")", curve))->has("k")) << curve;
}

TEST(KeySet, one_id_may_name_keys_of_several_types) {
  const auto set = parse(jwks({rsa_key().jwk("same"), ec_key().jwk("same")}));
  EXPECT_NE(set->find("same", Algorithm::rs256), nullptr);
  EXPECT_NE(set->find("same", Algorithm::es256), nullptr);
  EXPECT_NE(set->find("same", Algorithm::rs256), set->find("same", Algorithm::es256));
}

TEST(KeySet, refuses_what_is_no_jwks) {
  for (const char* text :
       {"", "[]", "{}", "null", R"({"keys":{}})", R"({"keys":null})", "<html>", R"({"keys":[]} x)"})
    EXPECT_EQ(problem(text), "not a JWKS") << text;
  EXPECT_EQ(problem(R"({"keys":[],"keys":[]})"), "not a JWKS") << "a member twice";
  EXPECT_EQ(problem(R"({"keys":[]})"), "the JWKS has no usable key");
  EXPECT_EQ(problem(jwks({SigningKey::rsa(1024).jwk("weak")})), "the JWKS has no usable key");
}

TEST(KeySet, is_bounded) {
  std::vector<std::string> keys(99, "{}");
  keys.push_back(ec_key().jwk("last"));
  EXPECT_TRUE(parse(jwks(keys))->has("last"));
  keys.emplace_back("{}");
  EXPECT_EQ(problem(jwks(keys)), "the JWKS has too many keys");
  std::string text = jwks({ec_key().jwk("k")});
  text.append(KeySet::kMaxBytes - text.size(), ' ');
  EXPECT_TRUE(parse(text));
  EXPECT_EQ(problem(text + " "), "the JWKS is too large");
}

}  // namespace
}  // namespace carillon::authorizer
