#include "publisher/publication.hpp"

#include <algorithm>
#include <cmath>

#include "base/bytes.hpp"

namespace carillon::publisher {
namespace {

namespace json = boost::json;
namespace errors = model::errors;
using model::Error;
using model::fail;
using model::Result;
using model::Target;
using model::TargetClass;

constexpr std::size_t kMaxLabel = 128;
constexpr std::size_t kMaxAttributes = 10;
constexpr std::size_t kMaxAttributeText = 1024;
constexpr std::size_t kMaxAttributeList = 100;

std::unexpected<Error> invalid(std::string_view name, std::string_view allowed) {
  return fail(errors::kInvalidParameter, std::string(name) + " must be " + std::string(allowed));
}

constexpr std::string_view kLabelRule = "1 to 128 characters without control characters or commas, and not *";
constexpr std::string_view kIdRule = "1 to 256 characters without control characters or commas, and not *";

/// An optional id of at most 128 characters; empty when absent.
Result<std::string> label(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (!value || value->is_null()) return std::string();
  const json::string* text = value->if_string();
  if (!text || !base::valid_id(model::view(*text), kMaxLabel)) return invalid(name, kLabelRule);
  return std::string(model::view(*text));
}

Result<bool> flag(const json::object& object, std::string_view name, bool absent) {
  const json::value* value = object.if_contains(name);
  if (!value || value->is_null()) return absent;
  if (!value->is_bool()) return invalid(name, "true or false");
  return value->get_bool();
}

/// `name` at the top of the body, else in the payload (CONTRACT §7).
const json::object& holder(const json::object& body, const json::object& payload, std::string_view name) {
  return body.contains(name) || !payload.contains(name) ? body : payload;
}

Result<std::optional<model::SequenceNumber>> custom_sequence(const json::object& object) {
  const json::value* value = object.if_contains("customSequence");
  if (!value || value->is_null()) return std::nullopt;
  json::error_code error;
  const auto number = value->to_number<std::uint64_t>(error);
  if (error || !value->is_number() || number < 1 || number > model::kMaxSequenceNumber)
    return invalid("customSequence", "a whole number from 1 to 2^53-1");
  return number;
}

Result<std::vector<std::string>> texts(const json::array& array) {
  std::vector<std::string> list;
  if (array.size() > kMaxAttributeList) return invalid("attributes", "lists of at most 100 texts");
  for (const json::value& each : array) {
    const json::string* text = each.if_string();
    if (!text || text->size() > kMaxAttributeText)
      return invalid("attributes", "texts, numbers or lists of texts");
    list.emplace_back(model::view(*text));
  }
  return list;
}

Result<model::Attributes> attributes(const json::object& body) {
  model::Attributes result;
  const json::value* value = body.if_contains("attributes");
  if (!value || value->is_null()) return result;
  const json::object* object = value->if_object();
  if (!object || object->size() > kMaxAttributes)
    return invalid("attributes", "an object with at most 10 names");
  for (const auto& each : *object) {
    const std::string name(each.key());
    if (!base::valid_id(name, kMaxLabel)) return invalid("attributes", "named with 1 to 128 characters");
    if (const auto* text = each.value().if_string(); text && text->size() <= kMaxAttributeText) {
      result.emplace(name, std::string(model::view(*text)));
    } else if (each.value().is_number()) {
      result.emplace(name, each.value().to_number<double>());
    } else if (const auto* array = each.value().if_array()) {
      auto list = texts(*array);
      if (!list) return std::unexpected(list.error());
      result.emplace(name, std::move(*list));
    } else {
      return invalid("attributes", "texts of at most 1024 bytes, numbers or lists of texts");
    }
  }
  return result;
}

/// A string member of the payload that names something, or nothing when absent.
Result<std::optional<std::string>> target_id(const json::object& payload, std::string_view name) {
  const json::value* value = payload.if_contains(name);
  if (!value || value->is_null()) return std::nullopt;
  const json::string* text = value->if_string();
  if (!text || !base::valid_id(model::view(*text))) return invalid(name, kIdRule);
  return std::string(model::view(*text));
}

Result<Target> target_of(const json::object& payload) {
  std::optional<TargetClass> target_class;
  if (const json::value* value = payload.if_contains("targetClass"); value && !value->is_null()) {
    if (value->is_string()) target_class = model::parse_target_class(model::view(value->get_string()));
    if (!target_class) return fail(errors::kInvalidTargetClass);
  }
  auto chat = target_id(payload, "chatId");
  if (!chat) return std::unexpected(chat.error());
  auto id = target_id(payload, "targetId");
  if (!id) return std::unexpected(id.error());
  if (target_class == TargetClass::all) {
    if (*chat || *id) return invalid("targetId", "absent beside targetClass all");
    return Target::all();
  }
  if (*chat) {
    const bool same_class = !target_class || target_class == TargetClass::chat;
    if (!same_class || (*id && **id != **chat))
      return invalid("chatId", "what targetClass and targetId name");
    return Target::chat(std::move(**chat));
  }
  if (!target_class || !*id) return fail(errors::kMissingTarget);
  return Target{*target_class, std::move(**id)};
}

std::string known_channels(const Channels& channels) {
  std::string members = ",\"channels\":[";
  base::append_json_string(members, model::kWebSocketChannel);
  for (const auto& each : channels.configured) {
    members += ',';
    base::append_json_string(members, each.name);
  }
  return members + "]";
}

Result<void> check_channel(const std::string& name, const Origin& origin, const Channels& channels) {
  if (name == model::kWebSocketChannel) return {};
  const auto found = std::ranges::find(channels.configured, name, &Channels::Channel::name);
  if (found == channels.configured.end())
    return std::unexpected(Error(errors::kUnknownChannel).with_members(known_channels(channels)));
  if (found->backend_only && !origin.identity->is_backend()) return fail(errors::kChannelClosed);
  return {};
}

/// As given, else the chat, else for backends the target and for people the sender (CONTRACT §7).
std::string default_group(const ports::Publication& publication) {
  if (publication.target.is_chat()) return publication.target.id;
  return publication.connection.empty() ? publication.target.str() : publication.sender.str();
}

Result<void> read_options(const json::object& body, const json::object& payload, ports::Publication& out) {
  auto group = label(body, "messageGroupId");
  if (!group) return std::unexpected(group.error());
  auto deduplication = label(body, "messageDeduplicationId");
  if (!deduplication) return std::unexpected(deduplication.error());
  auto correlation = label(body, "correlationId");
  if (!correlation) return std::unexpected(correlation.error());
  const auto exclude = flag(body, "excludeSender", false);
  if (!exclude) return std::unexpected(exclude.error());
  const auto generate = flag(holder(body, payload, "generateSequence"), "generateSequence", true);
  if (!generate) return std::unexpected(generate.error());
  const auto custom = custom_sequence(holder(body, payload, "customSequence"));
  if (!custom) return std::unexpected(custom.error());
  auto own = attributes(body);
  if (!own) return std::unexpected(own.error());

  out.correlation_id = std::move(*correlation);
  out.exclude_sender = *exclude;
  out.generate_sequence = *generate;
  out.attributes = std::move(*own);
  if (!deduplication->empty()) out.deduplication_id = std::move(*deduplication);
  if (out.type == model::MessageType::fifo) {
    out.custom_sequence = *custom;
    out.group_id = group->empty() ? default_group(out) : std::move(*group);
  }
  return {};
}

}  // namespace

Result<ports::Publication> make_publication(const model::JsonDocument& document, const Origin& origin,
                                            const Channels& channels) {
  const json::object& body = document.object();
  const json::string* channel = model::string_member(body, "targetChannel");
  const json::value* payload_value = body.if_contains("payload");
  const json::object* payload = payload_value ? payload_value->if_object() : nullptr;
  if (!channel || channel->empty() || !payload) return fail(errors::kMissingParameters);

  ports::Publication out;
  if (const json::value* type = body.if_contains("messageType"); type && !type->is_null()) {
    const auto parsed =
        type->is_string() ? model::parse_message_type(model::view(type->get_string())) : std::nullopt;
    if (!parsed) return fail(errors::kInvalidMessageType);
    out.type = *parsed;
  }
  auto target = target_of(*payload);
  if (!target) return std::unexpected(target.error());
  const json::string* event_type = model::string_member(*payload, "eventType");
  if (!event_type || event_type->empty() || !payload->contains("content"))
    return fail(errors::kMissingContent);
  if (!base::valid_id(model::view(*event_type), kMaxLabel)) return invalid("payload.eventType", kLabelRule);

  out.channel = std::string(model::view(*channel));
  if (auto allowed = check_channel(out.channel, origin, channels); !allowed)
    return std::unexpected(allowed.error());
  out.target = std::move(*target);
  out.event_type = std::string(model::view(*event_type));
  out.payload = std::string(document.raw("payload"));
  out.identity = origin.identity;
  out.sender = origin.identity->user;
  out.connection = origin.connection;
  out.deduplication_id = origin.idempotency_key;
  if (auto options = read_options(body, *payload, out); !options) return std::unexpected(options.error());
  return out;
}

Error answer_to(const Error& error, const base::ErrorEntry& failed) {
  return error.status() == 500 ? Error(failed, std::string(error.code())) : error;
}

std::string receipt_members(const Echo& echo, const ports::Receipt& receipt) {
  std::string out = "\"messageId\":\"";
  out.reserve(280 + echo.group_id.size());
  receipt.id.append_to(out);
  out += "\",\"messageType\":\"";
  out += name(echo.type);
  out += "\",\"targetChannel\":";
  base::append_json_string(out, echo.channel);
  if (!echo.group_id.empty()) {
    out += ",\"messageGroupId\":";
    base::append_json_string(out, echo.group_id);
  }
  out += ",\"timestamp\":\"";
  base::append_iso8601(out, receipt.published_at);
  out += '"';
  if (receipt.sequence) out += ",\"sequenceNumber\":" + std::to_string(*receipt.sequence);
  if (receipt.deduplicated) out += ",\"deduplicated\":true";
  return out;
}

}  // namespace carillon::publisher
