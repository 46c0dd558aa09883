#pragma once

#include <string_view>

#include "ports/message_bus.hpp"
#include "ports/tracer.hpp"
#include "ports/websocket_handler.hpp"
#include "publisher/publication.hpp"

namespace carillon::publisher {

/// P2P: a `sendMessage` frame becomes a message, and its sender gets the answer of CONTRACT §7 as a frame.
/// Its member `traceparent` puts the message into the sender's trace and comes back in the answer; what is
/// none counts as absent.
class WebSocketMessagePublisher {
 public:
  WebSocketMessagePublisher(ports::MessageBus& bus, const Channels& channels, ports::Tracer* tracer = nullptr)
      : bus_(bus), channels_(channels), tracer_(tracer) {}

  /// Takes one frame; `request_id` is the frame's requestId as JSON text, or empty. The socket's loop.
  void on_send_message(const ports::FrameContext& context, const model::JsonDocument& frame,
                       std::string_view request_id);

 private:
  ports::MessageBus& bus_;
  const Channels& channels_;
  ports::Tracer* tracer_;
};

}  // namespace carillon::publisher
