#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "model/websocket_frame.hpp"

/// The client's side of RFC 6455 framing, without I/O.
namespace carillon::cli {

/// A final frame as clients send them, masked with `mask`.
std::string client_frame(model::Opcode opcode, std::string_view payload,
                         const std::array<std::uint8_t, 4>& mask);

/// What the server sent: a whole message, or a control frame. `code` is that of a close, 1005 without one.
struct ServerEvent {
  model::Opcode opcode = model::Opcode::text;
  std::string payload;  ///< of a close: its reason
  std::uint16_t code = 0;
};

/// Puts messages together from the server's bytes, however they are cut. An error means that the server
/// broke the protocol; nothing can be read after it. Messages are at most 64 MiB.
class ServerFrames {
 public:
  static constexpr std::size_t kMaxMessage = 64u << 20;

  /// Adds bytes and returns what is complete.
  std::expected<std::vector<ServerEvent>, std::string> feed(std::string_view bytes);

 private:
  struct Header;
  std::expected<Header, std::string> header(std::string_view bytes) const;
  std::expected<void, std::string> check(const Header& header) const;
  std::expected<void, std::string> take(const Header& header, std::string_view payload,
                                        std::vector<ServerEvent>& events);

  std::string buffer_;
  ServerEvent message_;  ///< under way
  bool fragmented_ = false;
};

}  // namespace carillon::cli
