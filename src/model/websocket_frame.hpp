#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::model {

/// RFC 6455 §5.2 opcodes.
enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// Adds the header of an unmasked, final frame, as servers send them. `compressed` sets RSV1 (RFC 7692).
void append_frame_header(std::string& out, Opcode opcode, std::size_t payload_size, bool compressed = false);

inline void append_frame(std::string& out, Opcode opcode, std::string_view payload) {
  append_frame_header(out, opcode, payload.size());
  out += payload;
}

}  // namespace carillon::model
