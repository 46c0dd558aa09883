#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/terminal.hpp"
#include "cli/config.hpp"
#include "cli/connections.hpp"
#include "cli/listen.hpp"
#include "cli/permissions.hpp"
#include "cli/publish.hpp"
#include "cli/queues.hpp"
#include "cli/token.hpp"

namespace carillon::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// A command run against answers given in advance.
struct Rehearsal {
  std::vector<HttpReply> replies;
  std::vector<HttpCall> calls;
  std::ostringstream out, err;
  Console console{
      out, err, [this](const ClientOptions&, const HttpCall& call) -> std::expected<HttpReply, std::string> {
        calls.push_back(call);
        return replies.at(calls.size() - 1);
      }};

  explicit Rehearsal(std::vector<HttpReply> answers = {}) : replies(std::move(answers)) {}
};

TEST(Publish, BodyOfAChatMessage) {
  PublishOptions options;
  options.chat = "c\"1";
  options.content = "Hi \"you\"\n\u202e";
  EXPECT_EQ(publish_body(options, "ID"),
            R"({"action":"sendMessage","targetChannel":"WebSocket","messageType":"standard",)"
            R"("messageDeduplicationId":"ID","payload":{"chatId":"c\"1","eventType":"chat",)"
            "\"content\":\"Hi \\\"you\\\"\\n\u202e\"}}");
}

TEST(Publish, BodyWithEverything) {
  PublishOptions options;
  options.target = "org:o:1";
  options.content = R"({"a":[1,2]})";
  options.json_content = true;
  options.type = "fifo";
  options.event_type = "e";
  options.group = "g";
  options.channel = "Email";
  options.deduplication_id = "d";
  options.correlation_id = "k";
  options.attributes = {{"priority", "5"}, {"x", ""}};
  options.sequence = 7;
  options.exclude_sender = true;
  EXPECT_EQ(publish_body(options, "ID"),
            R"({"action":"sendMessage","targetChannel":"Email","messageType":"fifo","messageGroupId":"g",)"
            R"("messageDeduplicationId":"d","correlationId":"k","customSequence":7,"excludeSender":true,)"
            R"("attributes":{"priority":"5","x":""},)"
            R"("payload":{"targetClass":"org","targetId":"o:1","eventType":"e","content":{"a":[1,2]}}})");
  options.target = "all";
  options.sequence.reset();
  options.no_sequence = true;
  const std::string body = publish_body(options, "ID");
  EXPECT_THAT(body, HasSubstr(R"("payload":{"targetClass":"all","eventType")"));
  EXPECT_THAT(body, HasSubstr(R"("generateSequence":false)"));
}

TEST(Publish, EachCallHasADeduplicationIdOfItsOwn) {
  const HttpReply answer{
      200, R"({"message":"Message published successfully!","messageId":"m","sequenceNumber":4})"};
  Rehearsal run({answer, answer, answer});
  PublishOptions options;
  options.chat = "c";
  options.content = "x";
  EXPECT_EQ(publish(options, run.console), 0);
  EXPECT_EQ(publish(options, run.console), 0);
  EXPECT_EQ(run.calls[0].method, "POST");
  EXPECT_EQ(run.calls[0].target, "/publish");
  EXPECT_NE(run.calls[0].body, run.calls[1].body);
  options.type = "ephemeral";
  EXPECT_EQ(publish(options, run.console), 0);
  EXPECT_THAT(run.calls[2].body, Not(HasSubstr("messageDeduplicationId")));
  EXPECT_THAT(run.out.str(), HasSubstr("Message published successfully! messageId m, sequenceNumber 4\n"));
}

TEST(Publish, ContentThatIsNotWhatItClaimsIsBadUsage) {
  Rehearsal run;
  PublishOptions options;
  options.chat = "c";
  options.json_content = true;
  for (const char* bad : {"{", "", "1,\"x\":2", "1e400", "}", "{\"a\":1,\"a\":2}"}) {
    options.content = bad;
    EXPECT_EQ(publish(options, run.console), 2) << bad;
  }
  options.json_content = false;
  options.content = "\xff";
  EXPECT_EQ(publish(options, run.console), 2);
  EXPECT_TRUE(run.calls.empty());
}

TEST(Listen, AsksForWhatIsNamed) {
  EXPECT_EQ(listen_target({}), "/ws");
  ListenOptions options;
  options.chats = {"a b", "*"};
  options.org = "o";
  options.hub = "h";
  options.project = "p";
  EXPECT_EQ(listen_target(options), "/ws?chatId=a%20b&chatId=%2A&orgId=o&hubId=h&projectId=p");
}

TEST(Listen, LinesAreTheFramesMadeSafe) {
  using model::Opcode;
  EXPECT_EQ(listen_line({Opcode::text, R"({"a":"\u001b[31m","b":"é😀"})"}),
            R"({"a":"\u001b[31m","b":"é😀"})");
  EXPECT_EQ(listen_line({Opcode::text, "{\"a\":\r\n\t\"x\u202ey\u009b\u007f\"}"}),
            "{\"a\":   \"x\\u202ey\\u009b\\u007f\"}");
  EXPECT_EQ(listen_line({Opcode::text, "not JSON\x1b\n"}), "\"not JSON\\u001b\\n\"");
  EXPECT_EQ(listen_line({Opcode::binary, std::string("\x00\xff", 2)}),
            R"({"type":"binary","base64":"AP8="})");
}

TEST(Listen, AnEscapedLineIsTheSameJson) {
  std::string text = "{\"k\":\"";
  for (const char* piece :
       {"\u0085", "\u061c", "\u200b", "\u200f", "\u2028", "\u202d", "\u2066", "\ufeff", "a", "ß", "𝄞"})
    text += piece;
  text += "\"}";
  const std::string line = base::printable_json(text);
  EXPECT_EQ(boost::json::parse(line), boost::json::parse(text));
  EXPECT_EQ(base::printable(line), line);
}

TEST(Permissions, GrantAndRevoke) {
  const HttpReply answer{201,
                         R"({"message":"Permission granted","userId":"u","chatId":"c","role":"member"})"};
  Rehearsal run({answer, answer, answer, answer});
  PermissionsOptions options;
  options.action = PermissionsOptions::Action::grant;
  options.user = "u&1";
  options.chat = "c";
  EXPECT_EQ(permissions(options, run.console), 0);
  EXPECT_EQ(run.calls[0].method, "POST");
  EXPECT_EQ(run.calls[0].body, R"({"userId":"u&1","chatId":"c"})");
  EXPECT_EQ(run.out.str(), "Permission granted: u is member in chat:c\n");
  options.role = "admin";
  options.chat.clear();
  options.target = "org:o:1";
  EXPECT_EQ(permissions(options, run.console), 0);
  EXPECT_EQ(run.calls[1].body, R"({"userId":"u&1","targetClass":"org","targetId":"o:1","role":"admin"})");
  options.action = PermissionsOptions::Action::revoke;
  EXPECT_EQ(permissions(options, run.console), 0);
  EXPECT_EQ(run.calls[2].method, "DELETE");
  EXPECT_EQ(run.calls[2].target, "/permissions?userId=u%261&targetClass=org&targetId=o%3A1");
  EXPECT_EQ(run.calls[2].body, "");
}

TEST(Permissions, ListFollowsPages) {
  const std::vector<HttpReply> pages{
      {200,
       R"({"userId":"u","permissions":[{"chatId":"a","role":"owner","grantedAt":"t","grantedBy":"g"}],"nextToken":"n+1"})"},
      {200,
       R"({"userId":"u","permissions":[{"targetClass":"org","targetId":"o","role":"viewer","grantedAt":"t","grantedBy":"g"}]})"}};
  Rehearsal run(pages);
  PermissionsOptions options;
  options.user = "u";
  EXPECT_EQ(permissions(options, run.console), 0);
  EXPECT_EQ(run.calls.at(1).target, "/permissions?userId=u&limit=1000&startKey=n%2B1");
  EXPECT_EQ(run.out.str(),
            "TARGET  ROLE    GRANTED  BY\nchat:a  owner   t        g\norg:o   viewer  t        g\n");

  Rehearsal json(pages);
  options.client.json = true;
  EXPECT_EQ(permissions(options, json.console), 0);
  EXPECT_EQ(json.out.str(), pages[0].body + "\n" + pages[1].body + "\n");
}

TEST(Connections, AreATable) {
  Rehearsal run(
      {{200, R"({"connections":[{"connectionId":"k","userId":"u","chatIds":["a","b"],"connectedAt":"t",)"
             R"("lastActiveAt":"l","sourceIp":"127.0.0.1"}],"count":1})"}});
  ConnectionsOptions options;
  options.chat = "a";
  EXPECT_EQ(connections(options, run.console), 0);
  EXPECT_EQ(run.calls.at(0).target, "/connections?chatId=a");
  EXPECT_EQ(run.out.str(),
            "CONNECTION  USER  CHATS  CONNECTED  LAST ACTIVE  ADDRESS\n"
            "k           u     a,b    t          l            127.0.0.1\n");
}

TEST(Queues, ListIsATable) {
  Rehearsal run(
      {{200,
        R"([{"name":"Q","type":"fifo","depth":3,"inFlight":1,"oldestAgeSeconds":5,"deadLetterQueue":"D"},)"
        R"({"name":"D","type":"fifo","depth":0,"inFlight":0,"oldestAgeSeconds":0}])"}});
  EXPECT_EQ(queues({}, run.console), 0);
  EXPECT_EQ(run.out.str(),
            "QUEUE  TYPE  DEPTH  IN FLIGHT  OLDEST  DEAD LETTERS TO\n"
            "Q      fifo  3      1          5 s     D\n"
            "D      fifo  0      0          0 s     -\n");
}

TEST(Queues, PeekShowsWhoFailed) {
  Rehearsal run(
      {{200,
        "{\"messages\":[{\"messageId\":\"m\",\"timestamp\":\"t\",\"targetClass\":\"chat\",\"targetId\":\"c\","
        "\"userId\":\"s\",\"attempts\":3,\"reason\":\"attempts "
        "exhausted\",\"payload\":{\"content\":\"\u202e\"},"
        "\"failed\":[{\"userId\":\"u\",\"connectionId\":\"k\",\"reason\":\"slow\"}]}],\"count\":1}"},
       {200, R"({"messages":[],"count":0})"}});
  QueuesOptions options;
  options.action = QueuesOptions::Action::peek;
  options.name = "a/b";
  options.limit = 3;
  EXPECT_EQ(queues(options, run.console), 0);
  EXPECT_EQ(run.calls[0].target, "/queues/a%2Fb/messages?limit=3");
  EXPECT_EQ(run.out.str(),
            "m  t  chat:c  from s  attempts 3\n"
            "  reason: attempts exhausted\n"
            "  failed for u on connection k: slow\n"
            "  payload: {\"content\":\"\\u202e\"}\n");
  EXPECT_EQ(queues(options, run.console), 0);
  EXPECT_THAT(run.out.str(), HasSubstr("a/b is empty\n"));
}

TEST(Queues, RedriveAndPurge) {
  Rehearsal run({{200, R"({"redriven":2})"}, {200, R"({"redriven":1})"}, {200, R"({"purged":4})"}});
  QueuesOptions options;
  options.action = QueuesOptions::Action::redrive;
  options.name = "D";
  EXPECT_EQ(queues(options, run.console), 0);
  EXPECT_EQ(run.calls[0].target, "/queues/D/redrive");
  EXPECT_EQ(run.calls[0].body, "");
  options.message_ids = {"a", "b"};
  EXPECT_EQ(queues(options, run.console), 0);
  EXPECT_EQ(run.calls[1].body, R"({"messageIds":["a","b"]})");
  options.action = QueuesOptions::Action::purge;
  EXPECT_EQ(queues(options, run.console), 0);
  EXPECT_EQ(run.calls[2].method, "DELETE");
  EXPECT_EQ(run.out.str(), "2 messages queued again\n1 messages queued again\n4 messages deleted\n");
}

class Files : public testing::Test {
 protected:
  Files() {
    std::string pattern = testing::TempDir() + "commands_test.XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~Files() override { std::filesystem::remove_all(directory_); }
  std::string write(const std::string& text) {
    const std::string path = directory_ / "c.toml";
    std::ofstream(path) << text;
    return path;
  }

  std::filesystem::path directory_;
};

constexpr const char* kAuth =
    "[auth]\nissuer = \"i\"\naudience = \"a\"\nhs256_secret = \"0123456789abcdef0123456789abcdef\"\n";

using ConfigCommand = Files;
using TokenCommand = Files;

TEST_F(ConfigCommand, CheckSaysWhetherAServerWouldStart) {
  Rehearsal run;
  ConfigOptions options;
  options.sources.file = write(kAuth);
  options.sources.environment = {{"CARILLON_FROB", "x"}};
  EXPECT_EQ(config(options, run.console), 0);
  EXPECT_EQ(run.out.str(), "The configuration is good.\n");
  EXPECT_THAT(run.err.str(), HasSubstr("warning: CARILLON_FROB"));

  Rehearsal bad;
  options.sources.file = write("[gateway]\nthreads = 5000\n");
  EXPECT_EQ(config(options, bad.console), 1);
  EXPECT_EQ(bad.out.str(), "");
  EXPECT_EQ(bad.err.str(), "carillon config: " + options.sources.file +
                               ":2: gateway.threads = 5000: must be an integer from 0 to 1024\n");

  Rehearsal unauthenticated;
  options.sources.file = write("");
  EXPECT_EQ(config(options, unauthenticated.console), 1);
  EXPECT_THAT(unauthenticated.err.str(), HasSubstr("[auth] is missing"));
  options.sources.dev = true;
  EXPECT_EQ(config(options, unauthenticated.console), 0);
}

TEST_F(ConfigCommand, CheckAsJson) {
  Rehearsal run;
  ConfigOptions options;
  options.json = true;
  options.sources.file = write(kAuth);
  EXPECT_EQ(config(options, run.console), 0);
  EXPECT_EQ(run.out.str(), "{\"ok\":true,\"warnings\":[]}\n");
  Rehearsal bad;
  options.sources.file = write("x = \"\\u202e\"");
  EXPECT_EQ(config(options, bad.console), 1);
  const auto answer = boost::json::parse(bad.out.str());
  EXPECT_FALSE(answer.at("ok").as_bool());
  EXPECT_THAT(std::string(answer.at("error").as_string()), HasSubstr("unknown key"));
}

TEST_F(ConfigCommand, PrintHasNoSecrets) {
  Rehearsal run;
  ConfigOptions options;
  options.action = ConfigOptions::Action::print;
  options.sources.file = write(kAuth);
  EXPECT_EQ(config(options, run.console), 0);
  EXPECT_THAT(run.out.str(), HasSubstr("[gateway]\nlisten = "));
  EXPECT_THAT(run.out.str(), Not(HasSubstr("0123456789abcdef")));
  Rehearsal json;
  options.json = true;
  EXPECT_EQ(config(options, json.console), 0);
  EXPECT_EQ(boost::json::parse(json.out.str()).at("gateway").at("stage").as_string(), "dvl");
}

boost::json::value claims_of(std::string token) {
  const std::size_t first = token.find('.');
  const auto payload =
      base::base64url_decode(std::string_view(token).substr(first + 1, token.rfind('.') - first - 1));
  return payload ? boost::json::parse(*payload) : boost::json::value();
}

TEST_F(TokenCommand, IsSignedByTheDevelopmentKeyOfTheDataDirectory) {
  Rehearsal run;
  TokenOptions options;
  options.user = "u";
  options.scopes = {"carillon/publish"};
  options.sources.flags = {{"--data", "store.data_dir", directory_ / "data"}};
  ASSERT_EQ(token(options, run.console), 0) << run.err.str();
  EXPECT_TRUE(std::filesystem::exists(directory_ / "data" / "dev-key"));
  const auto claims = claims_of(run.out.str());
  EXPECT_EQ(claims.at("sub").as_string(), "u");
  EXPECT_EQ(claims.at("scope").as_string(), "carillon/publish");
}

TEST_F(TokenCommand, IsSignedByTheConfigurationsSecret) {
  Rehearsal run;
  TokenOptions options;
  options.user = "u";
  options.claims = {{"custom:orgId", "o"}};
  options.lifetime = std::chrono::hours(2);
  options.json = true;
  options.sources.file = write(kAuth);
  ASSERT_EQ(token(options, run.console), 0) << run.err.str();
  const auto answer = boost::json::parse(run.out.str());
  const auto claims = claims_of(std::string(answer.at("token").as_string()));
  EXPECT_EQ(claims.at("iss").as_string(), "i");
  EXPECT_EQ(claims.at("custom:orgId").as_string(), "o");
  EXPECT_EQ(base::iso8601(claims.at("exp").as_int64() * 1000), answer.at("expiresAt").as_string());
}

TEST_F(TokenCommand, SaysWhyThereIsNothingToSignWith) {
  Rehearsal run;
  TokenOptions options;
  options.user = "u";
  options.sources.file = write("[auth]\nissuer = \"https://i.example\"\naudience = \"a\"\n");
  EXPECT_EQ(token(options, run.console), 1);
  EXPECT_EQ(run.out.str(), "");
  EXPECT_THAT(run.err.str(), HasSubstr("auth.hs256_secret is not set in "));
  options.sources.file = write(kAuth);
  options.user = "a,b";
  Rehearsal bad_user;
  EXPECT_EQ(token(options, bad_user.console), 1);
  EXPECT_THAT(bad_user.err.str(), HasSubstr("carillon token: "));
}

}  // namespace
}  // namespace carillon::cli
