#include "cli/command_line.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/version.hpp"

namespace carillon::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Arguments = std::vector<std::string>;
using Environment = std::map<std::string, std::string>;

template <typename Options>
Options parsed(const Arguments& arguments, const Environment& environment = {}) {
  auto command = parse_command_line(arguments, environment);
  EXPECT_TRUE(command) << command.error().err;
  if (!command || !std::holds_alternative<Options>(*command)) {
    ADD_FAILURE() << "another command";
    return {};
  }
  return std::get<Options>(*command);
}

UsageExit refused(const Arguments& arguments, const Environment& environment = {}) {
  auto command = parse_command_line(arguments, environment);
  EXPECT_FALSE(command);
  return command ? UsageExit{-1, {}, {}} : command.error();
}

TEST(CommandLine, HelpAndVersionEverywhere) {
  const std::vector<Arguments> commands{{},
                                        {"serve"},
                                        {"token"},
                                        {"publish"},
                                        {"listen"},
                                        {"permissions"},
                                        {"permissions", "grant"},
                                        {"permissions", "revoke"},
                                        {"permissions", "list"},
                                        {"connections"},
                                        {"queues"},
                                        {"queues", "list"},
                                        {"queues", "peek"},
                                        {"queues", "redrive"},
                                        {"queues", "purge"},
                                        {"messages"},
                                        {"trace"},
                                        {"config"},
                                        {"config", "check"},
                                        {"config", "print"},
                                        {"bench"},
                                        {"bench", "fanout"},
                                        {"bench", "one-to-one"},
                                        {"bench", "idle"},
                                        {"bench", "publish"}};
  for (Arguments command : commands) {
    command.push_back("--help");
    const UsageExit help = refused(command);
    EXPECT_EQ(help.status, 0);
    EXPECT_THAT(help.out, HasSubstr("Usage: "));
    EXPECT_EQ(help.err, "");
    command.back() = "--version";
    const UsageExit version = refused(command);
    EXPECT_EQ(version.status, 0);
    EXPECT_EQ(version.out, std::string("carillon ") + base::kVersion + "\n");
  }
}

TEST(CommandLine, TheVersionIsThatOfTheBuild) {
  std::stringstream text;
  text << std::ifstream(std::filesystem::path(__FILE__).parent_path() / "../../../CMakeLists.txt").rdbuf();
  EXPECT_THAT(text.str(), HasSubstr(std::string("project(carillon VERSION ") + base::kVersion + " "));
}

TEST(CommandLine, BadUsageIsTwoAndSaysWhy) {
  const std::vector<std::pair<Arguments, const char*>> cases{
      {{}, "A subcommand is required"},
      {{"dance"}, "There is no command `dance`"},
      {{"serve", "--frob"}, "--frob"},
      {{"serve", "extra"}, "extra"},
      {{"token"}, "--user is required"},
      {{"token", "stray"}, "--user is required"},
      {{"token", "--user", "u", "--ttl", "soon"}, "must be a duration"},
      {{"token", "--user", "u", "--ttl", "10ms"}, "must be a duration"},
      {{"token", "--user", "u", "--claim", "novalue"}, "must be NAME=VALUE"},
      {{"token", "--user", "u", "--data", "d", "--config", "f"}, "excludes"},
      {{"publish", "--content", "x"}, "--target"},
      {{"publish", "--chat", "c"}, "--content is required"},
      {{"publish", "--chat", "c", "--target", "all", "--content", "x"}, "--target"},
      {{"publish", "--target", "everyone", "--content", "x"}, "must be user:ID"},
      {{"publish", "--target", "user:", "--content", "x"}, "must be user:ID"},
      {{"publish", "--chat", "c", "--content", "x", "--type", "sms"}, "sms"},
      {{"publish", "--chat", "c", "--content", "x", "--sequence", "0"}, "--sequence"},
      {{"publish", "--chat", "c", "--content", "x", "--sequence", "9007199254740992"}, "--sequence"},
      {{"publish", "--chat", "c", "--content", "x", "--sequence", "1", "--no-sequence"}, "excludes"},
      {{"publish", "--chat", "c", "--content", "x", "--url", "ftp://h"}, "--url (or CARILLON_URL): must be"},
      {{"publish", "--chat", "c", "--content", "x", "--token", "a b"},
       "--token (or CARILLON_TOKEN): must be"},
      {{"listen", "--url", "http://user:pw@h"}, "--url (or CARILLON_URL): must be"},
      {{"permissions"}, "A subcommand is required"},
      {{"permissions", "grant", "--chat", "c"}, "--user is required"},
      {{"permissions", "grant", "--user", "u"}, "[--chat,--target]"},
      {{"permissions", "grant", "--user", "u", "--chat", "c", "--role", "king"}, "king"},
      {{"permissions", "grant", "--user", "u", "--target", "user:x"}, "must be org:ID"},
      {{"permissions", "list"}, "[--user,--chat,--target]"},
      {{"permissions", "list", "--user", "u", "--chat", "c"}, "2 were given"},
      {{"queues", "peek"}, "NAME is required"},
      {{"queues", "peek", "Q", "--limit", "0"}, "--limit"},
      {{"queues", "purge"}, "NAME is required"},
      {{"messages"}, "--chat"},
      {{"messages", "--chat", "c", "--target", "all"}, "--chat"},
      {{"messages", "--target", "team:x"}, "--target"},
      {{"messages", "--chat", "c", "--limit", "0"}, "--limit"},
      {{"messages", "--chat", "c", "--limit", "1001"}, "--limit"},
      {{"messages", "--chat", "c", "--limit", "5", "--all"}, "--limit"},
      {{"messages", "--chat", "c", "--from", "yesterday"}, "--from: must be a time such as"},
      {{"messages", "--chat", "c", "--sequences", "9-5"}, "--sequences: must be at most 1000 numbers"},
      {{"messages", "--target", "org:o", "--sequences", "1"}, "--sequences"},
      {{"messages", "--chat", "c", "--sequences", "1", "--all"}, "--sequences"},
      {{"messages", "--chat", "c", "--sequences", "1", "--follow"}, "--sequences"},
      {{"messages", "--chat", "c", "--follow", "--asc"}, "--follow"},
      {{"trace"}, "MESSAGE_ID is required"},
      {{"trace", "x"}, "MESSAGE_ID: must be a message id"},
      {{"config"}, "A subcommand is required"},
      {{"bench", "swim"}, "There is no command `swim`"},
      {{"bench", "fanout", "--protocol", "mqtt"}, "--protocol: must be carillon, nchan"},
      {{"bench", "publish", "--batch", "101"}, "--batch: must be a whole number from 1 to 100"},
      {{"bench", "publish", "--batch", "1", "--batch", "2"}, "--batch"},
      {{"bench", "publish", "--size", "39"}, "--size: must be a whole number from 40"},
      {{"bench", "publish", "--rate", "nan"}, "--rate: must be a number"},
      {{"bench", "publish", "--messages", "-1"}, "--messages: must be a whole number"}};
  for (const auto& [arguments, reason] : cases) {
    const UsageExit exit = refused(arguments);
    EXPECT_EQ(exit.status, 2) << reason;
    EXPECT_THAT(exit.err, HasSubstr(reason));
    EXPECT_EQ(exit.out, "");
  }
}

TEST(CommandLine, Serve) {
  const auto options = parsed<ServeOptions>({"serve", "--config", "c.toml", "--listen", "127.0.0.1:9",
                                             "--data", "d", "--log-level", "debug", "--dev"},
                                            {{"CARILLON_GATEWAY_STAGE", "prod"}});
  EXPECT_EQ(options.sources.file, "c.toml");
  EXPECT_TRUE(options.sources.dev);
  EXPECT_EQ(options.sources.environment.at("CARILLON_GATEWAY_STAGE"), "prod");
  ASSERT_EQ(options.sources.flags.size(), 3u);
  EXPECT_EQ(options.sources.flags[0].key, "gateway.listen");
  EXPECT_EQ(options.sources.flags[1].value, "d");
  EXPECT_EQ(options.sources.flags[2].flag, "--log-level");
  const auto plain = parsed<ServeOptions>({"serve"});
  EXPECT_TRUE(plain.sources.flags.empty());
  EXPECT_FALSE(plain.sources.dev);
}

TEST(CommandLine, Token) {
  const auto options = parsed<TokenOptions>({"token", "--user", "u", "--scope", "carillon/publish", "--scope",
                                             "carillon/admin", "--group", "[g]", "--claim",
                                             "custom:orgId=a=b", "--claim", "x=", "--ttl", "2d", "--json"});
  EXPECT_EQ(options.user, "u");
  EXPECT_THAT(options.scopes, ElementsAre("carillon/publish", "carillon/admin"));
  EXPECT_THAT(options.groups, ElementsAre("[g]"));
  EXPECT_THAT(options.claims, ElementsAre(std::pair<std::string, std::string>("custom:orgId", "a=b"),
                                          std::pair<std::string, std::string>("x", "")));
  EXPECT_EQ(options.lifetime, std::chrono::hours(48));
  EXPECT_TRUE(options.json);
  EXPECT_EQ(parsed<TokenOptions>({"token", "--user", "u"}).lifetime, std::chrono::hours(1));
  EXPECT_EQ(parsed<TokenOptions>({"token", "--user", "u", "--data", "d"}).sources.flags.at(0).value, "d");
  EXPECT_EQ(parsed<TokenOptions>({"token", "--user", "u", "--config", "f"}).sources.file, "f");
}

TEST(CommandLine, Publish) {
  const auto options = parsed<PublishOptions>({"publish",
                                               "--target",
                                               "org:o:1",
                                               "--content",
                                               "",
                                               "--type",
                                               "fifo",
                                               "--event-type",
                                               "e",
                                               "--group",
                                               "g",
                                               "--channel",
                                               "Email",
                                               "--dedup-id",
                                               "d",
                                               "--correlation-id",
                                               "k",
                                               "--attribute",
                                               "priority=5",
                                               "--sequence",
                                               "7",
                                               "--exclude-sender",
                                               "--json-content"});
  EXPECT_EQ(options.target, "org:o:1");
  EXPECT_EQ(options.content, "");
  EXPECT_EQ(options.type, "fifo");
  EXPECT_EQ(options.channel, "Email");
  EXPECT_EQ(options.sequence, 7u);
  EXPECT_TRUE(options.exclude_sender);
  EXPECT_TRUE(options.json_content);
  EXPECT_EQ(parsed<PublishOptions>({"publish", "--target", "all", "--content", "x"}).target, "all");
  const auto plain = parsed<PublishOptions>({"publish", "--chat", "c", "--content", "--weird"});
  EXPECT_EQ(plain.content, "--weird");
  EXPECT_EQ(plain.type, "standard");
  EXPECT_FALSE(plain.sequence);
}

TEST(CommandLine, Listen) {
  const auto options = parsed<ListenOptions>(
      {"listen", "--chat", "a", "--chat", "*", "--org", "o", "--hub", "h", "--project", "p"});
  EXPECT_THAT(options.chats, ElementsAre("a", "*"));
  EXPECT_EQ(options.org + options.hub + options.project, "ohp");
}

TEST(CommandLine, PermissionsConnectionsAndQueues) {
  const auto grant =
      parsed<PermissionsOptions>({"permissions", "grant", "--user", "u", "--chat", "c", "--role", "admin"});
  EXPECT_EQ(grant.action, PermissionsOptions::Action::grant);
  EXPECT_EQ(grant.user + grant.chat + grant.role, "ucadmin");
  EXPECT_EQ(parsed<PermissionsOptions>({"permissions", "revoke", "--user", "u", "--target", "org:o"}).action,
            PermissionsOptions::Action::revoke);
  EXPECT_EQ(parsed<PermissionsOptions>({"permissions", "list", "--user", "u"}).user, "u");
  EXPECT_EQ(parsed<PermissionsOptions>({"permissions", "list", "--chat", "c"}).chat, "c");
  EXPECT_EQ(parsed<ConnectionsOptions>({"connections", "--user", "u", "--chat", "c"}).user, "u");
  const auto peek = parsed<QueuesOptions>({"queues", "peek", "Q", "--limit", "3"});
  EXPECT_EQ(peek.action, QueuesOptions::Action::peek);
  EXPECT_EQ(peek.name, "Q");
  EXPECT_EQ(peek.limit, 3u);
  const auto redrive =
      parsed<QueuesOptions>({"queues", "redrive", "Q", "--message-id", "a", "--message-id", "b"});
  EXPECT_THAT(redrive.message_ids, ElementsAre("a", "b"));
  EXPECT_EQ(parsed<QueuesOptions>({"queues", "purge", "Q"}).action, QueuesOptions::Action::purge);
  EXPECT_EQ(parsed<QueuesOptions>({"queues", "list"}).action, QueuesOptions::Action::list);
}

TEST(CommandLine, MessagesAndTrace) {
  const auto plain = parsed<MessagesOptions>({"messages", "--chat", "c"});
  EXPECT_EQ(plain.chat, "c");
  EXPECT_EQ(plain.limit, 50u);
  EXPECT_FALSE(plain.all || plain.oldest_first || plain.follow);
  const auto page =
      parsed<MessagesOptions>({"messages", "--target", "user:u:1", "--limit", "7", "--asc", "--from",
                               "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00+01:00"});
  EXPECT_EQ(page.target, "user:u:1");
  EXPECT_EQ(page.limit, 7u);
  EXPECT_TRUE(page.oldest_first);
  EXPECT_EQ(page.from, "2026-01-01T00:00:00Z");
  EXPECT_EQ(page.to, "2026-01-02T00:00:00+01:00");
  EXPECT_TRUE(parsed<MessagesOptions>({"messages", "--target", "all", "--all"}).all);
  EXPECT_TRUE(parsed<MessagesOptions>({"messages", "--chat", "c", "--follow", "--limit", "5"}).follow);
  EXPECT_EQ(parsed<MessagesOptions>({"messages", "--chat", "c", "--sequences", "3,5-9"}).sequences, "3,5-9");
  const std::string id = "0199b0c2-0000-7000-8000-00000000002a";
  EXPECT_EQ(parsed<TraceOptions>({"trace", id}).message_id, id);
}

TEST(CommandLine, Config) {
  const auto check = parsed<ConfigOptions>({"config", "check", "--config", "f", "--dev", "--json"});
  EXPECT_EQ(check.action, ConfigOptions::Action::check);
  EXPECT_EQ(check.sources.file, "f");
  EXPECT_TRUE(check.sources.dev);
  EXPECT_TRUE(check.json);
  EXPECT_EQ(parsed<ConfigOptions>({"config", "print"}).action, ConfigOptions::Action::print);
}

TEST(CommandLine, Bench) {
  const auto options = parsed<bench::Options>({"bench",
                                               "one-to-one",
                                               "--protocol",
                                               "nats",
                                               "--connections",
                                               "5",
                                               "--messages",
                                               "6",
                                               "--in-flight",
                                               "7",
                                               "--size",
                                               "64",
                                               "--publishers",
                                               "8",
                                               "--batch",
                                               "9",
                                               "--rate",
                                               "1.5",
                                               "--warmup",
                                               "0",
                                               "--timeout",
                                               "11",
                                               "--stall",
                                               "12",
                                               "--server-pid",
                                               "13",
                                               "--server-pid",
                                               "14",
                                               "--bare",
                                               "each",
                                               "--server-core",
                                               "1",
                                               "--type",
                                               "fifo",
                                               "--json",
                                               "--url",
                                               "ws://h",
                                               "--publish-url",
                                               "x:1"},
                                              {{"CARILLON_TOKEN", "t"}});
  EXPECT_EQ(options.workload, bench::Workload::one_to_one);
  EXPECT_EQ(options.protocol, bench::Protocol::nats);
  EXPECT_EQ(options.connections, 5u);
  EXPECT_EQ(options.messages, 6u);
  EXPECT_EQ(options.in_flight, 7u);
  EXPECT_EQ(options.size, 64u);
  EXPECT_EQ(options.publishers, 8u);
  EXPECT_EQ(options.batch, 9u);
  EXPECT_EQ(options.rate, 1.5);
  EXPECT_EQ(options.warmup, 0u);
  EXPECT_EQ(options.timeout.count(), 11);
  EXPECT_EQ(options.stall.count(), 12);
  EXPECT_THAT(options.server_pids, ElementsAre(13, 14));
  EXPECT_EQ(options.bare_writes, bench::BareWrites::each);
  EXPECT_EQ(options.server_core, 1);
  EXPECT_EQ(options.message_type, "fifo");
  EXPECT_EQ(options.url, "ws://h");
  EXPECT_EQ(options.token, "t");
  EXPECT_TRUE(options.json);
  const auto plain = parsed<bench::Options>({"bench", "idle"});
  EXPECT_EQ(plain.workload, bench::Workload::idle);
  EXPECT_EQ(plain.warmup, SIZE_MAX);
}

TEST(CommandLine, UrlAndTokenComeFromTheEnvironmentUnlessGiven) {
  const Environment environment{{"CARILLON_URL", "https://h.example"}, {"CARILLON_TOKEN", "env"}};
  const auto from_environment = parsed<ConnectionsOptions>({"connections"}, environment);
  EXPECT_EQ(from_environment.client.url, "https://h.example");
  EXPECT_EQ(from_environment.client.token, "env");
  const auto given =
      parsed<ConnectionsOptions>({"connections", "--url", "http://g", "--token", "flag"}, environment);
  EXPECT_EQ(given.client.url, "http://g");
  EXPECT_EQ(given.client.token, "flag");
  EXPECT_EQ(parsed<ConnectionsOptions>({"connections"}).client.url, "http://127.0.0.1:8080");
  EXPECT_EQ(refused({"connections"}, {{"CARILLON_TOKEN", "a\nb"}}).status, 2);
}

TEST(CommandLine, ATokenIsNeverRepeated) {
  for (const Arguments& arguments : {Arguments{"connections", "--help"}, Arguments{"connections", "--frob"},
                                     Arguments{"connections", "--url", "x"}}) {
    const UsageExit exit = refused(arguments, {{"CARILLON_TOKEN", "hush-hush"}});
    EXPECT_THAT(exit.out + exit.err, testing::Not(HasSubstr("hush")));
  }
}

}  // namespace
}  // namespace carillon::cli
