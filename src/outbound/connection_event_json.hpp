#pragma once

#include <string>
#include <string_view>

#include "ports/connection_directory.hpp"
#include "ports/websocket_handler.hpp"

/// What receivers of `[events]` get (docs/protocol.md, Connection events). Pure.
namespace carillon::outbound {

/// Of a connect that nobody decided on, though the receiver may have taken it.
inline constexpr std::string_view kNotAdmitted = "not admitted";

/// Why a connection ended: one of a fixed set, never a text or a code that the client chose.
std::string_view disconnect_reason(ports::SocketEnd end);

std::string connect_event_json(const ports::ConnectionView& connection, base::EpochMs now);
std::string disconnect_event_json(const ports::ConnectionView& last, std::string_view reason,
                                  std::uint16_t code, base::EpochMs now);

}  // namespace carillon::outbound
