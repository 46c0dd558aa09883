#include "cli/publish.hpp"

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "model/json.hpp"

namespace carillon::cli {
namespace {

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (out.back() != '{') out += ',';
  base::append_json_string(out, name);
  out += ':';
  base::append_json_string(out, value);
}

std::string payload(const PublishOptions& options) {
  std::string out = "{";
  append_member(out, "chatId", options.chat);
  const std::size_t colon = options.target.find(':');
  append_member(out, "targetClass", options.target.substr(0, colon));
  if (colon != std::string::npos) append_member(out, "targetId", options.target.substr(colon + 1));
  append_member(out, "eventType", options.event_type);
  out += ",\"content\":";
  out += options.json_content ? options.content : base::json_string(options.content);
  return out + '}';
}

bool is_json(const std::string& content) {
  // A document must be an object: so as a member of one, and the only one.
  const std::string text = "{\"content\":" + content + '}';
  const auto document = model::JsonDocument::parse(text);
  return document && document->object().size() == 1;
}

}  // namespace

std::string publish_body(const PublishOptions& options, const std::string& deduplication_id) {
  std::string out = "{";
  append_member(out, "action", "sendMessage");
  append_member(out, "targetChannel", options.channel);
  append_member(out, "messageType", options.type);
  append_member(out, "messageGroupId", options.group);
  append_member(out, "messageDeduplicationId",
                options.deduplication_id.empty() ? deduplication_id : options.deduplication_id);
  append_member(out, "correlationId", options.correlation_id);
  if (options.sequence) out += ",\"customSequence\":" + std::to_string(*options.sequence);
  if (options.no_sequence) out += ",\"generateSequence\":false";
  if (options.exclude_sender) out += ",\"excludeSender\":true";
  if (!options.attributes.empty()) {
    out += ",\"attributes\":{";
    for (const auto& [name, value] : options.attributes) {
      if (out.back() != '{') out += ',';
      out += base::json_string(name) + ':' + base::json_string(value);
    }
    out += '}';
  }
  return out + ",\"payload\":" + payload(options) + '}';
}

int publish(const PublishOptions& options, Console& console) {
  if (!base::valid_utf8(options.content)) {
    console.err << "carillon publish: --content is not UTF-8\n";
    return 2;
  }
  if (options.json_content && !is_json(options.content)) {
    console.err << "carillon publish: --content is not valid JSON (leave --json-content out for a text)\n";
    return 2;
  }
  // An ephemeral message is never deduplicated.
  const std::string fresh =
      options.type == "ephemeral" ? "" : base::MessageId::generate(base::now_ms()).str();
  return run_call(options.client, {"POST", "/publish", publish_body(options, fresh)}, console,
                  [&](const boost::json::value& answer) {
                    console.out << shown_member(answer, "message") << " messageId "
                                << shown_member(answer, "messageId");
                    if (const std::string number = shown_member(answer, "sequenceNumber"); number != "-")
                      console.out << ", sequenceNumber " << number;
                    if (shown_member(answer, "deduplicated") == "true")
                      console.out << ", already published before";
                    console.out << '\n';
                  });
}

}  // namespace carillon::cli
