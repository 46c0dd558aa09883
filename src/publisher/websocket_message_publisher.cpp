#include "publisher/websocket_message_publisher.hpp"

#include "publisher/intake.hpp"

namespace carillon::publisher {
namespace {

std::optional<base::TraceContext> incoming_trace(const model::JsonDocument& frame) {
  const auto* text = model::string_member(frame.object(), "traceparent");
  return text ? base::parse_traceparent(model::view(*text)) : std::nullopt;
}

}  // namespace

void WebSocketMessagePublisher::on_send_message(const ports::FrameContext& context,
                                                const model::JsonDocument& frame,
                                                std::string_view request_id) {
  const auto incoming = incoming_trace(frame);
  auto trace = ports::begin_trace(tracer_, incoming);
  if (incoming && tracer_) tracer_->admit(*trace);
  Intake intake(tracer_, trace, incoming);
  // Who named a trace is told where in it the message is.
  std::string traced;
  if (incoming && trace) traced = ",\"traceparent\":\"" + base::format_traceparent(*trace) + '"';
  const auto refuse = [](ports::SocketHandle& socket, const model::Error& error, std::string_view request,
                         const std::string& members) {
    model::Error answer = error;
    socket.send(model::error_frame(std::move(answer).with_members(error.members() + members), request));
  };
  const Origin origin{context.identity, context.connection, {}};
  auto publication = make_publication(frame, origin, channels_);
  if (!publication) {
    intake.refused();
    return refuse(*context.socket, publication.error(), request_id, traced);
  }
  intake.mark(*publication);
  Echo echo(*publication);
  bus_.publish(std::move(*publication), [socket = context.socket, request_id = std::string(request_id),
                                         traced = std::move(traced), echo = std::move(echo),
                                         intake = std::move(intake),
                                         refuse](model::Result<ports::Receipt> receipt) mutable {
    intake.answered(receipt);
    if (!receipt)
      return refuse(*socket, answer_to(receipt.error(), model::errors::kSendFailed), request_id, traced);
    std::string answer = "{\"message\":\"Message sent successfully via WebSocket!\",";
    answer += receipt_members(echo, *receipt);
    if (!request_id.empty()) answer += ",\"requestId\":" + request_id;
    answer += traced;
    socket->send(std::move(answer += '}'));
  });
}

}  // namespace carillon::publisher
