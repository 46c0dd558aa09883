#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/errors.hpp"
#include "ports/http_client.hpp"

namespace carillon::authorizer {

/// An HttpClient whose answers the test gives by hand, one per request.
class FakeIssuer final : public ports::HttpClient {
 public:
  void send(ports::OutboundRequest request, ports::Completion<ports::OutboundResponse> done) override {
    requests.push_back(std::move(request));
    pending_.push_back(std::move(done));
  }

  bool is_asked() const { return !pending_.empty(); }
  void answer(std::string body, int status = 200) {
    take()(ports::OutboundResponse{status, std::move(body)});
  }
  void be_down() { take()(base::fail(model::errors::kUnavailable, "connection refused")); }

  std::vector<ports::OutboundRequest> requests;

 private:
  ports::Completion<ports::OutboundResponse> take() {
    auto done = std::move(pending_.at(0));
    pending_.erase(pending_.begin());
    return done;
  }
  std::vector<ports::Completion<ports::OutboundResponse>> pending_;
};

}  // namespace carillon::authorizer
