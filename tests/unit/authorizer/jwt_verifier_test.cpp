#include "authorizer/jwt_verifier.hpp"

#include <stdexcept>

#include <gtest/gtest.h>

#include "signing.hpp"

namespace carillon::authorizer {
namespace {

using model::errors::kNoUserId;
using model::errors::kUnauthorized;
using signing::ec_key;
using signing::hs256;
using signing::jwks;
using signing::rsa_key;
using signing::SigningKey;
using signing::token;

constexpr base::EpochMs kNow = 1'750'000'000'000;
constexpr std::int64_t kNowSeconds = kNow / 1000;
constexpr const char* kRsaHeader = R"({"alg":"RS256","kid":"r"})";
constexpr const char* kEcHeader = R"({"alg":"ES256","kid":"e"})";
const std::string kSecret = "a secret of more than thirty-two bytes";

Settings settings() {
  Settings out;
  out.issuer = "https://issuer.example";
  out.audience = {"app", "other-app"};
  return out;
}

/// Claims of a good token; `change` replaces members (`"exp":1`) or adds them, `without` takes them away.
std::string claims(std::vector<std::pair<std::string, std::string>> change = {},
                   const std::vector<std::string>& without = {}) {
  std::vector<std::pair<std::string, std::string>> all{{"iss", R"("https://issuer.example")"},
                                                       {"aud", R"("app")"},
                                                       {"sub", R"("alice")"},
                                                       {"exp", std::to_string(kNowSeconds + 3600)}};
  for (auto& [name, value] : change) {
    const auto known = std::ranges::find(all, name, &std::pair<std::string, std::string>::first);
    if (known != all.end())
      known->second = value;
    else
      all.emplace_back(name, value);
  }
  std::string out = "{";
  for (const auto& [name, value] : all)
    if (std::ranges::find(without, name) == without.end())
      out += (out.size() > 1 ? ",\"" : "\"") + name + "\":" + value;
  return out + "}";
}

KeySetPtr keys() {
  static const KeySetPtr set = *KeySet::parse(jwks({rsa_key().jwk("r"), ec_key().jwk("e")}), 1);
  return set;
}

Verdict verify(std::string_view text, Settings with = settings(), base::EpochMs now = kNow) {
  return JwtVerifier(std::move(with)).verify(text, now, keys().get());
}

/// Why a token was refused; `(accepted)` when it was not.
std::string refusal(const Verdict& verdict) {
  if (verdict.identity) return "(accepted)";
  if (verdict.identity.error().is(kNoUserId)) return "no user id";
  EXPECT_TRUE(verdict.identity.error().is(kUnauthorized));
  return verdict.identity.error().details();
}

std::string refusal_of_claims(const std::string& text, Settings with = settings(), base::EpochMs now = kNow) {
  return refusal(verify(token(ec_key(), "ES256", kEcHeader, text), std::move(with), now));
}

model::IdentityPtr identity_of(const std::string& text, Settings with = settings()) {
  auto verdict = verify(token(ec_key(), "ES256", kEcHeader, text), std::move(with));
  EXPECT_TRUE(verdict.identity) << verdict.identity.error().details();
  return verdict.identity ? *verdict.identity : std::make_shared<model::Identity>();
}

TEST(JwtVerifier, accepts_a_good_token) {
  for (const std::string& text :
       {token(rsa_key(), "RS256", kRsaHeader, claims()), token(ec_key(), "ES256", kEcHeader, claims())}) {
    const Verdict verdict = verify(text);
    ASSERT_TRUE(verdict.identity) << verdict.identity.error().details();
    const model::Identity& who = **verdict.identity;
    EXPECT_EQ(who.user.str(), "alice");
    EXPECT_EQ(who.expires_at, (kNowSeconds + 3600) * 1000);
    EXPECT_FALSE(who.may_publish_anywhere || who.is_admin || who.may_read_metrics);
    EXPECT_TRUE(who.orgs.empty() && who.hubs.empty() && who.projects.empty());
    EXPECT_TRUE(verdict.unknown_kid.empty());
  }
}

TEST(JwtVerifier, other_algorithms_only_when_configured) {
  const SigningKey p384 = SigningKey::ec("P-384");
  const SigningKey p521 = SigningKey::ec("P-521");
  const auto set = *KeySet::parse(jwks({rsa_key().jwk("r"), p384.jwk("e384"), p521.jwk("e521")}), 1);
  Settings wide = settings();
  wide.algorithms = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"};
  struct Case {
    const char* algorithm;
    const SigningKey& key;
    const char* kid;
  };
  for (const Case& each :
       {Case{"RS384", rsa_key(), "r"}, Case{"RS512", rsa_key(), "r"}, Case{"PS256", rsa_key(), "r"},
        Case{"PS384", rsa_key(), "r"}, Case{"PS512", rsa_key(), "r"}, Case{"ES384", p384, "e384"},
        Case{"ES512", p521, "e521"}}) {
    const std::string header =
        R"({"alg":")" + std::string(each.algorithm) + R"(","kid":")" + each.kid + "\"}";
    const std::string text = token(each.key, each.algorithm, header, claims());
    EXPECT_EQ(refusal(JwtVerifier(wide).verify(text, kNow, set.get())), "(accepted)") << each.algorithm;
    EXPECT_EQ(refusal(JwtVerifier(settings()).verify(text, kNow, set.get())), "algorithm not accepted")
        << each.algorithm;
  }
}

TEST(JwtVerifier, settings_that_cannot_work_are_refused) {
  Settings wrong = settings();
  for (const char* name : {"none", "HS256", "rs256", "EdDSA", ""}) {
    wrong.algorithms = {"RS256", name};
    EXPECT_THROW(JwtVerifier{wrong}, std::runtime_error) << name;
  }
  wrong = settings();
  wrong.hs256_secret = std::string(31, 's');
  EXPECT_THROW(JwtVerifier{wrong}, std::runtime_error);
  wrong.hs256_secret += 's';
  EXPECT_NO_THROW(JwtVerifier{wrong});
}

TEST(JwtVerifier, none_is_never_accepted) {
  Settings with_secret = settings();
  with_secret.hs256_secret = kSecret;
  for (const char* name : {R"("none")", R"("None")", R"("NONE")", R"("")", "null", "7", R"(["RS256"])"}) {
    const std::string header = R"({"kid":"r","alg":)" + std::string(name) + "}";
    for (const char* signature : {"", "x"}) {
      const std::string text = signing::with_signature(signing::encoded(header, claims()), signature);
      EXPECT_EQ(refusal(verify(text)), "algorithm not accepted") << name;
      EXPECT_EQ(refusal(verify(text, with_secret)), "algorithm not accepted") << name;
    }
  }
  EXPECT_EQ(refusal(verify(signing::encoded(R"({"kid":"r"})", claims()) + ".")), "algorithm not accepted");
}

TEST(JwtVerifier, a_public_key_is_never_an_hmac_secret) {
  Settings with_secret = settings();
  with_secret.hs256_secret = kSecret;
  for (const std::string& public_text :
       {rsa_key().pem(), rsa_key().jwk("r"), rsa_key().number(OSSL_PKEY_PARAM_RSA_N)}) {
    const std::string forged = hs256(public_text, R"({"alg":"HS256","kid":"r"})", claims());
    EXPECT_EQ(refusal(verify(forged)), "algorithm not accepted");
    EXPECT_EQ(refusal(verify(forged, with_secret)), "bad signature");
  }
}

TEST(JwtVerifier, hs256_needs_a_secret_of_its_own) {
  const std::string text = hs256(kSecret, R"({"alg":"HS256"})", claims());
  EXPECT_EQ(refusal(verify(text)), "algorithm not accepted");
  Settings with_secret = settings();
  with_secret.hs256_secret = kSecret;
  EXPECT_EQ(refusal(verify(text, with_secret)), "(accepted)");
  EXPECT_EQ(refusal(verify(hs256(kSecret + "x", R"({"alg":"HS256"})", claims()), with_secret)),
            "bad signature");
  EXPECT_EQ(refusal(verify(hs256("", R"({"alg":"HS256"})", claims()), with_secret)), "bad signature");
  for (const char* name : {"HS384", "HS512"})
    EXPECT_EQ(
        refusal(verify(hs256(kSecret, R"({"alg":")" + std::string(name) + "\"}", claims()), with_secret)),
        "algorithm not accepted");
  // Beside a secret, keys of the set still count.
  EXPECT_EQ(refusal(verify(token(rsa_key(), "RS256", kRsaHeader, claims()), with_secret)), "(accepted)");
}

TEST(JwtVerifier, a_symmetric_key_in_the_jwks_is_never_used) {
  const std::string secret_jwk =
      R"({"kid":"s","kty":"oct","alg":"HS256","k":")" + base::base64url_encode(kSecret) + "\"}";
  const auto set = *KeySet::parse(jwks({secret_jwk, ec_key().jwk("e")}), 1);
  const std::string text = hs256(kSecret, R"({"alg":"HS256","kid":"s"})", claims());
  EXPECT_EQ(refusal(JwtVerifier(settings()).verify(text, kNow, set.get())), "algorithm not accepted");
}

TEST(JwtVerifier, the_algorithm_is_the_keys_not_the_tokens) {
  const std::string text = signing::encoded(R"({"alg":"RS256","kid":"e"})", claims());
  EXPECT_EQ(refusal(verify(signing::with_signature(text, rsa_key().sign("RS256", text)))),
            "algorithm not accepted for this key");
  EXPECT_EQ(refusal(verify(token(ec_key(), "ES256", R"({"alg":"ES256","kid":"r"})", claims()))),
            "algorithm not accepted for this key");
  const auto only_ps = *KeySet::parse(jwks({rsa_key().jwk("r", R"(,"alg":"PS256")")}), 1);
  EXPECT_EQ(refusal(JwtVerifier(settings())
                        .verify(token(rsa_key(), "RS256", kRsaHeader, claims()), kNow, only_ps.get())),
            "algorithm not accepted for this key");
}

TEST(JwtVerifier, keys_in_the_header_are_never_obeyed) {
  const SigningKey mine = SigningKey::ec();
  for (const std::string& extra :
       {R"(,"jwk":)" + mine.jwk("e"), std::string(R"(,"jku":"https://evil.example/jwks.json")"),
        std::string(R"(,"x5u":"https://evil.example/cert.pem")"), std::string(R"(,"x5c":["MIIB"])")}) {
    EXPECT_EQ(refusal(verify(token(mine, "ES256", R"({"alg":"ES256","kid":"e")" + extra + "}", claims()))),
              "bad signature");
    EXPECT_EQ(refusal(verify(token(mine, "ES256", R"({"alg":"ES256","kid":"mine")" + extra + "}", claims()))),
              "unknown key");
    EXPECT_EQ(refusal(verify(token(mine, "ES256", R"({"alg":"ES256")" + extra + "}", claims()))),
              "no key id");
  }
}

TEST(JwtVerifier, critical_headers_are_refused) {
  for (const char* value : {R"(["exp"])", R"(["b64"],"b64":false)", "[]", "null"}) {
    const std::string header = R"({"alg":"ES256","kid":"e","crit":)" + std::string(value) + "}";
    EXPECT_EQ(refusal(verify(token(ec_key(), "ES256", header, claims()))), "critical header not supported");
  }
}

TEST(JwtVerifier, a_key_id_is_required) {
  for (const std::string& kid : {std::string(), std::string(R"(,"kid":"")"), std::string(R"(,"kid":7)"),
                                 std::string(R"(,"kid":null)"), R"(,"kid":")" + std::string(257, 'k') + "\""})
    EXPECT_EQ(refusal(verify(token(ec_key(), "ES256", R"({"alg":"ES256")" + kid + "}", claims()))),
              "no key id")
        << kid;
}

TEST(JwtVerifier, an_unknown_key_is_named_for_a_refresh) {
  const std::string text = token(ec_key(), "ES256", R"({"alg":"ES256","kid":"new"})", claims());
  Verdict verdict = verify(text);
  EXPECT_EQ(refusal(verdict), "unknown key");
  EXPECT_EQ(verdict.unknown_kid, "new");
  verdict = JwtVerifier(settings()).verify(text, kNow, nullptr);
  EXPECT_EQ(refusal(verdict), "unknown key");
  EXPECT_EQ(verdict.unknown_kid, "new");
  // What no key could save asks for none.
  EXPECT_EQ(verify(token(ec_key(), "ES256", R"({"alg":"ES384","kid":"new"})", claims())).unknown_kid, "");
  EXPECT_EQ(verify(token(ec_key(), "ES256", kEcHeader, claims({{"exp", "1"}}))).unknown_kid, "");
}

TEST(JwtVerifier, ecdsa_signatures_are_64_bytes) {
  const std::string text = signing::encoded(kEcHeader, claims());
  const std::string good = ec_key().sign("ES256", text);
  ASSERT_EQ(good.size(), 64u);
  EXPECT_EQ(refusal(verify(signing::with_signature(text, good))), "(accepted)");
  const std::string zero(32, '\0');
  for (const std::string& bad :
       {good.substr(0, 63), good + '\0', '\0' + good, ec_key().raw_sign("ES256", text), std::string(),
        zero + zero, good.substr(0, 32) + zero, zero + good.substr(32), std::string(64, '\xff'),
        good.substr(32) + good.substr(0, 32)})
    EXPECT_EQ(refusal(verify(signing::with_signature(text, bad))), "bad signature") << bad.size();
}

TEST(JwtVerifier, rsa_signatures_of_another_length_or_padding_are_bad) {
  const std::string text = signing::encoded(kRsaHeader, claims());
  const std::string good = rsa_key().sign("RS256", text);
  for (const std::string& bad :
       {good.substr(1), good + '\0', '\0' + good, std::string(), std::string(256, '\0'),
        std::string(256, '\1'), rsa_key().sign("PS256", text), rsa_key().sign("RS512", text)})
    EXPECT_EQ(refusal(verify(signing::with_signature(text, bad))), "bad signature") << bad.size();
}

TEST(JwtVerifier, no_character_can_be_changed) {
  Settings with_secret = settings();
  with_secret.hs256_secret = kSecret;
  const JwtVerifier verifier(with_secret);
  for (const std::string& good :
       {hs256(kSecret, R"({"alg":"HS256"})", claims()), token(ec_key(), "ES256", kEcHeader, claims())}) {
    ASSERT_EQ(refusal(verifier.verify(good, kNow, keys().get())), "(accepted)");
    for (std::size_t at = 0; at < good.size(); ++at)
      for (const char other : {'A', 'Q', '_', '.', '=', '+', ' ', '\0', '\xff'}) {
        if (good[at] == other) continue;
        std::string changed = good;
        changed[at] = other;
        EXPECT_FALSE(verifier.verify(changed, kNow, keys().get()).identity)
            << at << " to " << static_cast<int>(other);
      }
    for (std::size_t size = 0; size < good.size(); ++size)
      EXPECT_FALSE(verifier.verify(good.substr(0, size), kNow, keys().get()).identity) << size;
    for (const char* more : {"A", ".", "=", "==", " ", "\n", ".e30"})
      EXPECT_FALSE(verifier.verify(good + more, kNow, keys().get()).identity) << more;
  }
}

TEST(JwtVerifier, malformed_tokens) {
  EXPECT_EQ(refusal(verify("")), "no token");
  for (const char* text :
       {".", "..", "...", "a.b", "a.b.c.d.e", "e30.e30", "e30.e30.*", "not a token", "\xff\xfe.e30.e30"})
    EXPECT_NE(refusal(verify(text)), "(accepted)") << text;
  EXPECT_EQ(refusal(verify("a.b.c.d.e")), "malformed token") << "an encrypted token has five parts";
  for (const char* header : {"", "7", "[]", "{", R"({"alg":"ES256","alg":"ES256","kid":"e"})",
                             R"({"alg":"ES256","kid":"e"} )"
                             "\x01"})
    EXPECT_EQ(refusal(verify(token(ec_key(), "ES256", header, claims()))), "malformed token") << header;
  for (const std::string& text :
       {std::string(), std::string("7"), std::string("[]"), claims() + claims(), claims({{"a", "1e400"}}),
        claims({{"a", "\"\xff\""}}), R"({"sub":"eve",)" + claims().substr(1),
        claims({{"a", std::string(100, '[') + std::string(100, ']')}})})
    EXPECT_EQ(refusal_of_claims(text), "malformed token") << text;
}

TEST(JwtVerifier, tokens_are_bounded) {
  Settings with_secret = settings();
  with_secret.hs256_secret = kSecret;
  std::string filler;
  std::string text;
  do {
    filler += 'x';
    text = hs256(kSecret, R"({"alg":"HS256"})", claims({{"filler", "\"" + filler + "\""}}));
    if (text.size() + 200 < JwtVerifier::kMaxTokenBytes) filler.append(100, 'x');
  } while (text.size() < JwtVerifier::kMaxTokenBytes);
  ASSERT_EQ(text.size(), JwtVerifier::kMaxTokenBytes);
  EXPECT_EQ(refusal(verify(text, with_secret)), "(accepted)");
  filler += "xxx";
  text = hs256(kSecret, R"({"alg":"HS256"})", claims({{"filler", "\"" + filler + "\""}}));
  EXPECT_EQ(refusal(verify(text, with_secret)), "token too large");
}

TEST(JwtVerifier, the_issuer_must_match_exactly) {
  for (const char* value : {R"("https://issuer.example/")", R"("https://ISSUER.example")", R"("")", "7",
                            R"(["https://issuer.example"])"})
    EXPECT_EQ(refusal_of_claims(claims({{"iss", value}})), "wrong issuer") << value;
  EXPECT_EQ(refusal_of_claims(claims({}, {"iss"})), "wrong issuer");
}

TEST(JwtVerifier, the_audience_must_be_ours) {
  for (const char* value : {R"("app")", R"("other-app")", R"(["app"])", R"(["x","other-app"])"})
    EXPECT_EQ(refusal_of_claims(claims({{"aud", value}})), "(accepted)") << value;
  for (const char* value : {R"("x")", R"("App")", R"("app ")", R"("")", "[]", R"(["x"])", R"([["app"]])",
                            "null", "7", R"({"app":1})"})
    EXPECT_EQ(refusal_of_claims(claims({{"aud", value}})), "wrong audience") << value;
}

TEST(JwtVerifier, client_id_counts_only_without_an_audience) {
  EXPECT_EQ(refusal_of_claims(claims({{"client_id", R"("app")"}}, {"aud"})), "(accepted)");
  EXPECT_EQ(refusal_of_claims(claims({{"aud", R"("x")"}, {"client_id", R"("app")"}})), "wrong audience");
  EXPECT_EQ(refusal_of_claims(claims({{"aud", "[]"}, {"client_id", R"("app")"}})), "wrong audience");
  EXPECT_EQ(refusal_of_claims(claims({{"aud", "null"}, {"client_id", R"("app")"}})), "wrong audience");
  EXPECT_EQ(refusal_of_claims(claims({{"client_id", R"("x")"}}, {"aud"})), "wrong audience");
  EXPECT_EQ(refusal_of_claims(claims({{"client_id", R"(["app"])"}}, {"aud"})), "wrong audience");
  EXPECT_EQ(refusal_of_claims(claims({}, {"aud"})), "wrong audience");
}

TEST(JwtVerifier, token_use_is_access_or_id) {
  for (const char* value : {R"("access")", R"("id")"})
    EXPECT_EQ(refusal_of_claims(claims({{"token_use", value}})), "(accepted)") << value;
  for (const char* value : {R"("refresh")", R"("")", R"("ID")", "null", "7", R"(["id"])"})
    EXPECT_EQ(refusal_of_claims(claims({{"token_use", value}})), "wrong token use") << value;
}

TEST(JwtVerifier, expiry_with_its_leeway) {
  const std::string text = token(ec_key(), "ES256", kEcHeader, claims({{"exp", "1750000000"}}));
  const base::EpochMs expiry = 1'750'000'000'000;
  EXPECT_EQ(refusal(verify(text, settings(), expiry - 1)), "(accepted)");
  EXPECT_EQ(refusal(verify(text, settings(), expiry + 59'999)), "(accepted)");
  EXPECT_EQ(refusal(verify(text, settings(), expiry + 60'000)), "token expired");
  Settings strict = settings();
  strict.leeway = std::chrono::seconds(0);
  EXPECT_EQ(refusal(verify(text, strict, expiry - 1)), "(accepted)");
  EXPECT_EQ(refusal(verify(text, strict, expiry)), "token expired");
  // The identity's expiry is the token's own, without leeway.
  EXPECT_EQ((*verify(text, settings(), expiry + 1).identity)->expires_at, expiry);
  EXPECT_EQ(identity_of(claims({{"exp", "1750003600.25"}}))->expires_at, 1'750'003'600'250);
}

TEST(JwtVerifier, expiry_is_required_and_sane) {
  EXPECT_EQ(refusal_of_claims(claims({}, {"exp"})), "no expiry");
  for (const char* value :
       {R"("1750003600")", "null", "true", "[]", "-1", "-1750003600", "1750003600000", "253402300800",
        "1e300", "9223372036854775807", "18446744073709551615", "-9223372036854775808"})
    EXPECT_EQ(refusal_of_claims(claims({{"exp", value}})), "malformed expiry") << value;
  for (const char* value : {"0", "1", "-0.0", "1.5e9"})
    EXPECT_EQ(refusal_of_claims(claims({{"exp", value}})), "token expired") << value;
  for (const char* value : {"253402300799", "1.7500036e9", "4102444800"})
    EXPECT_EQ(refusal_of_claims(claims({{"exp", value}})), "(accepted)") << value;
}

TEST(JwtVerifier, not_before_with_its_leeway) {
  const std::string text =
      token(ec_key(), "ES256", kEcHeader, claims({{"nbf", std::to_string(kNowSeconds)}}));
  EXPECT_EQ(refusal(verify(text, settings(), kNow - 60'000)), "(accepted)");
  EXPECT_EQ(refusal(verify(text, settings(), kNow - 60'001)), "token not valid yet");
  for (const char* value : {R"("1")", "null", "-1", "1e300"})
    EXPECT_EQ(refusal_of_claims(claims({{"nbf", value}})), "malformed start time") << value;
}

TEST(JwtVerifier, the_user_is_the_configured_claim) {
  EXPECT_EQ(refusal_of_claims(claims({}, {"sub"})), "no user id");
  for (const char* value : {"7", "null", R"("")", R"("*")", R"("a,b")", R"("a\u0000b")", R"(["alice"])"})
    EXPECT_EQ(refusal_of_claims(claims({{"sub", value}})), "no user id") << value;
  EXPECT_EQ(refusal_of_claims(claims({{"sub", "\"" + std::string(257, 'u') + "\""}})), "no user id");
  EXPECT_EQ(identity_of(claims({{"sub", R"("Zoë|ß")"}}))->user.str(), "Zoë|ß");
  Settings by_name = settings();
  by_name.user_claim = "cognito:username";
  EXPECT_EQ(identity_of(claims({{"cognito:username", R"("bob")"}}), by_name)->user.str(), "bob");
  EXPECT_EQ(refusal_of_claims(claims(), by_name), "no user id");
  // Only a token that is otherwise valid gets that answer.
  EXPECT_EQ(refusal_of_claims(claims({{"exp", "1"}}, {"sub"})), "token expired");
}

TEST(JwtVerifier, scopes_and_groups_mean_the_same) {
  struct Rights {
    bool publish, admin, metrics;
    bool operator==(const Rights&) const = default;
  };
  const auto rights = [](const std::string& text) {
    const auto who = identity_of(text);
    return Rights{who->may_publish_anywhere, who->is_admin, who->may_read_metrics};
  };
  EXPECT_EQ(rights(claims({{"scope", R"("openid carillon/publish")"}})), (Rights{true, false, false}));
  EXPECT_EQ(rights(claims({{"scope", R"("carillon/admin")"}})), (Rights{false, true, false}));
  EXPECT_EQ(rights(claims({{"scope", R"("  carillon/metrics  carillon/publish ")"}})),
            (Rights{true, false, true}));
  EXPECT_EQ(rights(claims({{"cognito:groups", R"(["x","carillon/admin"])"}})), (Rights{false, true, false}));
  EXPECT_EQ(rights(claims({{"cognito:groups", R"("carillon/publish")"}})), (Rights{true, false, false}));
  EXPECT_EQ(
      rights(claims({{"scope", R"("carillon/publish")"}, {"cognito:groups", R"(["carillon/metrics"])"}})),
      (Rights{true, false, true}));
  for (const char* scope : {R"("carillon/publisher")", R"("xcarillon/admin")", R"("CARILLON/ADMIN")",
                            R"("carillon/admin,carillon/publish")", R"(["carillon/admin"])",
                            R"("carillon/\tadmin")", "7", "null"})
    EXPECT_EQ(rights(claims({{"scope", scope}})), (Rights{false, false, false})) << scope;
  for (const char* groups : {R"("carillon/admin carillon/publish")", R"({"carillon/admin":true})",
                             R"([["carillon/admin"]])", "true"})
    EXPECT_EQ(rights(claims({{"cognito:groups", groups}})), (Rights{false, false, false})) << groups;
}

TEST(JwtVerifier, memberships_are_text_or_list) {
  using Ids = std::vector<std::string>;
  const auto who = identity_of(claims(
      {{"custom:orgId", R"("o1")"}, {"custom:hubId", R"(["h1","h2","h1"])"}, {"custom:projectId", "[]"}}));
  EXPECT_EQ(who->orgs, (Ids{"o1"}));
  EXPECT_EQ(who->hubs, (Ids{"h1", "h2"}));
  EXPECT_EQ(who->projects, Ids());
  EXPECT_EQ(identity_of(claims({{"custom:orgId", R"(["",7,"*","a,b","ok",null,"a\nb"])"}}))->orgs,
            (Ids{"ok"}));
  Settings other = settings();
  other.org_claim = "tenant";
  other.hub_claim = "";
  const auto named = identity_of(
      claims({{"tenant", R"("t")"}, {"custom:orgId", R"("o")"}, {"custom:hubId", R"("h")"}, {"", R"("e")"}}),
      other);
  EXPECT_EQ(named->orgs, (Ids{"t"}));
  EXPECT_EQ(named->hubs, Ids());
}

TEST(JwtVerifier, refusals_never_quote_the_token) {
  const std::string text = token(ec_key(), "ES256", R"({"alg":"SECRET-1","kid":"SECRET-2"})",
                                 claims({{"sub", R"("SECRET-3")"}, {"iss", R"("SECRET-4")"}}));
  EXPECT_EQ(refusal(verify(text)).find("SECRET"), std::string::npos);
  EXPECT_EQ(refusal_of_claims(claims({{"iss", R"("SECRET")"}})).find("SECRET"), std::string::npos);
}

}  // namespace
}  // namespace carillon::authorizer
