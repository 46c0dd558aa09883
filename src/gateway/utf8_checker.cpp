#include "gateway/utf8_checker.hpp"

#include <cstring>

namespace carillon::gateway {

bool Utf8Checker::feed(std::string_view piece) {
  const char* at = piece.data();
  const char* const end = at + piece.size();
  while (at != end) {
    if (missing_ == 0) {
      // Most text is ASCII: eight bytes at a time.
      while (end - at >= 8) {
        std::uint64_t word;
        std::memcpy(&word, at, sizeof(word));
        if ((word & 0x8080808080808080u) != 0) break;
        at += 8;
      }
      if (at == end) break;
    }
    const auto byte = static_cast<unsigned char>(*at++);
    if (missing_ == 0) {
      if (byte >= 0x80 && !start_sequence(byte)) return false;
      continue;
    }
    if (byte < lowest_ || byte > highest_) return false;
    lowest_ = 0x80;
    highest_ = 0xbf;
    --missing_;
  }
  return true;
}

// RFC 3629 §4: the second byte's range rules out overlong forms, surrogates and what lies over U+10FFFF.
bool Utf8Checker::start_sequence(unsigned char lead) {
  lowest_ = 0x80;
  highest_ = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    missing_ = 1;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    missing_ = 2;
    if (lead == 0xe0) lowest_ = 0xa0;
    if (lead == 0xed) highest_ = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    missing_ = 3;
    if (lead == 0xf0) lowest_ = 0x90;
    if (lead == 0xf4) highest_ = 0x8f;
  } else {
    return false;
  }
  return true;
}

}  // namespace carillon::gateway
