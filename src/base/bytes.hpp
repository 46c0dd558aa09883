#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::base {

/// Bytes that many connections send and nobody changes.
using SharedBytes = std::shared_ptr<const std::string>;

void append_big_endian(std::string& out, std::uint64_t value);
void append_big_endian32(std::string& out, std::uint32_t value);
/// Reads eight (four) bytes; the caller has checked that they are there.
std::uint64_t read_big_endian(const char* at);
std::uint32_t read_big_endian32(const char* at);

std::string hex_encode(std::string_view bytes);
std::optional<std::string> hex_decode(std::string_view text);

std::string base64_encode(std::string_view bytes);
/// RFC 4648 §5 without padding, as JWTs use it. Decoding refuses padding, foreign characters and stray bits.
std::string base64url_encode(std::string_view bytes);
std::optional<std::string> base64url_decode(std::string_view text);

/// RFC 3629: no surrogates, no overlong forms, nothing over U+10FFFF.
bool valid_utf8(std::string_view text);

/// Same bytes, in time that depends on the lengths only.
bool equal_constant_time(std::string_view a, std::string_view b);

std::string sha256(std::string_view bytes);
std::string hmac_sha256(std::string_view key, std::string_view bytes);

/// Adds `text` as a JSON string, quotes included. `text` must be valid UTF-8.
void append_json_string(std::string& out, std::string_view text);
std::string json_string(std::string_view text);

/// `text` with control and bidirectional characters written as `\u{…}`, for terminals.
std::string printable(std::string_view text);

/// `%41` and, when `plus_is_space`, `+`. Nothing on a broken escape.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);
/// Everything but RFC 3986's unreserved characters as `%XX`.
std::string percent_encode(std::string_view text);

}  // namespace carillon::base
