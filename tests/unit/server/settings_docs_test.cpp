#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "server/settings_keys.hpp"
#include "server/settings_rules.hpp"

namespace carillon::server {
namespace {

std::string documentation() {
  const auto path = std::filesystem::path(__FILE__).parent_path() / "../../../docs/configuration.md";
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string heading(const SettingKey& key) {
  if (key.group() == KeyGroup::aws_key) return "## `[[auth.aws_keys]]`\n";
  return "## `[" + std::string(key.section()) + "]`\n";
}

/// allowed_text, as short as a table wants it.
std::string values(const SettingKey& key) {
  if (!key.allowed.empty()) return std::string(key.allowed);
  if (key.kind == KeyKind::text) return "text";
  if (key.kind == KeyKind::text_or_list) return "text or a list of texts";
  if (key.kind == KeyKind::url) return "http:// or https:// URL";
  if (key.kind == KeyKind::listen) return "ADDRESS:PORT";
  const std::string text = allowed_text(key);
  return text.substr(0, text.find(": a whole number"));
}

/// `| key | default | values | description |`.
std::string row(const SettingKey& key) {
  Settings settings;
  settings.bus.channels.emplace_back();
  settings.alarms.emplace_back();
  settings.aws_keys.emplace_back();
  std::string fallback = '`' + toml_value(key, key.get(settings, 0, key)) + '`';
  if (key.kind == KeyKind::overrides) fallback = "`{}`";
  if (fallback == "`\"\"`" || fallback == "`[]`")
    fallback = key.kind == KeyKind::text_list ? "`[]`" : "not set";
  if (key.required) fallback = "required";
  return "| `" + std::string(key.leaf()) + "` | " + fallback + " | " + values(key) + " | " +
         std::string(key.description) + (key.held ? " *(later)* |\n" : " |\n");
}

TEST(ConfigurationDocs, HaveEveryKeyWithItsDefaultUnderItsSection) {
  const std::string text = documentation();
  ASSERT_FALSE(text.empty()) << "docs/configuration.md is not there";
  for (const SettingKey& key : setting_keys()) {
    const std::size_t start = text.find(heading(key));
    EXPECT_NE(start, std::string::npos) << "missing heading: " << heading(key);
    const std::size_t end = text.find("\n## ", start + 1);
    const std::string section = start == std::string::npos ? "" : text.substr(start, end - start);
    EXPECT_NE(section.find(row(key)), std::string::npos) << "missing under " << heading(key) << row(key);
  }
}

TEST(ConfigurationDocs, NameNoKeyThatDoesNotExist) {
  const std::string text = documentation();
  std::size_t rows = 0;
  for (std::size_t at = text.find("\n| `"); at != std::string::npos; at = text.find("\n| `", at + 1)) ++rows;
  EXPECT_EQ(rows, setting_keys().size());
}

}  // namespace
}  // namespace carillon::server
