#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "model/message.hpp"
#include "ports/message_bus.hpp"
#include "ports/permission_table.hpp"
#include "ports/queue_admin.hpp"

/// How values lie on disk (docs/storage-format.md): a CRC-32C over the rest, a version, then the fields.
/// Decoders take any bytes whatever: they read nothing beyond them, keep nothing larger than them, and answer
/// nothing for what no encoder wrote. Pure; any thread.
namespace carillon::embedded::record {

/// Exactly the number of bytes that append_message adds.
std::size_t message_size(const model::Message& message);
void append_message(std::string& out, const model::Message& message);
std::optional<model::Message> decode_message(std::string_view bytes);

/// What retention needs of a message record, without checking or decoding the rest.
std::optional<base::EpochMs> published_at(std::string_view message_record);

void append_dead_letter(std::string& out, const ports::QueuedMessage& letter);
std::optional<ports::QueuedMessage> decode_dead_letter(std::string_view bytes);

/// Role, time and giver; user and target stand in the key.
void append_permission(std::string& out, const ports::Permission& permission);
bool decode_permission(std::string_view bytes, ports::Permission& into);

struct Deduplication {
  ports::Receipt receipt;
  base::EpochMs expires_at = 0;
};
void append_deduplication(std::string& out, const ports::Receipt& receipt, base::EpochMs expires_at);
std::optional<Deduplication> decode_deduplication(std::string_view bytes);
std::optional<base::EpochMs> deduplication_expiry(std::string_view bytes);

/// Counters and cursors.
void append_number(std::string& out, std::uint64_t value);
std::optional<std::uint64_t> decode_number(std::string_view bytes);

/// Where the message table has a message.
struct MessagePlace {
  model::Target target;
  model::Position position = 0;
  base::EpochMs published_at = 0;
};
void append_place(std::string& out, const model::Message& message);
std::optional<MessagePlace> decode_place(std::string_view bytes);

}  // namespace carillon::embedded::record
