#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "embedded/crc32c.hpp"

/// Puts records together, field by field: the other half of RecordReader.
namespace carillon::embedded::record {

inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::size_t kHeaderBytes = 5;  ///< checksum and version

inline std::size_t varint_size(std::uint64_t value) {
  return (std::bit_width(value | 1) + 6) / 7;
}
inline std::size_t text_size(std::string_view text) {
  return varint_size(text.size()) + text.size();
}

inline void varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}
inline void text(std::string& out, std::string_view value) {
  varint(out, value.size());
  out += value;
}

/// Leaves room for the checksum; seal() fills it in. Gives where the record begins.
inline std::size_t open_record(std::string& out) {
  const std::size_t start = out.size();
  out.append(4, '\0');
  out += static_cast<char>(kVersion);
  return start;
}
inline void seal(std::string& out, std::size_t start) {
  const std::uint32_t crc = crc32c(std::string_view(out).substr(start + 4));
  for (int i = 0; i < 4; ++i) out[start + i] = static_cast<char>(crc >> (24 - 8 * i));
}

}  // namespace carillon::embedded::record
