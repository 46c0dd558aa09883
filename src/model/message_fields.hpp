#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "model/message.hpp"

namespace carillon::model {

/// The fields of a log line about one message (CONTRACT §13): messageId, chatId and sequenceNumber where it
/// has them, userId (its sender's), correlation_id, trace_id; then those that are added. Refers to the
/// message and to texts added, which must outlive it. One thread.
class MessageFields {
 public:
  explicit MessageFields(const Message& message);
  MessageFields(const MessageFields&) = delete;
  MessageFields& operator=(const MessageFields&) = delete;

  MessageFields& add(base::log::Field field) {
    fields_.push_back(field);
    return *this;
  }
  std::span<const base::log::Field> list() const { return fields_; }

 private:
  std::string message_id_;
  std::string trace_id_;
  std::vector<base::log::Field> fields_;
};

}  // namespace carillon::model
