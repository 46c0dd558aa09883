#include "outbound/standard_webhooks.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace carillon::outbound
