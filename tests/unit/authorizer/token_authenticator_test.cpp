#include "authorizer/token_authenticator.hpp"

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "authorizer/jwt_verifier.hpp"
#include "authorizer/token_cache.hpp"
#include "fake_issuer.hpp"
#include "signing.hpp"

namespace carillon::authorizer {
namespace {

using namespace std::chrono_literals;
using signing::ec_key;
using signing::jwks;
using signing::SigningKey;

using Answer = std::optional<model::Result<model::IdentityPtr>>;

class TokenAuthenticatorTest : public testing::Test {
 protected:
  void start(std::chrono::milliseconds max_stale = 24h, std::size_t cached = 1024) {
    settings.issuer = "https://issuer.example";
    settings.audience = {"app"};
    settings.jwks_max_stale = max_stale;
    authenticator = std::make_unique<TokenAuthenticator>(settings, &issuer, [this] { return now; }, cached);
    authenticator->start();
    if (issuer.is_asked()) issuer.answer(jwks({ec_key().jwk("e")}));
  }
  void pass(base::milliseconds time) {
    now.wall += time.count();
    now.monotonic += time;
    authenticator->tick();
  }
  std::string token(base::milliseconds lifetime = 1h, const std::string& kid = "e",
                    const SigningKey& key = ec_key(), const std::string& user = "alice") const {
    return signing::token(key, "ES256", R"({"alg":"ES256","kid":")" + kid + "\"}",
                          R"({"iss":"https://issuer.example","aud":"app","sub":")" + user + R"(","exp":)" +
                              std::to_string((now.wall + lifetime.count()) / 1000) + "}");
  }
  std::shared_ptr<Answer> authenticate(const std::string& text) {
    auto answer = std::make_shared<Answer>();
    authenticator->authenticate(text, [answer](model::Result<model::IdentityPtr> each) {
      EXPECT_FALSE(answer->has_value()) << "answered twice";
      *answer = std::move(each);
    });
    return answer;
  }
  static std::string outcome(const std::shared_ptr<Answer>& answer) {
    if (!answer->has_value()) return "waiting";
    return **answer ? (***answer)->user.str()
                    : std::string((*answer)->error().code()) + ": " + (*answer)->error().details();
  }
  std::string outcome_of(const std::string& text) { return outcome(authenticate(text)); }
  /// Null when refused. The same one again means that the token was not verified again.
  model::IdentityPtr identity(const std::string& text) {
    const auto answer = authenticate(text);
    return answer->has_value() && **answer ? ***answer : nullptr;
  }

  Time now{1'750'000'000'000, base::Monotonic(1000h)};
  Settings settings;
  FakeIssuer issuer;
  std::unique_ptr<TokenAuthenticator> authenticator;
};

TEST_F(TokenAuthenticatorTest, answers_at_once_when_the_key_is_known) {
  start();
  EXPECT_EQ(outcome_of(token()), "alice");
  EXPECT_EQ(outcome_of("nonsense"), "unauthorized: malformed token");
  EXPECT_EQ(outcome_of(std::string(JwtVerifier::kMaxTokenBytes + 1, 'x')), "unauthorized: token too large");
  EXPECT_EQ(outcome_of(""), "unauthorized: no token");
  EXPECT_EQ(issuer.requests.size(), 1u);
}

TEST_F(TokenAuthenticatorTest, derives_the_url_from_the_issuer) {
  start();
  EXPECT_EQ(issuer.requests.at(0).url, "https://issuer.example/.well-known/jwks.json");
}

TEST_F(TokenAuthenticatorTest, a_token_is_verified_once) {
  start();
  const std::string text = token();
  const auto first = identity(text);
  ASSERT_TRUE(first);
  EXPECT_EQ(identity(text), first);
  pass(10min);
  if (issuer.is_asked()) issuer.answer(jwks({ec_key().jwk("e")}));
  EXPECT_EQ(identity(text), first) << "a refresh that brings the same keys changes nothing";
  EXPECT_NE(identity(token(2h)), first) << "another token of the same user";
}

TEST_F(TokenAuthenticatorTest, tokens_that_share_a_beginning_or_an_end_are_different_tokens) {
  start();
  const std::string good = token();
  ASSERT_TRUE(identity(good));
  EXPECT_FALSE(identity(good.substr(0, good.size() - 1)));
  EXPECT_FALSE(identity(good + "A"));
  EXPECT_FALSE(identity(token(1h, "e", SigningKey::ec())));
}

TEST_F(TokenAuthenticatorTest, what_is_kept_never_outlives_the_token) {
  start();
  const std::string text = token(1h);
  const auto first = identity(text);
  pass(1h - 1ms);
  if (issuer.is_asked()) issuer.answer(jwks({ec_key().jwk("e")}));
  EXPECT_EQ(identity(text), first);
  pass(1ms);
  const auto within_leeway = identity(text);
  EXPECT_TRUE(within_leeway);
  EXPECT_NE(within_leeway, first) << "verified again from its expiry on";
  EXPECT_NE(identity(text), within_leeway) << "and not kept any more";
  pass(60s);
  EXPECT_EQ(outcome_of(text), "unauthorized: token expired");
}

TEST_F(TokenAuthenticatorTest, a_key_that_was_taken_away_ends_its_tokens) {
  start();
  const std::string text = token();
  ASSERT_TRUE(identity(text));
  pass(5min);
  ASSERT_TRUE(issuer.is_asked());
  issuer.answer(jwks({ec_key().jwk("other")}));
  const auto answer = authenticate(text);
  if (issuer.is_asked()) issuer.answer(jwks({ec_key().jwk("other")}));
  EXPECT_EQ(outcome(answer), "unauthorized: unknown key");
}

TEST_F(TokenAuthenticatorTest, a_key_that_was_replaced_under_its_name_ends_its_tokens) {
  start();
  const std::string text = token();
  ASSERT_TRUE(identity(text));
  pass(5min);
  issuer.answer(jwks({SigningKey::ec().jwk("e")}));
  EXPECT_EQ(outcome_of(text), "unauthorized: bad signature");
}

TEST_F(TokenAuthenticatorTest, a_rotated_key_is_fetched_while_its_token_waits) {
  start();
  const SigningKey next = SigningKey::ec();
  const auto first = authenticate(token(1h, "next", next));
  const auto second = authenticate(token(2h, "next", next));
  EXPECT_EQ(outcome(first), "waiting");
  EXPECT_EQ(issuer.requests.size(), 2u);
  EXPECT_EQ(outcome_of(token()), "alice") << "tokens of known keys do not wait";
  issuer.answer(jwks({ec_key().jwk("e"), next.jwk("next")}));
  EXPECT_EQ(outcome(first), "alice");
  EXPECT_EQ(outcome(second), "alice");
}

TEST_F(TokenAuthenticatorTest, a_token_that_waited_is_kept_too) {
  start();
  const SigningKey next = SigningKey::ec();
  const std::string text = token(1h, "next", next);
  const auto waiting = authenticate(text);
  issuer.answer(jwks({next.jwk("next")}));
  ASSERT_EQ(outcome(waiting), "alice");
  EXPECT_EQ(identity(text), **waiting);
}

TEST_F(TokenAuthenticatorTest, a_token_that_waited_is_judged_by_the_time_of_its_answer) {
  start();
  const SigningKey next = SigningKey::ec();
  const auto waiting = authenticate(token(1s, "next", next));
  now.wall += 62'000;
  issuer.answer(jwks({next.jwk("next")}));
  EXPECT_EQ(outcome(waiting), "unauthorized: token expired");
}

TEST_F(TokenAuthenticatorTest, made_up_keys_are_unknown) {
  start();
  const SigningKey mine = SigningKey::ec();
  const auto waiting = authenticate(token(1h, "mine", mine));
  issuer.answer(jwks({ec_key().jwk("e")}));
  EXPECT_EQ(outcome(waiting), "unauthorized: unknown key");
  EXPECT_EQ(outcome_of(token(1h, "mine", mine)), "unauthorized: unknown key");
  EXPECT_EQ(issuer.requests.size(), 2u);
}

TEST_F(TokenAuthenticatorTest, while_the_issuer_is_down_known_keys_work_until_too_old) {
  start(1h);
  const std::string text = token(5h);
  ASSERT_TRUE(identity(text));
  for (int i = 0; i < 5; ++i) {
    pass(10min);
    if (issuer.is_asked()) issuer.be_down();
    EXPECT_TRUE(identity(text));
    EXPECT_TRUE(identity(token())) << "also new tokens";
  }
  pass(10min);
  if (issuer.is_asked()) issuer.be_down();
  const auto answer = authenticate(text);
  if (issuer.is_asked()) issuer.be_down();
  EXPECT_EQ(outcome(answer), "unavailable: the issuer's keys cannot be fetched");
}

TEST_F(TokenAuthenticatorTest, without_any_set_tokens_are_not_refused_but_unavailable) {
  settings.issuer = "https://issuer.example";
  settings.audience = {"app"};
  authenticator = std::make_unique<TokenAuthenticator>(settings, &issuer, [this] { return now; });
  authenticator->start();
  issuer.be_down();
  const auto answer = authenticate(token());
  ASSERT_TRUE(issuer.is_asked());
  issuer.be_down();
  EXPECT_EQ(outcome(answer), "unavailable: the issuer's keys cannot be fetched");
}

TEST_F(TokenAuthenticatorTest, the_end_answers_who_waits) {
  start();
  const auto waiting = authenticate(token(1h, "next"));
  authenticator.reset();
  EXPECT_EQ(outcome(waiting), "unavailable: shutting down");
  issuer.answer(jwks({ec_key().jwk("next")}));
}

TEST_F(TokenAuthenticatorTest, a_secret_alone_fetches_nothing) {
  settings.hs256_secret = std::string(32, 's');
  start();
  EXPECT_TRUE(issuer.requests.empty());
  const std::string claims = R"({"iss":"https://issuer.example","aud":"app","sub":"bob","exp":)" +
                             std::to_string(now.wall / 1000 + 60) + "}";
  const std::string text = signing::hs256(settings.hs256_secret, R"({"alg":"HS256"})", claims);
  const auto first = identity(text);
  ASSERT_TRUE(first);
  EXPECT_EQ(identity(text), first);
  EXPECT_EQ(outcome_of(token()), "unauthorized: unknown key");
  EXPECT_TRUE(issuer.requests.empty());
}

TEST_F(TokenAuthenticatorTest, many_threads_at_once) {
  start(24h, 64);
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i)
    texts.push_back(
        token(std::chrono::hours(1) + std::chrono::seconds(i), "e", ec_key(), "user-" + std::to_string(i)));
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 200; ++i) {
        const int which = (i * 7 + thread * 13) % 100;
        authenticator->authenticate(texts[which], [&](const model::Result<model::IdentityPtr>& each) {
          if (each && (*each)->user.str() == "user-" + std::to_string(which)) ++right;
        });
      }
    });
  for (auto& each : threads) each.join();
  EXPECT_EQ(right, 800);
}

model::IdentityPtr someone(base::EpochMs expires_at) {
  auto identity = std::make_shared<model::Identity>();
  identity->expires_at = expires_at;
  return identity;
}

TEST(TokenCache, an_entry_counts_for_its_token_generation_and_time) {
  TokenCache cache(100);
  const std::string digest = base::sha256("token");
  const auto identity = someone(1000);
  cache.insert(digest, 1, identity, 0);
  EXPECT_EQ(cache.find(digest, 1, 999), identity);
  EXPECT_EQ(cache.find(digest, 2, 0), nullptr);
  EXPECT_EQ(cache.find(digest, 0, 0), nullptr);
  EXPECT_EQ(cache.find(base::sha256("other"), 1, 0), nullptr);
  EXPECT_EQ(cache.find(digest, 1, 1000), nullptr);
  EXPECT_EQ(cache.size(), 0u) << "an expired entry goes when it is met";
  cache.insert(digest, 1, identity, 1000);
  EXPECT_EQ(cache.size(), 0u) << "and never comes";
}

TEST(TokenCache, is_bounded_and_keeps_what_is_used) {
  TokenCache cache(160);
  const std::string used = base::sha256("used");
  cache.insert(used, 1, someone(1000), 0);
  for (int i = 0; i < 10'000; ++i) {
    cache.insert(base::sha256(std::to_string(i)), 1, someone(1000), 0);
    ASSERT_NE(cache.find(used, 1, 0), nullptr) << i;
  }
  EXPECT_EQ(cache.size(), 160u);
}

}  // namespace
}  // namespace carillon::authorizer
