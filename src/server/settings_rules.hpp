#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/settings_keys.hpp"

/// What values a key takes, and how a value is written.
namespace carillon::server {

bool valid_origin(std::string_view text);
/// An address, or a block such as `10.0.0.0/8`.
bool valid_network(std::string_view text);
/// http:// or https://, with a host, without a fragment, at most 2048 bytes.
bool valid_url(std::string_view text);
/// https://, or http:// to loopback.
bool valid_secure_url(std::string_view text);
/// Names of channels and alarms.
bool valid_setting_name(std::string_view text);
bool valid_stage(std::string_view text);
bool valid_algorithm(std::string_view text);
bool valid_scope(std::string_view text);
bool valid_access_key_id(std::string_view text);
/// What outbound::webhook_key() can make a key of.
bool valid_webhook_secret(std::string_view text);

/// What `key` takes, to stand after "must be".
std::string allowed_text(const SettingKey& key);
/// Whether `key` takes `value`; a value of another type is not taken.
bool takes(const SettingKey& key, const SettingValue& value);
/// Reads a value as the environment and flags write it; nothing when it cannot be one of the key's type.
std::optional<SettingValue> parse_value(const SettingKey& key, std::string_view text);

/// `text` as a TOML basic string that is safe on a terminal.
std::string toml_string(std::string_view text);
/// `value` as TOML on one line.
std::string toml_value(const SettingKey& key, const SettingValue& value);
/// A filter policy's JSON text as a TOML inline table.
std::string toml_inline_table(std::string_view json);
/// The key's value with secrets replaced by kRedacted.
SettingValue redacted(const SettingKey& key, const SettingValue& value);
/// Whether redaction has left its mark in the value.
bool holds_redaction(const SettingKey& key, const SettingValue& value);
/// How an error shows a value: TOML, at most 100 characters, secrets as their length.
std::string shown_value(const SettingKey& key, const SettingValue& value);
/// Cuts what is longer than an error should show; never inside a character.
std::string shortened(std::string text);

}  // namespace carillon::server
