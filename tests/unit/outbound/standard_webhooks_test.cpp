#include "outbound/standard_webhooks.hpp"

#include <gtest/gtest.h>

#include "base/bytes.hpp"

namespace carillon::outbound {
namespace {

std::string value_of(const std::vector<std::pair<std::string, std::string>>& headers, std::string_view name) {
  for (const auto& [each, value] : headers)
    if (each == name) return value;
  return "(absent)";
}

// The example of the Standard Webhooks specification and its reference implementations.
TEST(StandardWebhooks, signs_the_specifications_example) {
  const auto key = webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  ASSERT_TRUE(key);
  const auto headers =
      webhook_headers(*key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330123, R"({"test": 2432232314})");
  EXPECT_EQ(value_of(headers, "webhook-id"), "msg_p5jXN8AQM9LWM0D4loKWxJek");
  EXPECT_EQ(value_of(headers, "webhook-timestamp"), "1614265330");
  EXPECT_EQ(value_of(headers, "webhook-signature"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  EXPECT_EQ(headers.size(), 3u);
}

TEST(StandardWebhooks, every_part_is_signed) {
  const auto signature = [](std::string_view key, std::string_view id, base::EpochMs now,
                            std::string_view body) {
    return value_of(webhook_headers(key, id, now, body), "webhook-signature");
  };
  const std::string original = signature("key", "id", 1000, "body");
  EXPECT_NE(signature("kez", "id", 1000, "body"), original);
  EXPECT_NE(signature("key", "ie", 1000, "body"), original);
  EXPECT_NE(signature("key", "id", 2000, "body"), original);
  EXPECT_NE(signature("key", "id", 1000, "bodz"), original);
}

TEST(StandardWebhooks, secrets_without_prefix_are_raw_bytes) {
  EXPECT_EQ(webhook_key("some plain secret"), "some plain secret");
  EXPECT_EQ(webhook_key("bm90IGRlY29kZWQ="), "bm90IGRlY29kZWQ=");
}

TEST(StandardWebhooks, secrets_with_prefix_are_base64) {
  EXPECT_EQ(webhook_key("whsec_aGVsbG8="), "hello");
  EXPECT_EQ(webhook_key("whsec_aGVsbG8"), "hello");
  EXPECT_EQ(webhook_key("whsec_+/8="), "\xfb\xff");
}

TEST(StandardWebhooks, unusable_secrets_have_no_key) {
  for (const char* secret :
       {"", "whsec_", "whsec_====", "whsec_a", "whsec_aGVs*G8=", "whsec_-_8=", "whsec_aG=VsbG8"})
    EXPECT_EQ(webhook_key(secret), std::nullopt) << secret;
}

constexpr base::EpochMs kNow = 1614265330123;
constexpr std::string_view kBody = R"({"test": 2432232314})";
constexpr std::string_view kGood = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

bool verifies(WebhookProof proof, base::EpochMs now = kNow, std::string_view body = kBody) {
  return verify_webhook(*webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), proof, now, body);
}
constexpr WebhookProof kProof{"msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", kGood};

TEST(StandardWebhooks, verifies_the_specifications_example) {
  EXPECT_TRUE(verifies(kProof));
}

TEST(StandardWebhooks, verifies_every_part) {
  EXPECT_FALSE(verifies({"msg_p5jXN8AQM9LWM0D4loKWxJel", kProof.timestamp, kGood}));
  EXPECT_FALSE(verifies({kProof.id, "1614265331", kGood}));
  EXPECT_FALSE(verifies(kProof, kNow, R"({"test": 2432232315})"));
  EXPECT_FALSE(verify_webhook("another key", kProof, kNow, kBody));
  EXPECT_FALSE(verify_webhook("", kProof, kNow, kBody));
  EXPECT_FALSE(verifies({kProof.id, kProof.timestamp, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF="}));
  EXPECT_FALSE(verifies({kProof.id, kProof.timestamp, "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}));
  EXPECT_FALSE(verifies({kProof.id, kProof.timestamp, kGood.substr(3)}));
  EXPECT_FALSE(verifies({kProof.id, kProof.timestamp, ""}));
}

TEST(StandardWebhooks, one_good_signature_among_several_is_enough) {
  const std::string several = "v1,AAAA v2,BBBB  " + std::string(kGood) + " v1,CCCC";
  EXPECT_TRUE(verifies({kProof.id, kProof.timestamp, several}));
  EXPECT_FALSE(verifies({kProof.id, kProof.timestamp, "v1,AAAA v2,BBBB v1,CCCC"}));
}

TEST(StandardWebhooks, the_timestamp_is_within_five_minutes_either_way) {
  const base::EpochMs sent = 1614265330000;
  for (const base::EpochMs apart : {-300'000, -299'999, 0, 300'000, 300'999})
    EXPECT_TRUE(verifies(kProof, sent + apart)) << apart;
  for (const base::EpochMs apart : {-301'000, 301'000, 86'400'000})
    EXPECT_FALSE(verifies(kProof, sent + apart)) << apart;
}

TEST(StandardWebhooks, headers_that_are_none_are_refused) {
  const auto signed_as = [](std::string_view id, std::string_view timestamp, std::string_view body) {
    const std::string key = *webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    const std::string text =
        std::string(id) + "." + std::string(timestamp) + "." + std::string(body);  // as a sender would
    return "v1," + base::base64_encode(base::hmac_sha256(key, text));
  };
  for (const char* timestamp : {"", "+1614265330", " 1614265330", "1614265330 ", "1614265330.0", "0x60377",
                                "1e9", "-1614265330", "99999999999999999999999"})
    EXPECT_FALSE(verifies({"id", timestamp, signed_as("id", timestamp, kBody)})) << timestamp;
  // "a.1614265330" + "5" + body reads like "a" + "1614265330" + "5." + body.
  EXPECT_FALSE(verifies({"a.1614265330", "1614265330", signed_as("a.1614265330", "1614265330", kBody)}));
  EXPECT_FALSE(verifies({"", "1614265330", signed_as("", "1614265330", kBody)}));
  const std::string long_id(kMaxWebhookIdBytes + 1, 'x');
  EXPECT_FALSE(verifies({long_id, "1614265330", signed_as(long_id, "1614265330", kBody)}));
  EXPECT_TRUE(verifies({"id", "1614265330", signed_as("id", "1614265330", kBody)}));
}

}  // namespace
}  // namespace carillon::outbound
