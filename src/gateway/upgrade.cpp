#include "gateway/upgrade.hpp"

#include <algorithm>
#include <array>

#include <openssl/sha.h>

#include "base/bytes.hpp"
#include "gateway/header_value.hpp"

namespace carillon::gateway {
namespace {

constexpr std::size_t kMaxSubprotocols = 32;

/// 16 bytes in base64: 22 characters, the last of which has four zero bits, and two `=`.
bool valid_key(std::string_view key) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (key.size() != 24 || !key.ends_with("==")) return false;
  const bool known =
      std::ranges::all_of(key.substr(0, 22), [&](char c) { return kAlphabet.find(c) != kAlphabet.npos; });
  return known && std::string_view("AQgw").find(key[21]) != std::string_view::npos;
}

}  // namespace

base::Result<UpgradeOffer> check_upgrade(const ports::HttpRequest& request, bool http_1_0,
                                         bool wants_websocket) {
  using model::fail;
  namespace errors = model::errors;
  if (request.method != "GET") return fail(errors::kMethodNotAllowed);
  if (http_1_0) return fail(errors::kBadRequest, "a WebSocket needs HTTP/1.1");
  if (!wants_websocket)
    return fail(errors::kBadRequest, "Connection: Upgrade and Upgrade: websocket belong together");
  UpgradeOffer offer;
  std::size_t keys = 0;
  std::size_t versions = 0;
  std::string_view version;
  for (const auto& [name, value] : request.headers) {
    if (name == "sec-websocket-key") {
      ++keys;
      offer.key = trimmed(value);
    } else if (name == "sec-websocket-version") {
      ++versions;
      version = trimmed(value);
    } else if (name == "sec-websocket-protocol") {
      for (const std::string_view each : split(value, ',')) offer.subprotocols.emplace_back(each);
    } else if (name == "sec-websocket-extensions") {
      offer.extensions += offer.extensions.empty() ? value : "," + value;
    }
  }
  if (versions != 1 || version != "13")
    return fail(errors::kUpgradeRequired, "Sec-WebSocket-Version must be 13");
  if (keys != 1 || !valid_key(offer.key)) return fail(errors::kBadRequest, "bad Sec-WebSocket-Key");
  if (offer.subprotocols.size() > kMaxSubprotocols || !std::ranges::all_of(offer.subprotocols, is_token))
    return fail(errors::kBadRequest, "bad Sec-WebSocket-Protocol");
  if (!request.body.empty()) return fail(errors::kBadRequest, "an upgrade has no body");
  return offer;
}

std::string accept_key(std::string_view key) {
  constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const std::string text = std::string(key).append(kGuid);
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return base::base64_encode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::string switching_protocols(const UpgradeOffer& offer, std::string_view subprotocol,
                                std::string_view extensions, std::string_view traceparent) {
  std::string out =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
      "Upgrade\r\nSec-WebSocket-Accept: ";
  out += accept_key(offer.key);
  if (!subprotocol.empty()) out.append("\r\nSec-WebSocket-Protocol: ").append(subprotocol);
  if (!extensions.empty()) out.append("\r\nSec-WebSocket-Extensions: ").append(extensions);
  if (!traceparent.empty()) out.append("\r\ntraceparent: ").append(traceparent);
  out += "\r\n\r\n";
  return out;
}

}  // namespace carillon::gateway
