#pragma once

#include <vector>

#include "ports/http.hpp"
#include "ports/message_bus.hpp"
#include "publisher/publication.hpp"

namespace carillon::publisher {

/// A2P: `POST /publish` and `POST /publish/batch` (CONTRACT §7).
class HttpMessagePublisher {
 public:
  HttpMessagePublisher(ports::MessageBus& bus, const Channels& channels) : bus_(bus), channels_(channels) {}

  /// Its routes; the publisher must outlive them.
  std::vector<ports::Route> routes();

 private:
  void publish(ports::HttpRequest request, ports::HttpResponder respond);
  void publish_batch(ports::HttpRequest request, ports::HttpResponder respond);

  ports::MessageBus& bus_;
  const Channels& channels_;
};

}  // namespace carillon::publisher
