#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "gateway/memory_budget.hpp"
#include "gateway/utf8_checker.hpp"
#include "model/websocket_frame.hpp"

namespace carillon::gateway {

/// What a connection's frames must keep to. Shared by the connections of a kind; outlives their parsers.
struct FrameRules {
  std::size_t max_message_bytes = 262144;  ///< of a whole message, as it travels; over it 1009
  bool binary = false;                     ///< binary messages are 1003 otherwise
  MemoryBudget* budget = nullptr;          ///< for messages that arrive in pieces; over it 1013
};

/// What came out of the bytes. Views are valid until the next call, or as long as the input when that is
/// shorter.
struct FrameEvent {
  enum class Kind : std::uint8_t { need_more, text, binary, ping, pong, close, violation };
  Kind kind = Kind::need_more;
  bool compressed = false;   ///< text or binary: the payload is still deflated, its UTF-8 not yet checked
  std::uint16_t code = 0;    ///< close: the peer's code, or 1005; violation: the code to close with
  std::string_view payload;  ///< of messages and controls; the reason of a close frame
  std::string_view why;      ///< violation: a constant text for the close frame and the log
};

/// Reads what a WebSocket client sends (RFC 6455 §5), in whatever pieces it arrives. Pure: no I/O, no clock.
/// A message whose frame arrives whole is unmasked in place and never copied. Not thread-safe.
class FrameParser {
 public:
  explicit FrameParser(const FrameRules& rules) : rules_(&rules) {}
  FrameParser(const FrameParser&) = delete;
  FrameParser& operator=(const FrameParser&) = delete;
  ~FrameParser() {
    release();
    drop_message();
  }

  /// Takes bytes off the front of `input`, which it unmasks in place, up to the next event. `need_more`
  /// takes all. After `close` or `violation` it is not called again.
  FrameEvent next(std::span<char>& input);
  /// permessage-deflate was negotiated: RSV1 may mark a message (RFC 7692 §6). Before the first byte.
  void allow_compression() { compression_ = true; }
  /// Frees what the last event's payload lay in.
  void release();
  /// Whether a message or frame is half there.
  bool in_message() const {
    return message_opcode_ != model::Opcode::continuation || in_frame_ || header_size_ > 0;
  }

 private:
  using Opcode = model::Opcode;
  FrameEvent violation(std::uint16_t code, std::string_view why);
  bool read_header(std::span<char>& input, FrameEvent& out);
  bool check_first_bytes(FrameEvent& out);
  bool read_length(std::size_t length_bytes, FrameEvent& out);
  FrameEvent whole_message(std::span<char>& input);
  bool add_piece(std::span<char> piece, FrameEvent& out);
  FrameEvent end_of_message();
  bool read_control(std::span<char>& input, FrameEvent& out);
  FrameEvent closing(std::string_view payload);
  void unmask(std::span<char> bytes);
  void drop_message();

  const FrameRules* rules_;
  std::string message_;            ///< what is there of a message that did not arrive in one whole frame
  std::string control_;            ///< the same of a control frame
  std::uint64_t remaining_ = 0;    ///< of the frame's payload
  std::size_t charged_ = 0;        ///< of the budget
  std::array<char, 14> header_{};  ///< what is there of a frame header
  std::array<char, 4> mask_{};
  std::uint8_t header_size_ = 0;
  std::uint8_t mask_at_ = 0;
  Opcode opcode_ = Opcode::continuation;
  Opcode message_opcode_ = Opcode::continuation;  ///< of the message under way; continuation: none is
  bool final_ = false;
  bool in_frame_ = false;
  bool compression_ = false;
  bool message_compressed_ = false;
  bool delivered_ = false;  ///< message_ (or control_) holds the last event's payload
  Utf8Checker utf8_;
};

/// XORs `bytes` with the mask, beginning at `offset` of it (RFC 6455 §5.3).
void apply_mask(std::span<char> bytes, const std::array<char, 4>& mask, std::size_t offset);

}  // namespace carillon::gateway
