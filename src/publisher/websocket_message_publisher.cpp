#include "publisher/websocket_message_publisher.hpp"

namespace carillon::publisher {

void WebSocketMessagePublisher::on_send_message(const ports::FrameContext& context,
                                                const model::JsonDocument& frame,
                                                std::string_view request_id) {
  const Origin origin{context.identity, context.connection, {}};
  auto publication = make_publication(frame, origin, channels_);
  if (!publication) return context.socket->send(model::error_frame(publication.error(), request_id));
  Echo echo(*publication);
  bus_.publish(std::move(*publication), [socket = context.socket, request_id = std::string(request_id),
                                         echo = std::move(echo)](model::Result<ports::Receipt> receipt) {
    if (!receipt)
      return socket->send(
          model::error_frame(answer_to(receipt.error(), model::errors::kSendFailed), request_id));
    std::string answer = "{\"message\":\"Message sent successfully via WebSocket!\",";
    answer += receipt_members(echo, *receipt);
    if (!request_id.empty()) answer += ",\"requestId\":" + request_id;
    socket->send(std::move(answer += '}'));
  });
}

}  // namespace carillon::publisher
