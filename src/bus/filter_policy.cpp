#include "bus/filter_policy.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "base/bytes.hpp"
#include "model/json.hpp"

namespace carillon::bus {

namespace json = boost::json;

/// Reads a policy, keeping count of what is bounded.
class FilterPolicyParser {
 public:
  base::Result<FilterPolicy> parse(const json::object& policy);

 private:
  using Policy = FilterPolicy;
  using Parsed = base::Result<Policy::Condition>;

  std::unexpected<base::Error> wrong(std::string_view what) const;
  Parsed condition(const json::value& value);
  Parsed operation(std::string_view name, const json::value& operand);
  Parsed anything_but(const json::value& operand);
  Parsed numeric(const json::value& operand) const;
  bool set_bound(Policy::Numeric& range, std::string_view sign, double number) const;

  std::string attribute_;  ///< the one being read
  std::size_t conditions_ = 0;
};

namespace {

std::optional<double> number_of(const json::value& value) {
  if (const auto* number = value.if_int64()) return static_cast<double>(*number);
  if (const auto* number = value.if_uint64()) return static_cast<double>(*number);
  if (const auto* number = value.if_double()) return *number;
  return std::nullopt;
}

template <typename... Lambdas>
struct Overloaded : Lambdas... {
  using Lambdas::operator()...;
};

}  // namespace

base::Result<FilterPolicy> FilterPolicy::parse(std::string_view json_text) {
  const auto wrong = [](std::string_view what) {
    return base::fail(model::errors::kInvalidParameter, "filter policy: " + std::string(what));
  };
  if (json_text.size() > kMaxBytes) return wrong("over 16384 bytes");
  const auto document = model::JsonDocument::parse(json_text);
  if (!document) return wrong("not a JSON object, or a name in it twice");
  return FilterPolicyParser().parse(document->object());
}

FilterPolicy FilterPolicy::for_channel(std::string name) {
  FilterPolicy policy;
  Rule& rule = policy.rules_.emplace_back();
  rule.source = Source::target_channel;
  rule.conditions.emplace_back(Equals{std::move(name)});
  return policy;
}

std::unexpected<base::Error> FilterPolicyParser::wrong(std::string_view what) const {
  std::string details = "filter policy: ";
  if (!attribute_.empty()) details += base::printable(attribute_) + ": ";
  details += what;
  return base::fail(model::errors::kInvalidParameter, std::move(details));
}

base::Result<FilterPolicy> FilterPolicyParser::parse(const json::object& object) {
  using Source = Policy::Source;
  constexpr std::array<std::pair<std::string_view, Source>, 7> kOwn{
      {{"targetChannel", Source::target_channel},
       {"messageType", Source::message_type},
       {"chatId", Source::chat_id},
       {"targetClass", Source::target_class},
       {"targetId", Source::target_id},
       {"eventType", Source::event_type},
       {"userId", Source::user_id}}};
  Policy policy;
  if (object.size() > Policy::kMaxAttributes) return wrong("more than 50 attributes");
  for (const auto& member : object) {
    attribute_ = std::string(member.key());
    if (attribute_.empty()) return wrong("an attribute without a name");
    if (attribute_.front() == '$') return wrong("unknown operator");
    const auto* list = member.value().if_array();
    if (!list || list->empty()) return wrong("needs a list of conditions");
    Policy::Rule& rule = policy.rules_.emplace_back();
    rule.name = attribute_;
    for (const auto& [name, source] : kOwn)
      if (name == attribute_) rule.source = source;
    for (const json::value& each : *list) {
      auto parsed = condition(each);
      if (!parsed) return std::unexpected(parsed.error());
      if (conditions_ > Policy::kMaxConditions) return wrong("more than 150 conditions in all");
      rule.conditions.push_back(std::move(*parsed));
    }
  }
  return policy;
}

FilterPolicyParser::Parsed FilterPolicyParser::condition(const json::value& value) {
  ++conditions_;
  if (const auto* text = value.if_string())
    return Policy::Condition(Policy::Equals{std::string(model::view(*text))});
  if (const auto number = number_of(value)) return Policy::Condition(Policy::EqualsNumber{*number});
  const auto* object = value.if_object();
  if (!object) return wrong("a condition is a text, a number or an object");
  if (object->size() != 1) return wrong("a condition has one operator");
  return operation(object->begin()->key(), object->begin()->value());
}

FilterPolicyParser::Parsed FilterPolicyParser::operation(std::string_view name, const json::value& operand) {
  const auto* text = operand.if_string();
  if (name == "prefix" || name == "suffix") {
    if (!text) return wrong(std::string(name) + " needs a text");
    std::string part(model::view(*text));
    if (name == "prefix") return Policy::Condition(Policy::Prefix{std::move(part)});
    return Policy::Condition(Policy::Suffix{std::move(part)});
  }
  if (name == "exists") {
    if (!operand.is_bool()) return wrong("exists needs true or false");
    return Policy::Condition(Policy::Exists{operand.get_bool()});
  }
  if (name == "anything-but") return anything_but(operand);
  if (name == "numeric") return numeric(operand);
  return wrong("unknown operator " + base::printable(name));
}

FilterPolicyParser::Parsed FilterPolicyParser::anything_but(const json::value& operand) {
  if (const auto* object = operand.if_object()) {
    const auto* prefix = object->size() == 1 ? model::string_member(*object, "prefix") : nullptr;
    if (!prefix) return wrong("anything-but takes no other operator than prefix with a text");
    return Policy::Condition(Policy::AnythingButPrefix{std::string(model::view(*prefix))});
  }
  Policy::AnythingBut but;
  const auto add = [&but](const json::value& value) {
    if (const auto* text = value.if_string()) {
      but.texts.emplace_back(model::view(*text));
      return true;
    }
    const auto number = number_of(value);
    if (number) but.numbers.push_back(*number);
    return number.has_value();
  };
  bool known = true;
  if (const auto* list = operand.if_array()) {
    if (list->empty()) return wrong("anything-but needs a value");
    known = std::ranges::all_of(*list, add);
    conditions_ += list->size() - 1;
  } else {
    known = add(operand);
  }
  if (!known) return wrong("anything-but needs texts or numbers");
  return Policy::Condition(std::move(but));
}

bool FilterPolicyParser::set_bound(Policy::Numeric& range, std::string_view sign, double number) const {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const bool included = sign.size() == 2;
  if ((sign == ">" || sign == ">=") && range.low == -kInfinity) {
    range.low = number;
    range.low_included = included;
    return true;
  }
  if ((sign == "<" || sign == "<=") && range.high == kInfinity) {
    range.high = number;
    range.high_included = included;
    return true;
  }
  return false;
}

FilterPolicyParser::Parsed FilterPolicyParser::numeric(const json::value& operand) const {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto* list = operand.if_array();
  if (!list || (list->size() != 2 && list->size() != 4))
    return wrong("numeric needs a list of one or two comparisons");
  Policy::Numeric range{-kInfinity, kInfinity, true, true};
  for (std::size_t at = 0; at < list->size(); at += 2) {
    const auto* sign = (*list)[at].if_string();
    const auto number = number_of((*list)[at + 1]);
    if (!sign || !number) return wrong("numeric needs a comparison and a number");
    if (*sign == "=" && list->size() == 2) return Policy::Condition(Policy::EqualsNumber{*number});
    if (!set_bound(range, model::view(*sign), *number))
      return wrong("numeric: unknown or doubled comparison " + base::printable(model::view(*sign)));
  }
  const bool one_number = range.low == range.high && range.low_included && range.high_included;
  if (range.low >= range.high && !one_number) return wrong("numeric: no number is between the bounds");
  return Policy::Condition(range);
}

bool FilterPolicy::text_matches(const Condition& condition, std::string_view text) {
  return std::visit(
      Overloaded{
          [text](const Equals& equals) { return text == equals.text; },
          [text](const Prefix& prefix) { return text.starts_with(prefix.text); },
          [text](const Suffix& suffix) { return text.ends_with(suffix.text); },
          [text](const AnythingBut& but) { return std::ranges::find(but.texts, text) == but.texts.end(); },
          [text](const AnythingButPrefix& prefix) { return !text.starts_with(prefix.text); },
          [](const auto&) { return false; }},
      condition);
}

bool FilterPolicy::number_matches(const Condition& condition, double number) {
  return std::visit(
      Overloaded{[number](const EqualsNumber& equals) { return number == equals.number; },
                 [number](const Numeric& range) {
                   return (range.low_included ? number >= range.low : number > range.low) &&
                          (range.high_included ? number <= range.high : number < range.high);
                 },
                 [number](const AnythingBut& but) {
                   return std::ranges::find(but.numbers, number) == but.numbers.end();
                 },
                 [](const AnythingButPrefix&) { return true; }, [](const auto&) { return false; }},
      condition);
}

bool FilterPolicy::rule_matches(const Rule& rule, const model::MessageBody& message) {
  const auto decide = [&rule](bool present, auto&& value_matches) {
    return std::ranges::any_of(rule.conditions, [&](const Condition& condition) {
      if (const auto* exists = std::get_if<Exists>(&condition)) return exists->wanted == present;
      return present && value_matches(condition);
    });
  };
  const auto text = [&decide](std::string_view value, bool present = true) {
    return decide(present, [value](const Condition& condition) { return text_matches(condition, value); });
  };
  const model::Target& target = message.target;
  switch (rule.source) {
    case Source::target_channel:
      return text(message.channel);
    case Source::message_type:
      return text(model::name(message.type));
    case Source::chat_id:
      return text(target.id, target.is_chat());
    case Source::target_class:
      return text(model::name(target.target_class));
    case Source::target_id:
      return text(target.id, target.target_class != model::TargetClass::all);
    case Source::event_type:
      return text(message.event_type);
    case Source::user_id:
      return text(message.sender.str());
    case Source::attribute:
      break;
  }
  const auto attribute = message.attributes.find(rule.name);
  if (attribute == message.attributes.end()) return text({}, false);
  if (const auto* value = std::get_if<std::string>(&attribute->second)) return text(*value);
  return decide(true, [&attribute](const Condition& condition) {
    if (const auto* number = std::get_if<double>(&attribute->second))
      return number_matches(condition, *number);
    return std::ranges::any_of(
        std::get<std::vector<std::string>>(attribute->second),
        [&condition](const std::string& each) { return text_matches(condition, each); });
  });
}

bool FilterPolicy::matches(const model::MessageBody& message) const {
  return std::ranges::all_of(rules_, [&](const Rule& rule) { return rule_matches(rule, message); });
}

}  // namespace carillon::bus
