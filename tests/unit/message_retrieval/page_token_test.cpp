#include "message_retrieval/page_token.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/bytes.hpp"

namespace carillon::message_retrieval {
namespace {

using model::Target;

const std::string kSecret(32, 's');

PageScope scope() {
  return {model::UserId("ann"), Target::chat("c-1"), false, {std::nullopt, 1'767'225'600'000}};
}

void expect_refused(const PageScope& other, const std::string& token, std::string_view secret = kSecret) {
  const auto opened = open_page_token(secret, other, token);
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().is(model::errors::kInvalidParameter));
  EXPECT_EQ(opened.error().details(), "startKey is not one that this service gave for this query");
}

TEST(PageToken, OpensForTheQueryItWasMadeFor) {
  const std::string token = seal_page_token(kSecret, scope(), 77);
  EXPECT_EQ(open_page_token(kSecret, scope(), token), 77u);
  EXPECT_EQ(token.size(), 34u);
}

TEST(PageToken, IsBoundToReaderTargetOrderAndBounds) {
  const std::string token = seal_page_token(kSecret, scope(), 77);
  const auto changed = [&](auto change) {
    PageScope other = scope();
    change(other);
    expect_refused(other, token);
  };
  changed([](PageScope& other) { other.user = model::UserId("bob"); });
  changed([](PageScope& other) { other.target = Target::chat("c-2"); });
  changed([](PageScope& other) { other.target = Target::user("c-1"); });
  changed([](PageScope& other) { other.oldest_first = true; });
  changed([](PageScope& other) { other.range.to.reset(); });
  changed([](PageScope& other) { other.range.to = 0; });
  changed([](PageScope& other) { other.range.from = 0; });
  changed([](PageScope& other) { std::swap(other.range.from, other.range.to); });
  expect_refused(scope(), token, std::string(32, 't'));
}

TEST(PageToken, WhatMovesFromOneIdToAnotherDoesNotMatch) {
  PageScope one = scope();
  one.user = model::UserId("ab");
  one.target = Target::chat("c");
  PageScope other = scope();
  other.user = model::UserId("a");
  other.target = Target::chat("bc");
  expect_refused(other, seal_page_token(kSecret, one, 1));
}

TEST(PageToken, WhatIsNoTokenIsRefused) {
  const std::string token = seal_page_token(kSecret, scope(), 77);
  for (const std::string& bad : {std::string(), std::string("x"), token + "A", token + "=", token.substr(1),
                                 token.substr(0, 33), std::string(34, 'A'), std::string(34, '+'),
                                 std::string(1 << 20, 'A'), base::base64url_encode(std::string(25, '\1'))})
    expect_refused(scope(), bad);
}

TEST(PageToken, AnyFlippedBitIsNoticed) {
  const std::string bytes = *base::base64url_decode(seal_page_token(kSecret, scope(), 77));
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    expect_refused(scope(), base::base64url_encode(changed));
  }
}

RC_GTEST_PROP(PageTokenProperty, RoundTrips,
              (const std::string& secret, const std::string& user, const std::string& id, bool oldest_first,
               std::uint64_t position)) {
  const PageScope made{model::UserId(user), Target{model::TargetClass::org, id}, oldest_first, {}};
  const std::string token = seal_page_token(secret, made, position);
  RC_ASSERT((open_page_token(secret, made, token) == position));
}

RC_GTEST_PROP(PageTokenProperty, NothingElseOpens,
              (const std::string& user, const std::string& id, const std::string& forged)) {
  const std::string token = seal_page_token(kSecret, scope(), 1);
  const PageScope other{model::UserId(user), Target::chat(id), false, scope().range};
  RC_ASSERT_FALSE(open_page_token(kSecret, other, token).has_value());
  RC_ASSERT_FALSE(open_page_token(kSecret, scope(), forged).has_value());
}

}  // namespace
}  // namespace carillon::message_retrieval
