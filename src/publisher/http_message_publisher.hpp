#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ports/http.hpp"
#include "ports/message_bus.hpp"
#include "ports/tracer.hpp"
#include "publisher/publication.hpp"

namespace carillon::publisher {

/// A2P: `POST /publish`, `POST /publish/batch` (CONTRACT §7) and `POST /broadcast` (§12). A message belongs
/// to the trace of its request; those of a batch each have a span below the batch's.
class HttpMessagePublisher {
 public:
  HttpMessagePublisher(ports::MessageBus& bus, const Channels& channels, ports::Tracer* tracer = nullptr)
      : bus_(bus), channels_(channels), tracer_(tracer) {}

  /// Its routes; the publisher must outlive them.
  std::vector<ports::Route> routes();

 private:
  using Make = std::function<model::Result<ports::Publication>(const model::JsonDocument&,
                                                               const ports::HttpRequest&, const Origin&)>;
  using Answer = std::string (*)(const Echo&, const ports::Receipt&);
  void publish(ports::HttpRequest request, ports::HttpResponder respond);
  void broadcast(ports::HttpRequest request, ports::HttpResponder respond);
  void publish_one(ports::HttpRequest request, ports::HttpResponder respond, const Make& make, Answer answer);
  void publish_batch(ports::HttpRequest request, ports::HttpResponder respond);

  ports::MessageBus& bus_;
  const Channels& channels_;
  ports::Tracer* tracer_;
};

}  // namespace carillon::publisher
