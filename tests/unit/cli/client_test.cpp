#include "cli/client.hpp"

#include <sstream>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/cli/fake_server.hpp"

namespace carillon::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Ran {
  int status;
  std::string out, err;
};

Ran run_against(const std::expected<HttpReply, std::string>& reply, ClientOptions options = {}) {
  std::ostringstream out, err;
  Console console{out, err, [&](const ClientOptions&, const HttpCall&) { return reply; }};
  const int status = run_call(options, {"GET", "/x", {}}, console, [&](const boost::json::value& answer) {
    out << shown_member(answer, "a") << '\n';
  });
  return {status, out.str(), err.str()};
}

TEST(Client, Endpoints) {
  const auto plain = parse_endpoint("http://127.0.0.1:8080/dvl/");
  ASSERT_TRUE(plain);
  EXPECT_FALSE(plain->tls);
  EXPECT_EQ(plain->authority(), "127.0.0.1:8080");
  EXPECT_EQ(plain->path, "/dvl");
  const auto tls = parse_endpoint("wss://h.example");
  ASSERT_TRUE(tls);
  EXPECT_TRUE(tls->tls);
  EXPECT_EQ(tls->port, "443");
  EXPECT_EQ(tls->authority(), "h.example");
  EXPECT_EQ(parse_endpoint("ws://[::1]:9")->authority(), "[::1]:9");
  for (const char* bad : {"", "h:1", "ftp://h", "http://", "http://u:p@h", "http://h?x=1", "http://h#f",
                          "http://h:0", "http://h:99999", "http://127.0.0.1.example", "http://h /"})
    EXPECT_FALSE(parse_endpoint(bad)) << bad;
}

TEST(Client, Targets) {
  EXPECT_EQ(target_with("/p", {{"a", "x y&z"}, {"b", ""}, {"c", "é"}}), "/p?a=x%20y%26z&c=%C3%A9");
  EXPECT_EQ(target_with("/p", {}), "/p");
}

TEST(Client, AnAnswerIsShownOrPrintedAsJson) {
  EXPECT_EQ(run_against(HttpReply{200, R"({"a":"b"})"}).out, "b\n");
  ClientOptions json;
  json.json = true;
  const Ran ran = run_against(HttpReply{201, "{\"a\":\"x\u202ey\",\n\"b\":1}"}, json);
  EXPECT_EQ(ran.out, "{\"a\":\"x\\u202ey\", \"b\":1}\n");
  EXPECT_EQ(ran.status, 0);
}

TEST(Client, ARefusalSaysWhatTheServerSaidAndWhatHelps) {
  const Ran missing = run_against(HttpReply{401, R"({"error":"Unauthorized","details":"token missing"})"});
  EXPECT_EQ(missing.status, 1);
  EXPECT_EQ(missing.out, "");
  EXPECT_EQ(missing.err,
            "carillon: Unauthorized (401): token missing\n"
            "Pass --token or set CARILLON_TOKEN; `carillon token --user ID` makes one for `serve --dev`.\n");
  ClientOptions with_token;
  with_token.token = "hush";
  const Ran expired = run_against(HttpReply{401, R"({"error":"Unauthorized"})"}, with_token);
  EXPECT_THAT(expired.err, HasSubstr("pass another with --token or CARILLON_TOKEN"));
  EXPECT_THAT(expired.err, Not(HasSubstr("hush")));
  EXPECT_THAT(run_against(HttpReply{403, R"({"error":"Forbidden - No chat access","chatId":"c"})"}).err,
              HasSubstr("carillon permissions grant"));
  EXPECT_EQ(run_against(HttpReply{429, R"({"error":"Too many requests","retryAfterMs":250})"}).err,
            "carillon: Too many requests (429); try again in 250 ms\n");
  EXPECT_EQ(run_against(HttpReply{400, R"({"error":"Unknown targetChannel","channels":["Email"]})"}).err,
            "carillon: Unknown targetChannel (400); there are [\"Email\"]\n");
  EXPECT_THAT(run_against(HttpReply{502, "<html>\x1b[2J"}).err, HasSubstr("HTTP status 502"));
  EXPECT_THAT(run_against(HttpReply{502, "<html>\x1b[2J"}).err, Not(HasSubstr("\x1b")));
  EXPECT_EQ(run_against(HttpReply{200, "<html>"}).status, 1);
  EXPECT_THAT(run_against(HttpReply{400, "{\"error\":\"a\\u001b[2Jb\u202e\"}"}).err,
              HasSubstr("a\\u{001b}[2Jb\\u{202e}"));
}

TEST(Client, WithJsonARefusalIsTheServersOwn) {
  ClientOptions json;
  json.json = true;
  EXPECT_EQ(run_against(HttpReply{404, R"({"error":"Not found"})"}, json).err, "{\"error\":\"Not found\"}\n");
}

TEST(Client, NoAnswerSaysSo) {
  const Ran ran =
      run_against(std::unexpected("Failed to connect to 127.0.0.1 port 8080: Connection refused"));
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(
      ran.err,
      "carillon: no answer from http://127.0.0.1:8080: Failed to connect to 127.0.0.1 port 8080: Connection "
      "refused\nIs the server running? Start it with script/run, or `carillon serve --dev`.\n");
}

TEST(Client, SendsOverHttp) {
  std::string request;
  std::expected<HttpReply, std::string> reply;
  {
    FakeServer server([&](int socket) {
      request = FakeServer::read_until(socket, "{\"x\":1}");
      FakeServer::write(socket,
                        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\n{}");
      FakeServer::read_bytes(socket, 1);
    });
    ClientOptions options;
    options.url = server.url("/dvl/");
    options.token = "T";
    reply = send_http(options, {"POST", "/publish?a=b", "{\"x\":1}"});
  }
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_EQ(reply->status, 302);  // not followed
  EXPECT_EQ(reply->body, "{}");
  EXPECT_TRUE(request.starts_with("POST /dvl/publish?a=b HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nAuthorization: Bearer T\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nContent-Type: application/json\r\n"));
}

TEST(Client, NobodyListening) {
  ClientOptions options;
  options.url = "http://127.0.0.1:1";
  const auto reply = send_http(options, {});
  ASSERT_FALSE(reply);
  std::ostringstream err;
  explain_failure(options, reply.error(), err);
  EXPECT_THAT(err.str(), HasSubstr("Is the server running?"));
}

TEST(Client, Tables) {
  std::ostringstream out;
  print_table(out, {{"A", "LONG"}, {"größer", "x"}, {"b", "yy"}});
  EXPECT_EQ(out.str(), "A       LONG\ngrößer  x\nb       yy\n");
}

TEST(Client, MembersAreSafeOnATerminal) {
  const auto value =
      boost::json::parse("{\"t\":\"\\u001b]0;x\\u0007\",\"o\":{\"k\":\"\u202e\"},\"n\":null,\"i\":5}");
  EXPECT_EQ(shown_member(value, "t"), "\\u{001b}]0;x\\u{0007}");
  EXPECT_EQ(shown_member(value, "o"), "{\"k\":\"\\u202e\"}");
  EXPECT_EQ(shown_member(value, "n"), "-");
  EXPECT_EQ(shown_member(value, "i"), "5");
  EXPECT_EQ(shown_member(value, "absent"), "-");
  EXPECT_EQ(shown_member(boost::json::value(3), "t"), "-");
}

}  // namespace
}  // namespace carillon::cli
