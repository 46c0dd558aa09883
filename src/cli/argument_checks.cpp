#include "cli/argument_checks.hpp"

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "message_retrieval/sequence_list.hpp"
#include "model/target.hpp"

namespace carillon::cli {

bool is_pair(const std::string& text) {
  return text.find('=') != std::string::npos && text[0] != '=';
}

std::vector<std::pair<std::string, std::string>> pairs_of(const std::vector<std::string>& texts) {
  std::vector<std::pair<std::string, std::string>> pairs;
  pairs.reserve(texts.size());
  for (const std::string& text : texts)
    pairs.emplace_back(text.substr(0, text.find('=')), text.substr(text.find('=') + 1));
  return pairs;
}

bool is_lifetime(const std::string& text) {
  const auto duration = base::parse_duration(text);
  return duration && duration->count() >= 1000;
}

bool is_entry_target(const std::string& text) {
  using model::TargetClass;
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || colon + 1 == text.size()) return false;
  const auto parsed = model::parse_target_class(std::string_view(text).substr(0, colon));
  return parsed && *parsed != TargetClass::all && *parsed != TargetClass::user;
}

bool is_publish_target(const std::string& text) {
  return text == "all" || is_entry_target(text) || (text.starts_with("user:") && text.size() > 5);
}

bool is_time(const std::string& text) {
  return base::parse_iso8601(text).has_value();
}

bool is_sequence_list(const std::string& text) {
  return message_retrieval::parse_sequence_list(text).has_value();
}

bool is_message_id(const std::string& text) {
  return base::MessageId::parse(text).has_value();
}

}  // namespace carillon::cli
