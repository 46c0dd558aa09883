#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ports/connection_gateway.hpp"

/// permessage-deflate (RFC 7692) without context takeover either way: no connection keeps a window, one
/// pair of zlib streams per thread serves all, and a compressed frame can be shared.
namespace carillon::gateway {

/// The value of the answer's Sec-WebSocket-Extensions for the offers in the request's, or nothing when none
/// of them can be accepted (RFC 7692 §5, §7).
std::optional<std::string> accept_deflate(std::string_view offers);

enum class Inflated { ok, too_large, broken };
/// Adds the message to `out`; stops as soon as it would be more than `max_bytes`. Any thread.
Inflated inflate_message(std::string_view compressed, std::size_t max_bytes, std::string& out);
/// Adds the compressed form of `message` to `out`, without the final 00 00 ff ff. Any thread.
void deflate_message(std::string_view message, std::string& out);

/// The frames of `run` compressed, made by whoever asks first. Any thread.
const ports::DeliveryRun::Compressed& compressed_frames(const ports::DeliveryRun& run);

}  // namespace carillon::gateway
