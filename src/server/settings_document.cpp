#include "server/settings_document.hpp"

#include <algorithm>

// A dotted key nests as well, and the library only counts values: see overlong_key().
#define TOML_EXCEPTIONS 0
#define TOML_MAX_NESTED_VALUES 16
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace carillon::server {
namespace {

constexpr std::ptrdiff_t kMaxDotsPerLine = 512;
constexpr int kMaxDepth = 64;

/// The first line that could hold a key of more parts than the library can free again without exhausting
/// the stack; 0 when there is none.
int overlong_key(std::string_view text) {
  for (int line = 1; !text.empty(); ++line) {
    const std::string_view here = text.substr(0, text.find('\n'));
    const std::string_view key = here.substr(0, here.find('#'));
    if (std::ranges::count(key, '.') > kMaxDotsPerLine) return line;
    text.remove_prefix(std::min(text.size(), here.size() + 1));
  }
  return 0;
}

TomlNode copy(const toml::node& node, int depth) {
  TomlNode out{TomlNode::Other{}, static_cast<int>(node.source().begin.line)};
  if (depth == 0) return out;
  if (const auto* table = node.as_table()) {
    // As written, so that the first mistake is the one that is named.
    std::vector<std::pair<const toml::key*, const toml::node*>> written;
    for (const auto& [key, member] : *table) written.emplace_back(&key, &member);
    std::ranges::sort(written, [](const auto& a, const auto& b) {
      return a.first->source().begin < b.first->source().begin;
    });
    std::vector<TomlMember> members;
    for (const auto& [key, member] : written) {
      TomlMember& added = members.emplace_back(std::string(key->str()), copy(*member, depth - 1));
      added.node.line = static_cast<int>(key->source().begin.line);
    }
    out.value = std::move(members);
  } else if (const auto* array = node.as_array()) {
    std::vector<TomlNode> entries;
    for (const auto& entry : *array) entries.push_back(copy(entry, depth - 1));
    out.value = std::move(entries);
  } else if (const auto* text = node.as_string()) {
    out.value = text->get();
  } else if (const auto* integer = node.as_integer()) {
    out.value = integer->get();
  } else if (const auto* number = node.as_floating_point()) {
    out.value = number->get();
  } else if (const auto* flag = node.as_boolean()) {
    out.value = flag->get();
  }
  return out;
}

}  // namespace

std::expected<TomlNode, TomlError> parse_toml(std::string_view text) {
  if (text.size() > kMaxTomlBytes) return std::unexpected(TomlError{0, "larger than 1 MiB"});
  if (const int line = overlong_key(text)) return std::unexpected(TomlError{line, "more than 512 dots"});
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return std::unexpected(
        TomlError{static_cast<int>(error.source().begin.line), std::string(error.description())});
  }
  return copy(parsed.table(), kMaxDepth);
}

}  // namespace carillon::server
