#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/http.hpp"

/// The opening handshake (RFC 6455 §4.2). Pure.
namespace carillon::gateway {

struct UpgradeOffer {
  std::string key;                        ///< Sec-WebSocket-Key
  std::vector<std::string> subprotocols;  ///< as offered, in order
  std::string extensions;                 ///< Sec-WebSocket-Extensions, joined
};

/// Whether the request is a WebSocket handshake in order. Errors: method_not_allowed, bad_request,
/// upgrade_required (another version than 13).
base::Result<UpgradeOffer> check_upgrade(const ports::HttpRequest& request, bool http_1_0,
                                         bool wants_websocket);

/// Sec-WebSocket-Accept for a key.
std::string accept_key(std::string_view key);

/// The whole 101, empty line included. Empty `subprotocol`, `extensions` or `traceparent`: not sent.
std::string switching_protocols(const UpgradeOffer& offer, std::string_view subprotocol,
                                std::string_view extensions, std::string_view traceparent);

}  // namespace carillon::gateway
