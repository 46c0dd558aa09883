#include "model/json.hpp"

#include <cmath>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parser.hpp>

namespace carillon::model {
namespace {

constexpr std::size_t kFirstBlock = 2048;

/// Counts the members of every object below `value`; negative when a number is not finite.
std::ptrdiff_t count_members(const boost::json::value& value) {
  std::ptrdiff_t count = 0;
  if (const auto* number = value.if_double()) return std::isfinite(*number) ? 0 : -1;
  if (const auto* array = value.if_array()) {
    for (const auto& each : *array) {
      const std::ptrdiff_t below = count_members(each);
      if (below < 0) return -1;
      count += below;
    }
  } else if (const auto* object = value.if_object()) {
    for (const auto& each : *object) {
      const std::ptrdiff_t below = count_members(each.value());
      if (below < 0) return -1;
      count += 1 + below;
    }
  }
  return count;
}

/// Moves past the string that starts at `at`; the text is known to be valid JSON.
std::size_t skip_string(std::string_view text, std::size_t at) {
  for (++at; text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return at + 1;
}

/// In valid JSON a colon outside of a string stands in each member once. More of them than the document
/// kept members means that a key came twice.
std::ptrdiff_t count_colons(std::string_view text) {
  std::ptrdiff_t count = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '"') {
      at = skip_string(text, at);
      continue;
    }
    if (text[at] == ':') ++count;
    ++at;
  }
  return count;
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// The bytes of the `index`-th member's value of the object that `text` is.
std::string_view nth_value(std::string_view text, std::size_t index) {
  std::size_t depth = 0;
  std::size_t seen = 0;
  std::size_t start = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"') {
      at = skip_string(text, at);
      continue;
    }
    const bool ends_value = (depth == 1 && c == ',') || (depth == 1 && c == '}');
    if (ends_value && start != 0) {
      while (is_space(text[at - 1])) --at;
      return text.substr(start, at - start);
    }
    if (depth == 1 && c == ':' && seen++ == index) {
      for (start = at + 1; is_space(text[start]);) ++start;
      at = start;
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    ++at;
  }
  return {};
}

}  // namespace

struct JsonDocument::Memory {
  std::array<unsigned char, kFirstBlock> first;
  boost::json::monotonic_resource resource{first.data(), first.size()};
  boost::json::value value = boost::json::value(boost::json::storage_ptr(&resource));
};

JsonDocument::JsonDocument(std::string_view text, std::unique_ptr<Memory> memory, boost::json::value* value)
    : text_(text), memory_(memory.release(), [](Memory* each) { delete each; }), value_(value) {}

Result<JsonDocument> JsonDocument::parse(std::string_view text, const base::ErrorEntry& no_object) {
  auto memory = std::make_unique<Memory>();
  boost::json::parse_options options;
  options.max_depth = kMaxDepth;
  std::array<unsigned char, 1024> scratch;
  boost::json::parser parser(boost::json::storage_ptr(), options, scratch.data(), scratch.size());
  parser.reset(&memory->resource);
  boost::json::error_code error;
  parser.write(text.data(), text.size(), error);
  if (error) return fail(errors::kInvalidJson);
  memory->value = parser.release();
  boost::json::value* value = &memory->value;
  if (count_members(*value) != count_colons(text)) return fail(errors::kInvalidJson);
  if (!value->is_object()) return fail(no_object);
  return JsonDocument(text, std::move(memory), value);
}

std::string_view JsonDocument::raw(std::string_view key) const {
  std::size_t index = 0;
  for (const auto& each : object()) {
    if (each.key() == key) return nth_value(text_, index);
    ++index;
  }
  return {};
}

std::vector<std::string_view> raw_elements(std::string_view array) {
  std::vector<std::string_view> elements;
  std::size_t depth = 0;
  std::size_t start = 1;
  for (std::size_t at = 0; at < array.size();) {
    const char c = array[at];
    if (c == '"') {
      at = skip_string(array, at);
      continue;
    }
    if (depth == 1 && (c == ',' || c == ']')) {
      std::size_t end = at;
      while (start < end && is_space(array[start])) ++start;
      while (end > start && is_space(array[end - 1])) --end;
      if (end > start) elements.push_back(array.substr(start, end - start));
      start = at + 1;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    ++at;
  }
  return elements;
}

const boost::json::string* string_member(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value ? value->if_string() : nullptr;
}

}  // namespace carillon::model
