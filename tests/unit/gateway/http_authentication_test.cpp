#include <gtest/gtest.h>

#include "unit/gateway/http_fixture.hpp"

namespace carillon::gateway::testing {
namespace {

using ports::Access;

ports::HttpResponse in_own_words(const model::Error& error) {
  auto response = ports::HttpResponse::error(error);
  response.headers.emplace_back("x-style", std::string(error.code()));
  return response;
}

/// `/managed/{id}` takes tokens and requests whose Authorization is `AWS4 good`.
class HttpAuthenticationTest : public HttpTest {
 protected:
  HttpAuthenticationTest() {
    add("POST", Access::token_or_signature);
    add("GET", Access::token_or_signature);
    signed_identity_ =
        [this](const ports::HttpRequest& request) -> std::optional<base::Result<model::IdentityPtr>> {
      ++asked_;
      sent_path_ = request.path_as_sent();
      std::string_view signature;
      for (const auto& [name, value] : request.headers)
        if (name == "authorization" && value.starts_with("AWS4 ")) signature = value;
      if (signature.empty()) return std::nullopt;
      if (signature != "AWS4 good") return model::fail(model::errors::kBadSignature, "not good");
      auto identity = std::make_shared<model::Identity>();
      identity->user = model::UserId("signer");
      return identity;
    };
  }
  void add(std::string method, Access access) {
    routes_.push_back({.method = std::move(method),
                       .path = "/managed/{id}",
                       .access = access,
                       .handler = echo_route(),
                       .refuse = &in_own_words});
  }
  static constexpr const char* kSigned = "Authorization: AWS4 good\r\n";
  static constexpr const char* kToken = "Authorization: Bearer good\r\n";

  std::atomic<int> asked_{0};
  std::string sent_path_;
};

TEST_F(HttpAuthenticationTest, ASignatureOrATokenLetsIn) {
  start();
  EXPECT_EQ(ask(post("/managed/a%3Db", "x", kSigned)).body, "POST /managed/a%3Db? [x] a=b signer");
  EXPECT_EQ(ask(get("/managed/a", kToken)).body, "GET /managed/a? [] a alice");
  const Answer refused = ask(get("/managed/a", "Authorization: AWS4 bad\r\n"));
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused["www-authenticate"], "Bearer");
  EXPECT_EQ(refused["x-style"], "bad_signature");
  EXPECT_EQ(ask(get("/managed/a", "Authorization: AWS4 bad\r\nAuthorization: Bearer good\r\n")).status, 401);
  EXPECT_EQ(authenticator_.calls, 1);
  EXPECT_EQ(figure("carillon_authorizations_total", {{"via", "http"}, {"result", "allowed"}}), 2);
  EXPECT_EQ(figure("carillon_authorizations_total", {{"via", "http"}, {"result", "refused"}}), 2);
}

TEST_F(HttpAuthenticationTest, OtherRoutesTakeNoSignature) {
  start();
  EXPECT_EQ(ask(get("/who", kSigned)).status, 401);
  EXPECT_EQ(asked_, 0);
}

TEST_F(HttpAuthenticationTest, WithoutAccessKeysOnlyTokensCount) {
  signed_identity_ = nullptr;
  start();
  EXPECT_EQ(ask(get("/managed/a", kSigned)).status, 401);
  EXPECT_EQ(ask(get("/managed/a", kToken)).status, 200);
}

TEST_F(HttpAuthenticationTest, ASignatureIsCheckedForEachRequestOfAConnection) {
  start();
  TestClient client(port());
  client.send(get("/managed/a", kSigned) + get("/managed/a", kSigned) + get("/managed/a") +
              get("/who", kSigned));
  EXPECT_EQ(client.answer().status, 200);
  EXPECT_EQ(client.answer().status, 200);
  EXPECT_EQ(client.answer().status, 401);
  EXPECT_EQ(client.answer().status, 401);
  EXPECT_EQ(asked_, 3);
  // What a token opened is remembered for the token, and does not replace a signature.
  client.send(get("/managed/a", kToken) + get("/managed/a", kToken) +
              get("/managed/a", std::string(kToken) + "Authorization: AWS4 bad\r\n"));
  EXPECT_EQ(client.answer().body, "GET /managed/a? [] a alice");
  EXPECT_EQ(client.answer().status, 200);
  EXPECT_EQ(client.answer().status, 401);
  EXPECT_EQ(authenticator_.calls, 1);
  EXPECT_EQ(asked_, 6);
}

TEST_F(HttpAuthenticationTest, ThePathThatWasSentIsKept) {
  start();
  EXPECT_EQ(ask(get("/dvl/managed/a%3D%41?q=1", kSigned)).body, "GET /managed/a%3D%41?q=1 [] a=A signer");
  EXPECT_EQ(sent_path_, "/dvl/managed/a%3D%41");
  EXPECT_EQ(ask(get("/managed/x", kSigned)).status, 200);
  EXPECT_EQ(sent_path_, "/managed/x");
  EXPECT_EQ(ask(get("http://localhost/dvl/managed/y", kSigned)).status, 200);
  EXPECT_EQ(sent_path_, "/dvl/managed/y");
}

TEST_F(HttpAuthenticationTest, TheGatewaysOwnRefusalsAreInThePathsWords) {
  routes_.push_back({.method = "POST",
                     .path = "/managed",
                     .access = Access::open,
                     .handler = [](ports::HttpRequest, ports::HttpResponder) {},
                     .refuse = &in_own_words});
  settings_.max_message_bytes = 100;
  settings_.allowed_origins = {"https://app.example.com"};
  start();
  const auto style = [this](const std::string& request) { return ask(request)["x-style"]; };
  EXPECT_EQ(style(get("/managed/a")), "unauthorized");
  EXPECT_EQ(style("PUT /managed/a HTTP/1.1\r\nHost: x\r\n\r\n"), "method_not_allowed");
  EXPECT_EQ(style(post("/managed/a", std::string(101, 'x'))), "message_too_large");
  EXPECT_EQ(style("POST /managed/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" +
                  std::string(101, 'x') + "\r\n0\r\n\r\n"),
            "message_too_large");
  EXPECT_EQ(style("POST /managed/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "bad_request");
  EXPECT_EQ(style("OPTIONS /managed/a HTTP/1.1\r\nHost: x\r\nOrigin: https://other.example.com\r\n"
                  "Access-Control-Request-Method: POST\r\n\r\n"),
            "origin_refused");
  EXPECT_EQ(style(post("/managed", "x")), "internal") << "a responder that was dropped";
  EXPECT_EQ(style(post("/managed?token=x", "x")), "unauthorized");
  EXPECT_EQ(style(get("/who")), "");
  EXPECT_EQ(style(get("/nowhere")), "");
  EXPECT_EQ(style("bad\r\n\r\n"), "");
}

TEST_F(HttpAuthenticationTest, RefusedConnectionsAndHostsAreToldSoInThePathsWords) {
  settings_.dev = true;
  settings_.max_connections_per_address = 1;
  start();
  TestClient first(port());
  first.send("GET /managed/a HTTP/1.1\r\nHost: evil.example.com\r\n\r\n");
  EXPECT_EQ(first.answer()["x-style"], "host_refused");
  EXPECT_EQ(ask(get("/managed/a"))["x-style"], "too_many_connections");
}

}  // namespace
}  // namespace carillon::gateway::testing
