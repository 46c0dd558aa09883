#include "cli/bench/marker.hpp"

#include <bit>
#include <cstring>

namespace carillon::cli::bench {
namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101ull;

void append_hex(std::string& out, std::uint64_t value, int digits) {
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += "0123456789abcdef"[(value >> shift) & 15];
}

/// Eight lower-case hex digits at once. Whoever wrote the prefix wrote the digits.
std::uint32_t read_hex8(const char* at) {
  std::uint64_t text;
  std::memcpy(&text, at, sizeof text);
  std::uint64_t nibbles = (text & kOnes * 15) + 9 * ((text >> 6) & kOnes);
  nibbles = std::byteswap(nibbles);
  nibbles = (nibbles | nibbles >> 4) & 0x00ff00ff00ff00ffull;
  nibbles = (nibbles | nibbles >> 8) & 0x0000ffff0000ffffull;
  return static_cast<std::uint32_t>(nibbles | nibbles >> 16);
}

std::uint64_t read_length(const unsigned char* at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | at[i];
  return value;
}

}  // namespace

MarkerCodec::MarkerCodec(std::uint32_t run) : prefix_("~cb") {
  append_hex(prefix_, run, 8);
}

void MarkerCodec::append_content(std::string& out, Marker marker, std::size_t size) const {
  out += prefix_;
  append_hex(out, marker.index, 8);
  append_hex(out, marker.sent_ns, 16);
  out.append(size - Marker::kBytes, 'x');
}

void MarkerCodec::find(std::string_view bytes, std::vector<Marker>& out) const {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (static_cast<std::size_t>(end - at) >= Marker::kBytes) {
    at = static_cast<const char*>(
        std::memchr(at, '~', static_cast<std::size_t>(end - at) - Marker::kBytes + 1));
    if (at == nullptr) return;
    if (std::memcmp(at, prefix_.data(), prefix_.size()) != 0) {
      ++at;
      continue;
    }
    at += prefix_.size();
    out.push_back(
        {.index = read_hex8(at), .sent_ns = std::uint64_t{read_hex8(at + 8)} << 32 | read_hex8(at + 16)});
    at += Marker::kBytes - prefix_.size();
  }
}

FrameResult read_frame(std::string_view bytes) {
  if (bytes.size() < 2) return {};
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t header = 2;
  std::uint64_t length = at[1] & 127;
  if ((at[1] & 128) != 0) return {.error = FrameError::broken};
  if (length >= 126) {
    header = length == 126 ? 4 : 10;
    if (bytes.size() < header) return {};
    length = read_length(at + 2, header - 2);
  }
  if (length > kMaxFrameBytes) return {.error = FrameError::broken};
  const std::size_t size = header + static_cast<std::size_t>(length);
  FrameKind kind;
  switch (at[0] & 15) {
    case 0:
    case 1:
    case 2:
      kind = FrameKind::data;
      break;
    case 8:
      kind = FrameKind::close;
      break;
    case 9:
      kind = FrameKind::ping;
      break;
    case 10:
      kind = FrameKind::pong;
      break;
    default:
      return {.error = FrameError::broken};
  }
  if (bytes.size() < size) return {};
  return {.frame = ServerFrame{.kind = kind, .payload = bytes.substr(header, length), .size = size}};
}

void append_client_frame(std::string& out, std::uint8_t opcode, std::string_view payload) {
  constexpr char kMask[4] = {'\x35', '\x5a', '\x17', '\x6c'};
  out += static_cast<char>(0x80 | opcode);
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | payload.size());
  } else {
    out += static_cast<char>(0x80 | 126);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size());
  }
  out.append(kMask, 4);
  for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ kMask[i & 3]);
}

}  // namespace carillon::cli::bench
