#pragma once

#include <string>
#include <string_view>

#include "cli/websocket_client.hpp"
#include "unit/cli/fake_server.hpp"

namespace carillon::cli {

/// The server's side of a WebSocket, written by hand.
inline std::string accepting(const std::string& request) {
  return "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
         websocket_accept(header_value(request, "sec-websocket-key")) +
         "\r\nSec-WebSocket-Protocol: carillon.v1\r\n\r\n";
}

inline std::string frame(model::Opcode opcode, std::string_view payload) {
  std::string out;
  model::append_frame(out, opcode, payload);
  return out;
}

inline std::string text_frame(std::string_view payload) {
  return frame(model::Opcode::text, payload);
}

}  // namespace carillon::cli
