#include "management/management_api.hpp"

#include <map>
#include <optional>

#include <gtest/gtest.h>

#include "base/bytes.hpp"

namespace carillon::management {
namespace {

namespace errors = model::errors;

model::IdentityPtr identity(bool admin) {
  auto made = std::make_shared<model::Identity>();
  made->user = model::UserId("AKID");
  made->is_admin = admin;
  return made;
}

/// Has one connection, `c=1`, whose buffer may be full.
struct Directory final : ports::ConnectionDirectory {
  Directory() {
    record->id = model::ConnectionId("c=1");
    record->identity = identity(false);
    record->connected_at = 1'795'161'092'000;
    record->last_active_at = 1'795'161'093'500;
    record->source_address = "192.0.2.1";
    record->user_agent = "say \"hi\"";
  }
  void find(model::ConnectionId id, ports::Completion<ports::ConnectionView> done) override {
    if (id != record->id) return done(model::fail(errors::kGone));
    done(ports::ConnectionView{record, {}});
  }
  void post(model::ConnectionId id, std::string text, ports::Completion<void> done) override {
    if (id != record->id || full) return done(model::fail(errors::kGone));
    posted.push_back(std::move(text));
    done({});
  }
  void close(model::ConnectionId id, ports::Completion<void> done) override {
    if (id != record->id || closed) return done(model::fail(errors::kGone));
    closed = true;
    done({});
  }
  void connect(ports::ConnectionRecordPtr, std::vector<std::string>, bool,
               ports::Completion<std::vector<std::string>>) override {}
  void check(model::IdentityPtr, std::vector<std::string>, bool, std::vector<model::Target>,
             ports::Completion<std::vector<std::string>>) override {}
  void subscribe(model::ConnectionId, std::vector<std::string>,
                 ports::Completion<ports::Subscription>) override {}
  void unsubscribe(model::ConnectionId, std::vector<std::string>,
                   ports::Completion<ports::Subscription>) override {}
  void refresh(model::ConnectionId, model::IdentityPtr, ports::Completion<ports::Subscription>) override {}
  void disconnect(model::ConnectionId, ports::Completion<ports::ConnectionView>) override {}
  void close_user(model::UserId, ports::Completion<std::size_t>) override {}
  void list(std::optional<model::UserId>, std::optional<std::string>, std::size_t,
            ports::Completion<std::vector<ports::ConnectionView>>) override {}
  void presence(std::string, model::IdentityPtr,
                ports::Completion<std::vector<ports::PresentUser>>) override {}
  std::size_t count() const override { return 1; }

  ports::ConnectionRecordPtr record = std::make_shared<ports::ConnectionRecord>();
  std::vector<std::string> posted;
  bool full = false;
  bool closed = false;
};

class ManagementApiTest : public ::testing::Test {
 protected:
  ports::HttpResponse ask(std::string method, std::string id, std::string body = {}, bool admin = true) {
    for (const ports::Route& route : routes_) {
      if (route.method != method) continue;
      ports::HttpRequest request;
      request.method = method;
      request.parameters = {std::move(id)};
      request.body = std::move(body);
      request.identity = identity(admin);
      std::optional<ports::HttpResponse> answer;
      route.handler(std::move(request), [&](ports::HttpResponse each) { answer = std::move(each); });
      return answer.value();
    }
    throw std::runtime_error("no such route");
  }
  static std::string type(const ports::HttpResponse& response) {
    for (const auto& [name, value] : response.headers)
      if (name == "x-amzn-ErrorType") return value;
    return {};
  }

  Directory directory_;
  std::vector<ports::Route> routes_ = management_api_routes(directory_);
};

TEST_F(ManagementApiTest, the_routes_take_signatures_and_refuse_in_their_own_words) {
  ASSERT_EQ(routes_.size(), 3u);
  for (const ports::Route& route : routes_) {
    EXPECT_EQ(route.path, "/@connections/{connectionId}");
    EXPECT_EQ(route.access, ports::Access::token_or_signature);
    EXPECT_EQ(route.refuse, &management_api_error);
  }
}

TEST_F(ManagementApiTest, post_sends_the_body_as_it_is) {
  for (const char* body : {"{\"a\":1}", "no JSON", "", "grüße \xF0\x9F\x94\x94"}) {
    const auto answer = ask("POST", "c=1", body);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "");
    EXPECT_EQ(directory_.posted.back(), body);
  }
  EXPECT_EQ(directory_.posted.size(), 4u);
}

TEST_F(ManagementApiTest, post_has_a_largest_size) {
  EXPECT_EQ(ask("POST", "c=1", std::string(131072, 'x')).status, 200);
  const auto answer = ask("POST", "c=1", std::string(131073, 'x'));
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(type(answer), "PayloadTooLargeException");
  EXPECT_EQ(directory_.posted.size(), 1u);
}

TEST_F(ManagementApiTest, post_sends_text_only) {
  const auto answer = ask("POST", "c=1", "\xff");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(type(answer), "BadRequestException");
  EXPECT_TRUE(directory_.posted.empty());
}

TEST_F(ManagementApiTest, get_describes_the_connection) {
  const auto answer = ask("GET", "c=1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"connectedAt":"2026-11-20T07:51:32.000Z","identity":{"sourceIp":"192.0.2.1",)"
                         R"("userAgent":"say \"hi\""},"lastActiveAt":"2026-11-20T07:51:33.500Z"})");
  directory_.record->user_agent = "cut \xc3";
  EXPECT_NE(ask("GET", "c=1").body.find(R"("userAgent":"")"), std::string::npos);
}

TEST_F(ManagementApiTest, delete_closes_it_once) {
  const auto answer = ask("DELETE", "c=1");
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.body, "");
  EXPECT_TRUE(directory_.closed);
  EXPECT_EQ(ask("DELETE", "c=1").status, 410);
}

TEST_F(ManagementApiTest, what_is_gone_is_a_gone_exception) {
  for (const char* method : {"POST", "GET", "DELETE"}) {
    const auto answer = ask(method, "c-2");
    EXPECT_EQ(answer.status, 410) << method;
    EXPECT_EQ(type(answer), "GoneException");
    EXPECT_EQ(answer.body, R"({"error":"Gone","message":"Gone"})");
  }
  directory_.full = true;
  EXPECT_EQ(ask("POST", "c=1", "x").status, 410);
}

TEST_F(ManagementApiTest, only_admins_manage) {
  for (const char* method : {"POST", "GET", "DELETE"}) {
    const auto answer = ask(method, "c=1", "x", false);
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(type(answer), "ForbiddenException");
    EXPECT_EQ(
        answer.body,
        R"({"error":"Forbidden","details":"needs carillon/admin","message":"Forbidden: needs carillon/admin"})");
  }
  EXPECT_TRUE(directory_.posted.empty());
  EXPECT_FALSE(directory_.closed);
}

TEST_F(ManagementApiTest, every_refusal_has_a_type) {
  const std::map<const base::ErrorEntry*, std::string> types = {
      {&errors::kBadSignature, "InvalidSignatureException"},
      {&errors::kUnauthorized, "UnrecognizedClientException"},
      {&errors::kNoUserId, "UnrecognizedClientException"},
      {&errors::kHostRefused, "ForbiddenException"},
      {&errors::kMethodNotAllowed, "MethodNotAllowedException"},
      {&errors::kRequestTimeout, "RequestTimeoutException"},
      {&errors::kTooManyConnections, "LimitExceededException"},
      {&errors::kInternal, "InternalServerErrorException"},
      {&errors::kOverloaded, "ServiceUnavailableException"},
      {&errors::kBadRequest, "BadRequestException"}};
  for (const auto& [entry, expected] : types) {
    const auto answer = management_api_error(model::Error(*entry));
    EXPECT_EQ(type(answer), expected);
    EXPECT_EQ(answer.status, entry->status);
    const std::string text = base::json_string(entry->text);
    EXPECT_EQ(answer.body, "{\"error\":" + text + ",\"message\":" + text + "}");
  }
  const auto later =
      management_api_error(model::retry_later(errors::kTooManyRequests, 1500, "slow \"down\""));
  EXPECT_EQ(later.body, R"({"error":"Too many requests","details":"slow \"down\"","retryAfterMs":1500,)"
                        R"("message":"Too many requests: slow \"down\""})");
  EXPECT_EQ(later.headers.front(), (std::pair<std::string, std::string>("Retry-After", "2")));
}

}  // namespace
}  // namespace carillon::management
