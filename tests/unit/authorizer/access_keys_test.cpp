#include "authorizer/access_keys.hpp"

#include <gtest/gtest.h>

#include "unit/authorizer/signed_request.hpp"

namespace carillon::authorizer {
namespace {

using testing::header_of;
using testing::kSignedAt;
using testing::sign;
using testing::signed_request;
using testing::unsigned_request;

class AccessKeysTest : public ::testing::Test {
 protected:
  /// The signer's id, or why there is none.
  std::string signer(const ports::HttpRequest& request) {
    const auto who = keys_.signer_of(request);
    if (!who) return "(not signed)";
    if (!*who) return std::string(who->error().code()) + ": " + who->error().details();
    return (**who)->user.str();
  }

  base::EpochMs now_ = kSignedAt;
  AccessKeys keys_{
      {{"AKIDEXAMPLE", "secret", {"carillon/admin"}}, {"READER", "other", {"carillon/metrics", "x"}}},
      [this] { return Time{now_, {}}; }};
};

TEST_F(AccessKeysTest, say_who_signed_and_what_for) {
  EXPECT_EQ(signer(signed_request()), "AKIDEXAMPLE");
  const auto admin = **keys_.signer_of(signed_request());
  EXPECT_TRUE(admin->is_admin);
  EXPECT_FALSE(admin->may_publish_anywhere);
  EXPECT_FALSE(admin->may_read_metrics);
  auto request = unsigned_request();
  ASSERT_TRUE(sign(request, {.key_id = "READER", .secret = "other"}));
  const auto reader = **keys_.signer_of(request);
  EXPECT_EQ(reader->user.str(), "READER");
  EXPECT_FALSE(reader->is_admin);
  EXPECT_TRUE(reader->may_read_metrics);
}

TEST_F(AccessKeysTest, an_unknown_key_is_answered_like_a_wrong_secret) {
  const std::string refused = "bad_signature: the access key is unknown or the signature does not match";
  auto request = unsigned_request();
  ASSERT_TRUE(sign(request, {.key_id = "NOBODY"}));
  EXPECT_EQ(signer(request), refused);
  ASSERT_TRUE(sign(request, {.secret = "other"}));
  EXPECT_EQ(signer(request), refused);
  ASSERT_TRUE(sign(request, {.key_id = "READER"}));
  EXPECT_EQ(signer(request), refused);
  // What is wrong beside it is told in the same way for both.
  now_ += 600'000;
  for (const char* id : {"NOBODY", "AKIDEXAMPLE"}) {
    ASSERT_TRUE(sign(request, {.key_id = id}));
    EXPECT_EQ(signer(request), "bad_signature: signed too long ago, or for a later time");
  }
}

TEST_F(AccessKeysTest, leave_other_requests_to_their_token) {
  EXPECT_EQ(signer(unsigned_request()), "(not signed)");
  auto request = unsigned_request();
  header_of(request, "authorization") = "Bearer x";
  EXPECT_EQ(signer(request), "(not signed)");
}

TEST_F(AccessKeysTest, take_one_credential_only) {
  auto request = signed_request();
  request.headers.emplace_back("authorization", "Bearer x");
  EXPECT_EQ(signer(request), "bad_signature: more than one Authorization header");
  request = signed_request();
  request.headers.emplace(request.headers.begin(), "authorization", "Bearer x");
  EXPECT_EQ(signer(request), "bad_signature: more than one Authorization header");
  request = unsigned_request();
  request.query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=" + std::string(64, 'a');
  EXPECT_EQ(signer(request), "bad_signature: a signature in the URL is not accepted");
  header_of(request, "authorization") = "Bearer x";
  EXPECT_EQ(signer(request), "bad_signature: only AWS4-HMAC-SHA256 is accepted");
  request = unsigned_request();
  request.query = "token=x";
  ASSERT_TRUE(sign(request));
  EXPECT_EQ(signer(request), "unauthorized: a token in the URL is not accepted");
}

}  // namespace
}  // namespace carillon::authorizer
