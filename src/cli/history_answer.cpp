#include "cli/history_answer.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "model/json.hpp"

namespace carillon::cli {
namespace {

/// Deeper than any message that the server takes (64 levels) and what is around it.
constexpr std::size_t kMaxDepth = 100;
/// Nothing stands before the messages, so that each can be passed on as it was written.
constexpr std::string_view kListStart = "{\"messages\":[";

std::string text_of(const boost::json::object& object, std::string_view name) {
  const auto* text = model::string_member(object, name);
  return text == nullptr ? std::string() : std::string(model::view(*text));
}

std::uint64_t number_of(const boost::json::value& value, std::string_view name) {
  const auto* object = value.if_object();
  const auto* number = object == nullptr ? nullptr : object->if_contains(name);
  boost::json::error_code error;
  const auto result = number == nullptr ? 0 : number->to_number<std::uint64_t>(error);
  return error ? 0 : result;
}

HistoryItem item_of(const boost::json::value& value, std::string json) {
  static const boost::json::object kNone;
  const auto& object = value.is_object() ? value.get_object() : kNone;
  HistoryItem item{.json = std::move(json)};
  item.message_id = text_of(object, "messageId");
  item.target_class = text_of(object, "targetClass");
  item.target_id = text_of(object, "targetId");
  item.published_at = static_cast<base::EpochMs>(number_of(value, "publishTimestamp"));
  item.number = number_of(value, "sequenceNumber");
  item.client_number = object.contains("sequenceSource");
  item.ephemeral = text_of(object, "messageType") == "ephemeral";
  item.time = shown_member(value, "timestamp");
  item.sender = shown_member(value, "userId");
  item.type = shown_member(value, "eventType");
  const auto* payload = object.if_contains("payload");
  item.content = payload == nullptr ? "-" : shown_member(*payload, "content");
  return item;
}

}  // namespace

boost::json::value parse_message_json(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::json::error_code error;
  boost::json::value value = boost::json::parse(text, error, {}, options);
  return error ? boost::json::value() : value;
}

std::optional<HistoryItem> item_of_frame(const boost::json::value& frame, std::string json) {
  const auto* object = frame.if_object();
  if (object == nullptr || text_of(*object, "type") != "message" || !object->contains("messageId"))
    return std::nullopt;
  return item_of(frame, std::move(json));
}

std::expected<HistoryAnswer, HistoryFailure> read_history(const ClientOptions& client,
                                                          const QueryParameters& parameters,
                                                          Console& console) {
  auto reply = console.send(client, {"GET", target_with("/messages", parameters), {}});
  if (!reply) return std::unexpected(HistoryFailure{{}, std::move(reply.error())});
  const boost::json::value value = parse_message_json(reply->body);
  if (reply->status != 200 || !value.is_object() || !reply->body.starts_with(kListStart))
    return std::unexpected(HistoryFailure{std::move(*reply), {}});
  const auto& list = entries_of(value, "messages");
  const auto texts = model::raw_elements(std::string_view(reply->body).substr(kListStart.size() - 1));
  HistoryAnswer answer;
  for (std::size_t i = 0; i < list.size() && i < texts.size(); ++i)
    answer.items.push_back(item_of(list[i], std::string(texts[i])));
  for (const auto& each : entries_of(value, "missing"))
    answer.missing.push_back({number_of(each, "sequenceNumber"), shown_member(each, "reason")});
  answer.next_token = text_of(value.get_object(), "nextToken");
  return answer;
}

int explain_history_failure(const ClientOptions& client, const HistoryFailure& failure, Console& console) {
  if (failure.reply.status == 0)
    explain_failure(client, failure.reason, console.err);
  else
    explain_refusal(client, failure.reply, console.err);
  return 1;
}

}  // namespace carillon::cli
