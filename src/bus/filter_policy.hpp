#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "model/message.hpp"

namespace carillon::bus {

/// Which messages a subscription takes: a filter policy as Amazon SNS has them. An object of attribute name
/// to list of conditions; a message matches when, for every attribute, one of its conditions does.
/// Conditions: a text or number (equal), `{"prefix":"a"}`, `{"suffix":"a"}`, `{"anything-but":…}` (a text, a
/// number, a list of them, or `{"prefix":"a"}`), `{"numeric":[">",1,"<=",5]}`, `{"exists":true|false}`.
/// Attributes: targetChannel, messageType, chatId, targetClass, targetId, eventType, userId, which are the
/// message's own members and cannot be set by its attributes; any other name is looked up there. Of a list,
/// any element may match. Immutable; any thread.
class FilterPolicy {
 public:
  static constexpr std::size_t kMaxBytes = 16384;
  static constexpr std::size_t kMaxAttributes = 50;
  static constexpr std::size_t kMaxConditions = 150;  ///< each value of an anything-but list counts

  /// Takes every message, as `{}` does.
  FilterPolicy() = default;
  /// Errors: invalid_parameter, the details naming the attribute or operator that is wrong.
  static base::Result<FilterPolicy> parse(std::string_view json_text);
  /// `{"targetChannel":["NAME"]}`.
  static FilterPolicy for_channel(std::string name);

  bool matches(const model::MessageBody& message) const;

 private:
  friend class FilterPolicyParser;

  struct Equals {
    std::string text;
  };
  struct EqualsNumber {
    double number;
  };
  struct Prefix {
    std::string text;
  };
  struct Suffix {
    std::string text;
  };
  struct AnythingBut {
    std::vector<std::string> texts;
    std::vector<double> numbers;
  };
  struct AnythingButPrefix {
    std::string text;
  };
  /// Between two bounds, each counted in or not; infinite where none was given.
  struct Numeric {
    double low, high;
    bool low_included, high_included;
  };
  struct Exists {
    bool wanted;
  };
  using Condition =
      std::variant<Equals, EqualsNumber, Prefix, Suffix, AnythingBut, AnythingButPrefix, Numeric, Exists>;

  enum class Source : std::uint8_t {
    target_channel,
    message_type,
    chat_id,
    target_class,
    target_id,
    event_type,
    user_id,
    attribute
  };
  struct Rule {
    Source source = Source::attribute;
    std::string name;
    std::vector<Condition> conditions;
  };

  static bool text_matches(const Condition& condition, std::string_view text);
  static bool number_matches(const Condition& condition, double number);
  static bool rule_matches(const Rule& rule, const model::MessageBody& message);

  std::vector<Rule> rules_;
};

}  // namespace carillon::bus
