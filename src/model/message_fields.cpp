#include "model/message_fields.hpp"

namespace carillon::model {

MessageFields::MessageFields(const Message& message) : message_id_(message.id.str()) {
  fields_.reserve(12);
  fields_.emplace_back("messageId", message_id_);
  if (message.target.is_chat()) fields_.emplace_back("chatId", message.target.id);
  if (message.sequence) fields_.emplace_back("sequenceNumber", *message.sequence);
  if (!message.sender.empty()) fields_.emplace_back("userId", message.sender.str());
  if (!message.correlation_id.empty()) fields_.emplace_back("correlation_id", message.correlation_id);
  if (!message.trace) return;
  trace_id_ = base::trace_id_text(*message.trace);
  fields_.emplace_back("trace_id", trace_id_);
}

}  // namespace carillon::model
