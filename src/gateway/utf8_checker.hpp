#pragma once

#include <cstdint>
#include <string_view>

namespace carillon::gateway {

/// Checks UTF-8 (RFC 3629) that arrives in pieces, and says so at the first byte that cannot be right.
class Utf8Checker {
 public:
  /// False once the text so far cannot be the beginning of valid UTF-8.
  bool feed(std::string_view piece);
  /// Whether the text may end here: no sequence is half there.
  bool complete() const { return missing_ == 0; }
  void reset() { *this = Utf8Checker(); }

 private:
  bool start_sequence(unsigned char lead);

  std::uint8_t missing_ = 0;                     ///< continuation bytes that the sequence still needs
  std::uint8_t lowest_ = 0x80, highest_ = 0xbf;  ///< what the next one may be
};

}  // namespace carillon::gateway
