#include "base/ids.hpp"

#include <cstring>
#include <stdexcept>

#include <openssl/rand.h>

#include "base/bytes.hpp"

namespace carillon::base {

void random_bytes(std::uint8_t* out, std::size_t size) {
  struct Reserve {
    std::array<std::uint8_t, 1024> bytes;
    std::size_t used = sizeof(bytes);
  };
  thread_local Reserve reserve;
  while (size > 0) {
    if (reserve.used == reserve.bytes.size()) {
      if (RAND_bytes(reserve.bytes.data(), static_cast<int>(reserve.bytes.size())) != 1)
        throw std::runtime_error("the operating system gives no random bytes");
      reserve.used = 0;
    }
    const std::size_t part = std::min(size, reserve.bytes.size() - reserve.used);
    std::memcpy(out, reserve.bytes.data() + reserve.used, part);
    std::memset(reserve.bytes.data() + reserve.used, 0, part);
    reserve.used += part;
    out += part;
    size -= part;
  }
}

std::string random_token(std::size_t bytes) {
  std::string raw(bytes, '\0');
  random_bytes(reinterpret_cast<std::uint8_t*>(raw.data()), raw.size());
  return base64url_encode(raw);
}

MessageId MessageId::generate(EpochMs time) {
  Bytes bytes;
  random_bytes(bytes.data() + 6, 10);
  for (int i = 5; i >= 0; --i, time >>= 8) bytes[i] = static_cast<std::uint8_t>(time & 0xff);
  bytes[6] = static_cast<std::uint8_t>(0x70 | (bytes[6] & 0x0f));
  bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3f));
  return MessageId(bytes);
}

std::optional<MessageId> MessageId::parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::string hex;
  hex.reserve(32);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) return std::nullopt;
    if (!dash) hex += text[i];
  }
  const auto raw = hex_decode(hex);
  if (!raw) return std::nullopt;
  Bytes bytes;
  std::memcpy(bytes.data(), raw->data(), kBytes);
  return MessageId(bytes);
}

void MessageId::append_to(std::string& out) const {
  static constexpr char kHex[] = "0123456789abcdef";
  for (std::size_t i = 0; i < kBytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += kHex[bytes_[i] >> 4];
    out += kHex[bytes_[i] & 0x0f];
  }
}

std::string MessageId::str() const {
  std::string out;
  out.reserve(36);
  append_to(out);
  return out;
}

bool valid_id(std::string_view text, std::size_t max_code_points) {
  if (text.empty() || text == "*" || !valid_utf8(text)) return false;
  std::size_t code_points = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f || byte == ',') return false;
    // U+0080 to U+009F, the other control characters, are C2 80 to C2 9F.
    if (byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) return false;
    if ((byte & 0xc0) != 0x80 && ++code_points > max_code_points) return false;
  }
  return true;
}

}  // namespace carillon::base
