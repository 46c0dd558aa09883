#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "embedded/keys.hpp"
#include "model/message.hpp"
#include "ports/series_table.hpp"

/// Keys of the message table, its sequence index and others, taken apart: any bytes whatever.
namespace carillon::embedded {

inline std::string message_key(const model::Target& target, model::Position position) {
  std::string key;
  keys::target(key, target.target_class, target.id);
  base::append_big_endian(key, position);
  return key;
}

/// What a key of the message table says; nothing for one that no program wrote.
struct MessageKey {
  model::Target target;
  model::Position position = 0;
};

inline bool known_class(char byte) {
  return byte >= static_cast<char>(model::TargetClass::user) &&
         byte <= static_cast<char>(model::TargetClass::all);
}

inline std::optional<MessageKey> parse_message_key(std::string_view key) {
  if (key.empty() || !known_class(key[0])) return std::nullopt;
  const auto target_class = static_cast<model::TargetClass>(key[0]);
  key.remove_prefix(1);
  const auto id = keys::take_id(key);
  const auto position = keys::last_number(key);
  if (!id || !position) return std::nullopt;
  return MessageKey{model::Target{target_class, std::string(*id)}, *position};
}

/// What a key of permissions_by_target says.
struct TargetPermissionKey {
  model::Target target;
  std::optional<std::string_view> user;  ///< nothing: it is the number of the target's owners
};

inline std::optional<TargetPermissionKey> parse_target_permission_key(std::string_view key) {
  if (key.empty() || !known_class(key[0])) return std::nullopt;
  const auto target_class = static_cast<model::TargetClass>(key[0]);
  key.remove_prefix(1);
  const auto id = keys::take_id(key);
  if (!id) return std::nullopt;
  TargetPermissionKey parsed{model::Target{target_class, std::string(*id)}, std::nullopt};
  if (key.empty()) return parsed;
  parsed.user = keys::take_id(key);
  if (!parsed.user || parsed.user->empty() || !key.empty()) return std::nullopt;
  return parsed;
}

/// What a key of the sequence index says.
struct IndexKey {
  std::string_view chat;
  char source = 0;
  model::SequenceNumber number = 0;
  model::Position position = 0;
};

inline std::optional<IndexKey> parse_index_key(std::string_view key) {
  const auto chat = keys::take_id(key);
  if (!chat || key.size() != 17 || (key[0] != keys::kServerNumber && key[0] != keys::kClientNumber))
    return std::nullopt;
  return IndexKey{*chat, key[0], base::read_big_endian(&key[1]), base::read_big_endian(&key[9])};
}

/// What a key of the family `series` says.
struct SeriesKey {
  ports::Resolution resolution = ports::Resolution::ten_seconds;
  std::string_view metric;
  base::EpochMs start = 0;
};

inline std::optional<SeriesKey> parse_series_key(std::string_view key) {
  if (key.empty() || (key[0] != static_cast<char>(ports::Resolution::ten_seconds) &&
                      key[0] != static_cast<char>(ports::Resolution::five_minutes)))
    return std::nullopt;
  const auto resolution = static_cast<ports::Resolution>(key[0]);
  key.remove_prefix(1);
  const auto metric = keys::take_id(key);
  const auto start = keys::last_number(key);
  if (!metric || metric->empty() || !start) return std::nullopt;
  const auto begins = static_cast<base::EpochMs>(*start);
  if (begins < 0 || begins % ports::length_of(resolution).count() != 0) return std::nullopt;
  return SeriesKey{resolution, *metric, begins};
}

}  // namespace carillon::embedded
