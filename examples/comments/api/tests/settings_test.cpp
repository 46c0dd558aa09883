#include "comments_api/settings.hpp"

#include <map>

#include <gtest/gtest.h>

namespace carillon::comments_api {
namespace {

using Variables = std::map<std::string, std::string>;

const std::string kSecret(32, 's');

Variables with(const Variables& changes) {
  Variables all{
      {"APP_TOKEN_SECRET", kSecret}, {"APP_TOKEN_ISSUER", "issuer"}, {"APP_TOKEN_AUDIENCE", "audience"}};
  for (const auto& [name, value] : changes) all[name] = value;
  return all;
}

std::expected<Settings, std::string> read(const Variables& changes) {
  return read_settings([all = with(changes)](const char* name) -> std::optional<std::string> {
    const auto found = all.find(name);
    return found == all.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(Settings, have_the_documented_defaults) {
  const auto settings = read({});
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_EQ(settings->listen, "127.0.0.1:8000");
  EXPECT_EQ(settings->data, "comments-data");
  EXPECT_EQ(settings->endpoint, "http://localhost:3001");
  EXPECT_EQ(settings->allowed_origins, std::vector<std::string>{"http://localhost:3000"});
  EXPECT_EQ(settings->tokens.hs256_secret, kSecret);
  EXPECT_EQ(settings->tokens.issuer, "issuer");
  EXPECT_EQ(settings->tokens.audience, std::vector<std::string>{"audience"});
  EXPECT_EQ(settings->events_key, "");
}

TEST(Settings, come_from_the_environment) {
  const auto settings = read({{"APP_LISTEN", "[::1]:0"},
                              {"APP_DATA", "/data"},
                              {"APP_SERVERLESS_WEBSOCKET_ENDPOINT", "https://carillon.example/dvl/"},
                              {"APP_ALLOWED_ORIGINS", "http://localhost:1,https://x.example"},
                              {"APP_EVENTS_SECRET", "whsec_aGVsbG8="}});
  ASSERT_TRUE(settings) << settings.error();
  EXPECT_EQ(settings->listen, "[::1]:0");
  EXPECT_EQ(settings->data, "/data");
  EXPECT_EQ(settings->endpoint, "https://carillon.example/dvl");
  EXPECT_EQ(settings->allowed_origins, (std::vector<std::string>{"http://localhost:1", "https://x.example"}));
  EXPECT_EQ(settings->events_key, "hello");
}

TEST(Settings, name_what_cannot_be_and_no_secret) {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"APP_LISTEN", "0.0.0.0:8000"},
      {"APP_LISTEN", "[::]:8000"},
      {"APP_LISTEN", ":8000"},
      {"APP_LISTEN", "192.168.1.1:8000"},
      {"APP_LISTEN", "localhost.example.com:8000"},
      {"APP_LISTEN", "127.0.0.1"},
      {"APP_LISTEN", "127.0.0.1:"},
      {"APP_LISTEN", "127.0.0.1:65536"},
      {"APP_LISTEN", "127.0.0.1:http"},
      {"APP_DATA", ""},
      {"APP_SERVERLESS_WEBSOCKET_ENDPOINT", ""},
      {"APP_SERVERLESS_WEBSOCKET_ENDPOINT", "localhost:3001"},
      {"APP_SERVERLESS_WEBSOCKET_ENDPOINT", "ftp://localhost"},
      {"APP_SERVERLESS_WEBSOCKET_ENDPOINT", "http://example.com"},
      {"APP_SERVERLESS_WEBSOCKET_ENDPOINT", "https://user@example.com"},
      {"APP_SERVERLESS_WEBSOCKET_ENDPOINT", "https://example.com/?token=x"},
      {"APP_ALLOWED_ORIGINS", "localhost:3000"},
      {"APP_ALLOWED_ORIGINS", "http://localhost:3000, http://b"},
      {"APP_ALLOWED_ORIGINS", "*"},
      {"APP_ALLOWED_ORIGINS", "null"},
      {"APP_TOKEN_SECRET", ""},
      {"APP_TOKEN_SECRET", "only 31 bytes, which is too few"},
      {"APP_TOKEN_ISSUER", ""},
      {"APP_TOKEN_AUDIENCE", ""},
      {"APP_EVENTS_SECRET", "whsec_!"},
  };
  for (const auto& [name, value] : bad) {
    const auto settings = read({{name, value}});
    ASSERT_FALSE(settings) << name << "=" << value;
    EXPECT_EQ(settings.error().find(name), 0u) << settings.error();
    EXPECT_EQ(settings.error().find('\n'), std::string::npos);
    if (name.ends_with("SECRET") && !value.empty())
      EXPECT_EQ(settings.error().find(value), std::string::npos);
  }
}

}  // namespace
}  // namespace carillon::comments_api
