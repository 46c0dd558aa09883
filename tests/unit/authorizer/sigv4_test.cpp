#include "authorizer/sigv4.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "unit/authorizer/signed_request.hpp"

namespace carillon::authorizer {
namespace {

using ports::HttpRequest;
using testing::header_of;
using testing::kAmzDate;
using testing::kSignedAt;
using testing::sign;
using testing::signed_request;
using testing::Signing;
using testing::unsigned_request;

/// Empty when the signature is good, else why not.
std::string problem(const HttpRequest& request, base::EpochMs now = kSignedAt,
                    const SigningRules& rules = {}) {
  const auto header = parse_signature_header(request.header("authorization"));
  if (!header) return header.error().details();
  if (header->access_key_id != "AKIDEXAMPLE") return "another key";
  const auto result = check_signature(request, *header, "secret", now, rules);
  if (result) return {};
  EXPECT_TRUE(result.error().is(model::errors::kBadSignature));
  EXPECT_FALSE(result.error().details().empty());
  return result.error().details();
}

struct Captured {
  std::string name;
  HttpRequest request;
};

/// The requests of tests/data/sigv4_requests.txt.
std::vector<Captured> captured_requests() {
  std::ifstream in(std::filesystem::path(__FILE__).parent_path() / "../../data/sigv4_requests.txt");
  std::vector<Captured> all;
  bool head = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("======== ")) {
      Captured& next = all.emplace_back();
      next.name = line.substr(9);
      std::string target;
      std::string version;
      in >> next.request.method >> target >> version;
      std::getline(in, line);
      next.request.path = target.substr(0, target.find('?'));
      if (target.contains('?')) next.request.query = target.substr(target.find('?') + 1);
      head = true;
    } else if (all.empty()) {
      continue;
    } else if (line.empty()) {
      head = false;
    } else if (head) {
      const std::size_t colon = line.find(": ");
      std::string name = line.substr(0, colon);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      all.back().request.headers.emplace_back(std::move(name), line.substr(colon + 2));
    } else {
      all.back().request.body = line;
    }
  }
  return all;
}

TEST(SigV4, the_requests_of_the_sdk_are_good) {
  const auto all = captured_requests();
  ASSERT_EQ(all.size(), 21u);
  int managing = 0;
  for (const auto& [name, request] : all) {
    const auto header = parse_signature_header(request.header("authorization"));
    ASSERT_TRUE(header) << name;
    EXPECT_EQ(header->access_key_id, "AKIDEXAMPLE");
    EXPECT_EQ(problem(request, kSignedAt, {.service = header->service}), "") << name;
    EXPECT_FALSE(check_signature(request, *header, "secrets", kSignedAt, {.service = header->service}));
    managing += header->service == "execute-api";
    if (header->service != "execute-api") {
      EXPECT_EQ(problem(request), "the credential is for another service") << name;
    }
  }
  EXPECT_EQ(managing, 6);
}

TEST(SigV4, a_changed_request_is_refused) {
  const HttpRequest good = signed_request();
  ASSERT_EQ(problem(good), "");
  HttpRequest bad = good;
  bad.method = "PUT";
  EXPECT_EQ(problem(bad), "the access key is unknown or the signature does not match");
  bad = good;
  bad.sent_path = "/@connections/L0SM9cOFvHcCIhw%3D";
  EXPECT_NE(problem(bad), "") << "the stage is signed";
  bad = good;
  bad.sent_path = "/dvl/@connections/L0SM9cOFvHcCIhw=";
  EXPECT_NE(problem(bad), "") << "the encoding is signed";
  bad = good;
  header_of(bad, "host") = "127.0.0.1:20000";
  EXPECT_NE(problem(bad), "");
  bad = good;
  bad.body = "{\"a\":2}";
  EXPECT_EQ(problem(bad), "the body is not the signed one");
  header_of(bad, "x-amz-content-sha256") = base::hex_encode(base::sha256(bad.body));
  EXPECT_EQ(problem(bad), "the access key is unknown or the signature does not match");
}

TEST(SigV4, any_changed_byte_is_refused) {
  const auto byte = rc::gen::element('a', 'b', 'z', 'A', 'Z', '0', '9', '-', '_', '.', '~');
  EXPECT_TRUE(rc::check([&] {
    const auto text = rc::gen::nonEmpty(rc::gen::container<std::string>(byte));
    HttpRequest request = unsigned_request(*text);
    request.sent_path = "/dvl/@connections/" + *text;
    request.query = *text + "=" + *text + "&" + *text + "=" + *text;
    request.headers.emplace_back("x-amz-user-agent", *text);
    request.headers.emplace_back("amz-sdk-request", *text);
    Signing with;
    with.names = {"amz-sdk-request", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-user-agent"};
    RC_ASSERT(sign(request, with));
    RC_ASSERT(problem(request) == "");
    std::vector<std::string*> places{&request.method, &request.sent_path, &request.query, &request.body};
    for (auto& [name, value] : request.headers) places.push_back(&value);
    std::string& place = *places[*rc::gen::inRange<std::size_t>(0, places.size())];
    char& changed = place[*rc::gen::inRange<std::size_t>(0, place.size())];
    // Spaces around and between the parts of the Authorization header mean nothing.
    RC_PRE(changed != ' ');
    const char other = *byte;
    RC_PRE(other != changed);
    changed = other;
    RC_ASSERT(problem(request) != "");
  }));
}

TEST(SigV4, is_good_for_five_minutes_either_way) {
  constexpr base::EpochMs kTolerance = 300'000;
  for (const base::EpochMs off : {-kTolerance, base::EpochMs{0}, kTolerance})
    EXPECT_EQ(problem(signed_request(), kSignedAt + off), "") << off;
  for (const base::EpochMs off : {-kTolerance - 1, kTolerance + 1})
    EXPECT_EQ(problem(signed_request(), kSignedAt + off), "signed too long ago, or for a later time") << off;
}

TEST(SigV4, what_has_to_be_signed) {
  for (const char* missing : {"host", "x-amz-content-sha256", "x-amz-date"}) {
    auto request = unsigned_request();
    Signing with;
    std::erase(with.names, missing);
    EXPECT_FALSE(sign(request, with)) << missing;
    header_of(request, "authorization") =
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/r/execute-api/aws4_request, "
        "SignedHeaders=" +
        testing::join(with.names) + ", Signature=" + std::string(64, 'a');
    EXPECT_EQ(problem(request), "host, x-amz-date and x-amz-content-sha256 must be signed");
  }
  auto request = signed_request();
  request.headers.emplace_back("x-amz-user-agent", "added on the way");
  EXPECT_EQ(problem(request), "every x-amz- header must be signed");
  request = signed_request();
  request.headers.emplace_back("accept", "*/*");
  EXPECT_EQ(problem(request), "");
}

TEST(SigV4, a_signed_header_is_there_once) {
  for (const char* twice : {"host", "x-amz-content-sha256", "x-amz-date"}) {
    auto request = signed_request();
    request.headers.emplace_back(twice, std::string(request.header(twice)));
    EXPECT_EQ(problem(request), "a signed header is not there exactly once") << twice;
  }
  auto request = signed_request();
  std::erase_if(request.headers, [](const auto& each) { return each.first == "host"; });
  EXPECT_EQ(problem(request), "a signed header is not there exactly once");
}

TEST(SigV4, no_unsigned_payload_and_no_session_token) {
  for (const char* hash : {"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "",
                           "015ABD7F5CC57A2DD94B7590F04AD8084273905EE33EC5CEBEAE62276A97F862"}) {
    auto request = unsigned_request();
    header_of(request, "x-amz-content-sha256") = hash;
    EXPECT_FALSE(sign(request)) << hash;
  }
  auto request = unsigned_request();
  request.headers.emplace_back("x-amz-security-token", "t");
  Signing with;
  with.names.emplace_back("x-amz-security-token");
  std::ranges::sort(with.names);
  EXPECT_FALSE(sign(request, with));
}

TEST(SigV4, the_credential_is_of_the_day_and_the_service) {
  Signing with;
  for (const char* date : {"20261119", "2026112", "", "20261120T"}) {
    auto request = unsigned_request();
    with.date = date;
    ASSERT_TRUE(sign(request, with));
    EXPECT_EQ(problem(request), "x-amz-date is no date, or not that of the credential") << date;
  }
  for (const char* date :
       {"20261120T0751322", "20261120 075132Z", "20261320T075132Z", "20261120", "2026-11-20T07:51"}) {
    auto request = unsigned_request();
    header_of(request, "x-amz-date") = date;
    ASSERT_TRUE(sign(request));
    EXPECT_EQ(problem(request), "x-amz-date is no date, or not that of the credential") << date;
  }
  auto request = unsigned_request();
  ASSERT_TRUE(sign(request, {.service = "sqs"}));
  EXPECT_EQ(problem(request), "the credential is for another service");
}

TEST(SigV4, the_query_is_sorted_and_encoded) {
  const auto canonical = [](std::string query) -> std::string {
    auto request = unsigned_request();
    request.query = std::move(query);
    if (!sign(request)) return "refused";
    const std::string value(request.header("authorization"));
    std::string text = canonical_request(request, *parse_signature_header(value)).value();
    text = text.substr(text.find('\n') + 1);
    text = text.substr(text.find('\n') + 1);
    return text.substr(0, text.find('\n'));
  };
  EXPECT_EQ(canonical(""), "");
  EXPECT_EQ(canonical("b=2&a=1&a=0&&c"), "a=0&a=1&b=2&c=");
  EXPECT_EQ(canonical("%41=%c3%a9+%20&B=~/="), "A=%C3%A9%2B%20&B=~%2F%3D");
  EXPECT_EQ(canonical("a=%zz"), "refused");
  EXPECT_EQ(canonical("X-Amz-Signature=a"), "refused");
  EXPECT_EQ(canonical("%58-amz-date=a"), "refused");
  std::string many = "a";
  for (int i = 0; i < 64; ++i) many += "&a";
  EXPECT_EQ(canonical(many), "refused");
}

TEST(SigV4, space_in_a_header_counts_once) {
  auto request = unsigned_request();
  request.headers.emplace_back("a", "x y");
  Signing with;
  with.names.insert(with.names.begin(), "a");
  ASSERT_TRUE(sign(request, with));
  header_of(request, "a") = " \tx \t y ";
  EXPECT_EQ(problem(request), "");
  header_of(request, "a") = "xy";
  EXPECT_NE(problem(request), "");
}

TEST(SigV4, knows_requests_that_claim_to_be_signed) {
  HttpRequest request;
  EXPECT_FALSE(carries_signature(request));
  request.query = "a=1&%78-AMZ-Signature=x";
  EXPECT_TRUE(carries_signature(request));
  request.query.clear();
  request.headers = {{"authorization", "Bearer x"}};
  EXPECT_FALSE(carries_signature(request));
  request.headers.emplace_back("authorization", "AWS4-ECDSA-P256-SHA256 x");
  EXPECT_TRUE(carries_signature(request));
}

TEST(SigV4, malformed_headers_are_refused) {
  const std::string credential = "Credential=A/20261120/eu-west-1/execute-api/aws4_request";
  const std::string names = "SignedHeaders=host;x-amz-content-sha256;x-amz-date";
  const std::string signature = "Signature=" + std::string(64, 'a');
  const auto reads = [](const std::string& value) { return parse_signature_header(value).has_value(); };
  const std::string algorithm = "AWS4-HMAC-SHA256 ";
  EXPECT_TRUE(reads(algorithm + credential + "," + names + "," + signature));
  EXPECT_TRUE(reads(algorithm + signature + " ,\t" + credential + ", " + names));
  EXPECT_FALSE(reads("AWS4-HMAC-SHA256"));
  EXPECT_FALSE(reads("AWS4-HMAC-SHA512 " + credential + "," + names + "," + signature));
  EXPECT_FALSE(reads(algorithm + credential + "," + names));
  EXPECT_FALSE(reads(algorithm + credential + "," + names + "," + signature + "," + signature));
  EXPECT_FALSE(reads(algorithm + credential + "," + names + "," + signature + ",More=x"));
  EXPECT_FALSE(reads(algorithm + credential + "," + names + ",Signature=" + std::string(64, 'A')));
  EXPECT_FALSE(reads(algorithm + credential + "," + names + ",Signature=" + std::string(63, 'a')));
  for (const char* bad :
       {"", "A", "A/20261120/eu-west-1/execute-api", "A/20261120/eu-west-1/execute-api/aws4_reques",
        "A/20261120/eu-west-1/execute-api/aws4_request/x", "/20261120/eu-west-1/execute-api/aws4_request",
        "A/20261120//execute-api/aws4_request", "A/20261120/EU/execute-api/aws4_request",
        "A/20261120/r//aws4_request"})
    EXPECT_FALSE(reads(algorithm + "Credential=" + bad + "," + names + "," + signature)) << bad;
  for (const char* bad : {"", ";", "host;", ";host", "x-amz-date;host", "host;host", "a;;b"})
    EXPECT_FALSE(reads(algorithm + credential + ",SignedHeaders=" + bad + "," + signature)) << bad;
  const auto of_names = [&](const std::string& list) {
    return algorithm + credential + ",SignedHeaders=" + list + "," + signature;
  };
  std::string rising = "a00";
  for (std::size_t i = 1; i < kMaxSignedHeaders; ++i)
    rising += ";a" + std::to_string(i / 10) + std::to_string(i % 10);
  EXPECT_TRUE(reads(of_names(rising)));
  EXPECT_FALSE(reads(of_names(rising + ";b")));
  EXPECT_FALSE(reads(of_names(std::string(kMaxSignatureHeaderBytes, 'a'))));
}

}  // namespace
}  // namespace carillon::authorizer
