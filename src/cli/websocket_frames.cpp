#include "cli/websocket_frames.hpp"

#include "base/bytes.hpp"

namespace carillon::cli {

using model::Opcode;

struct ServerFrames::Header {
  bool complete = false;  ///< the header itself is there
  bool final = false;
  std::uint8_t reserved = 0;
  std::uint8_t opcode = 0;
  bool masked = false;
  std::size_t size = 0;
  std::uint64_t payload = 0;

  bool control() const { return opcode >= 8; }
};

std::string client_frame(Opcode opcode, std::string_view payload, const std::array<std::uint8_t, 4>& mask) {
  std::string frame;
  model::append_frame_header(frame, opcode, payload.size());
  frame[1] = static_cast<char>(frame[1] | 0x80);
  frame.append(reinterpret_cast<const char*>(mask.data()), mask.size());
  for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ mask[i % 4]);
  return frame;
}

std::expected<ServerFrames::Header, std::string> ServerFrames::header(std::string_view bytes) const {
  Header header;
  if (bytes.size() < 2) return header;
  const auto first = static_cast<std::uint8_t>(bytes[0]);
  const auto second = static_cast<std::uint8_t>(bytes[1]);
  header.final = (first & 0x80) != 0;
  header.reserved = first & 0x70;
  header.opcode = first & 0x0f;
  header.masked = (second & 0x80) != 0;
  header.payload = second & 0x7f;
  header.size = header.payload == 127 ? 10 : header.payload == 126 ? 4 : 2;
  if (bytes.size() < header.size) return header;
  if (header.size == 4)
    header.payload = static_cast<std::uint64_t>(static_cast<std::uint8_t>(bytes[2])) << 8 |
                     static_cast<std::uint8_t>(bytes[3]);
  if (header.size == 10) header.payload = base::read_big_endian(bytes.data() + 2);
  header.complete = true;
  if (auto checked = check(header); !checked) return std::unexpected(checked.error());
  return header;
}

std::expected<void, std::string> ServerFrames::check(const Header& header) const {
  if (header.reserved != 0) return std::unexpected("a frame with a reserved bit set");
  if (header.masked) return std::unexpected("a masked frame");
  if ((header.opcode > 2 && header.opcode < 8) || header.opcode > 10)
    return std::unexpected("a frame with an unknown opcode");
  if (header.control() && (!header.final || header.payload > 125))
    return std::unexpected("a control frame that is too long or in pieces");
  if (!header.control() && fragmented_ != (header.opcode == 0))
    return std::unexpected("pieces of messages out of order");
  if (header.payload > kMaxMessage || message_.payload.size() + header.payload > kMaxMessage)
    return std::unexpected("a message over 64 MiB");
  return {};
}

std::expected<void, std::string> ServerFrames::take(const Header& header, std::string_view payload,
                                                    std::vector<ServerEvent>& events) {
  if (header.control()) {
    ServerEvent event{static_cast<Opcode>(header.opcode), std::string(payload)};
    if (event.opcode == Opcode::close) {
      event.code = 1005;
      if (payload.size() == 1) return std::unexpected("a close frame of one byte");
      if (payload.size() >= 2) {
        event.code = static_cast<std::uint16_t>(static_cast<std::uint8_t>(payload[0]) << 8 |
                                                static_cast<std::uint8_t>(payload[1]));
        event.payload = payload.substr(2);
      }
    }
    if (event.opcode == Opcode::close && !base::valid_utf8(event.payload))
      return std::unexpected("a close reason that is not UTF-8");
    events.push_back(std::move(event));
    return {};
  }
  if (header.opcode != 0) message_.opcode = static_cast<Opcode>(header.opcode);
  message_.payload += payload;
  fragmented_ = !header.final;
  if (!header.final) return {};
  if (message_.opcode == Opcode::text && !base::valid_utf8(message_.payload))
    return std::unexpected("a text message that is not UTF-8");
  events.push_back(std::move(message_));
  message_ = {};
  return {};
}

std::expected<std::vector<ServerEvent>, std::string> ServerFrames::feed(std::string_view bytes) {
  buffer_ += bytes;
  std::string_view rest = buffer_;
  std::vector<ServerEvent> events;
  while (true) {
    const auto next = header(rest);
    if (!next) return std::unexpected(next.error());
    if (!next->complete || rest.size() - next->size < next->payload) break;
    if (auto taken = take(*next, rest.substr(next->size, next->payload), events); !taken)
      return std::unexpected(taken.error());
    rest.remove_prefix(next->size + next->payload);
  }
  buffer_.erase(0, buffer_.size() - rest.size());
  return events;
}

}  // namespace carillon::cli
