#include "gateway/frame_parser.hpp"

#include <algorithm>
#include <cstring>

#include "base/bytes.hpp"
#include "gateway/close_code.hpp"

namespace carillon::gateway {
namespace {

constexpr std::size_t kMaxControlBytes = 125;
constexpr std::size_t kMinBuffer = 512;

bool is_control(model::Opcode opcode) {
  return static_cast<unsigned>(opcode) >= 8;
}

}  // namespace

void apply_mask(std::span<char> bytes, const std::array<char, 4>& mask, std::size_t offset) {
  std::array<char, 8> turned;
  for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = mask[(offset + i) % 4];
  std::uint64_t word_mask;
  std::memcpy(&word_mask, turned.data(), sizeof(word_mask));
  char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof(word));
    word ^= word_mask;
    std::memcpy(at, &word, sizeof(word));
  }
  for (std::size_t i = 0; i < left; ++i) at[i] = static_cast<char>(at[i] ^ turned[i]);
}

FrameEvent FrameParser::next(std::span<char>& input) {
  release();
  FrameEvent event;
  for (;;) {
    if (!in_frame_ && !read_header(input, event)) return event;
    if (is_control(opcode_)) {
      if (read_control(input, event)) return event;
      return {};
    }
    const bool whole = final_ && message_.empty() && remaining_ <= input.size() && mask_at_ == 0 &&
                       opcode_ != Opcode::continuation;
    if (whole) return whole_message(input);
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size()));
    const std::span<char> piece = input.first(size);
    input = input.subspan(size);
    unmask(piece);
    remaining_ -= size;
    if (!add_piece(piece, event)) return event;
    if (remaining_ > 0) return {};
    in_frame_ = false;
    if (final_) return end_of_message();
  }
}

void FrameParser::release() {
  if (!delivered_) return;
  delivered_ = false;
  std::string().swap(control_);
  if (message_opcode_ == Opcode::continuation) drop_message();
}

void FrameParser::drop_message() {
  std::string().swap(message_);
  if (charged_ > 0 && rules_->budget) rules_->budget->give(charged_);
  charged_ = 0;
}

FrameEvent FrameParser::violation(std::uint16_t code, std::string_view why) {
  drop_message();
  return {.kind = FrameEvent::Kind::violation, .code = code, .payload = {}, .why = why};
}

/// Whether the whole header is there and right; otherwise `out` says what to return.
bool FrameParser::read_header(std::span<char>& input, FrameEvent& out) {
  std::size_t length_bytes = 0;
  for (;;) {
    std::size_t needed = 2;
    if (header_size_ >= 2) {
      const unsigned short_length = static_cast<unsigned char>(header_[1]) & 0x7f;
      length_bytes = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
      needed = 2 + length_bytes;
      if (header_size_ >= needed) needed += mask_.size();
    }
    const std::size_t size = std::min(needed - header_size_, input.size());
    std::memcpy(header_.data() + header_size_, input.data(), size);
    header_size_ = static_cast<std::uint8_t>(header_size_ + size);
    input = input.subspan(size);
    if (header_size_ < needed) return false;
    // The first two bytes and the length are judged as soon as they are there.
    if (needed == 2) {
      if (!check_first_bytes(out)) return false;
      if ((static_cast<unsigned char>(header_[1]) & 0x7f) < 126 && !read_length(0, out)) return false;
    } else if (needed == 2 + length_bytes) {
      if (!read_length(length_bytes, out)) return false;
    } else {
      break;
    }
  }
  std::memcpy(mask_.data(), header_.data() + 2 + length_bytes, mask_.size());
  header_size_ = 0;
  mask_at_ = 0;
  in_frame_ = true;
  if (!is_control(opcode_) && opcode_ != Opcode::continuation) {
    message_opcode_ = opcode_;
    message_compressed_ = (static_cast<unsigned char>(header_[0]) & 0x40) != 0;
    utf8_.reset();
  }
  return true;
}

bool FrameParser::check_first_bytes(FrameEvent& out) {
  const auto first = static_cast<unsigned char>(header_[0]);
  const auto second = static_cast<unsigned char>(header_[1]);
  const auto refuse = [&](std::uint16_t code, std::string_view why) {
    out = violation(code, why);
    return false;
  };
  const bool final = (first & 0x80) != 0;
  const auto opcode = static_cast<Opcode>(first & 0x0f);
  const bool data = opcode == Opcode::text || opcode == Opcode::binary;
  if ((first & 0x30) != 0) return refuse(close_code::kProtocolError, "reserved bit set");
  if ((first & 0x40) != 0 && !(compression_ && data))
    return refuse(close_code::kProtocolError, "reserved bit set");
  const unsigned number = first & 0x0f;
  if ((number > 2 && number < 8) || number > 10) return refuse(close_code::kProtocolError, "reserved opcode");
  if ((second & 0x80) == 0) return refuse(close_code::kProtocolError, "frame is not masked");
  if (is_control(opcode)) {
    if (!final) return refuse(close_code::kProtocolError, "fragmented control frame");
    if ((second & 0x7f) > kMaxControlBytes)
      return refuse(close_code::kProtocolError, "control frame too long");
  } else if (data && message_opcode_ != Opcode::continuation) {
    return refuse(close_code::kProtocolError, "continuation expected");
  } else if (opcode == Opcode::continuation && message_opcode_ == Opcode::continuation) {
    return refuse(close_code::kProtocolError, "nothing to continue");
  }
  if (opcode == Opcode::binary && !rules_->binary)
    return refuse(close_code::kUnsupportedData, "binary messages are not accepted");
  opcode_ = opcode;
  final_ = final;
  return true;
}

bool FrameParser::read_length(std::size_t length_bytes, FrameEvent& out) {
  const unsigned short_length = static_cast<unsigned char>(header_[1]) & 0x7f;
  std::uint64_t length = length_bytes == 0 ? short_length : 0;
  for (std::size_t i = 0; i < length_bytes; ++i)
    length = length << 8 | static_cast<unsigned char>(header_[2 + i]);
  remaining_ = length;
  const bool longer_than_needed =
      (short_length == 126 && length < 126) || (short_length == 127 && length < 65536);
  if (longer_than_needed || (length >> 63) != 0) {
    out = violation(close_code::kProtocolError, "bad length");
    return false;
  }
  if (is_control(opcode_)) return true;
  if (length > rules_->max_message_bytes || message_.size() > rules_->max_message_bytes - length) {
    out = violation(close_code::kMessageTooBig, "message too large");
    return false;
  }
  return true;
}

/// The usual case: a message of one frame, all of it in the input.
FrameEvent FrameParser::whole_message(std::span<char>& input) {
  const auto size = static_cast<std::size_t>(remaining_);
  const std::span<char> payload = input.first(size);
  input = input.subspan(size);
  apply_mask(payload, mask_, 0);
  in_frame_ = false;
  remaining_ = 0;
  message_opcode_ = Opcode::continuation;
  const std::string_view text(payload.data(), payload.size());
  const bool is_text = opcode_ == Opcode::text;
  if (is_text && !message_compressed_ && !base::valid_utf8(text))
    return violation(close_code::kInvalidPayload, "invalid UTF-8");
  return {.kind = is_text ? FrameEvent::Kind::text : FrameEvent::Kind::binary,
          .compressed = message_compressed_,
          .payload = text,
          .why = {}};
}

bool FrameParser::add_piece(std::span<char> piece, FrameEvent& out) {
  const std::string_view text(piece.data(), piece.size());
  if (message_opcode_ == Opcode::text && !message_compressed_ && !utf8_.feed(text)) {
    out = violation(close_code::kInvalidPayload, "invalid UTF-8");
    return false;
  }
  const std::size_t needed = message_.size() + piece.size();
  if (needed > message_.capacity() || (charged_ == 0 && needed > 0)) {
    const std::size_t room = std::max({needed, std::min(2 * needed, rules_->max_message_bytes), kMinBuffer});
    if (rules_->budget) {
      if (!rules_->budget->take(room - charged_)) {
        out = violation(close_code::kTryAgainLater, "too many unfinished messages");
        return false;
      }
      charged_ = room;
    }
    message_.reserve(room);
  }
  message_ += text;
  return true;
}

FrameEvent FrameParser::end_of_message() {
  const bool is_text = message_opcode_ == Opcode::text;
  if (is_text && !message_compressed_ && !utf8_.complete())
    return violation(close_code::kInvalidPayload, "invalid UTF-8");
  message_opcode_ = Opcode::continuation;
  delivered_ = true;
  return {.kind = is_text ? FrameEvent::Kind::text : FrameEvent::Kind::binary,
          .compressed = message_compressed_,
          .payload = message_,
          .why = {}};
}

/// Whether the control frame is whole; then `out` is its event.
bool FrameParser::read_control(std::span<char>& input, FrameEvent& out) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size()));
  const std::span<char> piece = input.first(size);
  input = input.subspan(size);
  unmask(piece);
  remaining_ -= size;
  std::string_view payload(piece.data(), piece.size());
  if (remaining_ > 0 || !control_.empty()) {
    control_ += payload;
    if (remaining_ > 0) return false;
    payload = control_;
    delivered_ = true;
  }
  in_frame_ = false;
  if (opcode_ == Opcode::close) {
    out = closing(payload);
  } else {
    out = {.kind = opcode_ == Opcode::ping ? FrameEvent::Kind::ping : FrameEvent::Kind::pong,
           .payload = payload,
           .why = {}};
  }
  return true;
}

FrameEvent FrameParser::closing(std::string_view payload) {
  if (payload.empty())
    return {.kind = FrameEvent::Kind::close, .code = close_code::kNoStatus, .payload = {}, .why = {}};
  if (payload.size() == 1) return violation(close_code::kProtocolError, "close frame of one byte");
  const auto code = static_cast<std::uint16_t>(static_cast<unsigned char>(payload[0]) << 8 |
                                               static_cast<unsigned char>(payload[1]));
  if (!close_code::sendable(code)) return violation(close_code::kProtocolError, "invalid close code");
  payload.remove_prefix(2);
  if (!base::valid_utf8(payload)) return violation(close_code::kInvalidPayload, "invalid UTF-8");
  return {.kind = FrameEvent::Kind::close, .code = code, .payload = payload, .why = {}};
}

void FrameParser::unmask(std::span<char> bytes) {
  apply_mask(bytes, mask_, mask_at_);
  mask_at_ = static_cast<std::uint8_t>((mask_at_ + bytes.size()) % 4);
}

}  // namespace carillon::gateway
