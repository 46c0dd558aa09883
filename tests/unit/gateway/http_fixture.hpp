#pragma once

#include <string>
#include <string_view>

#include "unit/gateway/gateway_fixture.hpp"

namespace carillon::gateway::testing {

/// A gateway with a few routes that say what they got.
class HttpTest : public GatewayTest {
 protected:
  HttpTest() {
    add_route("GET", "/open", ports::Access::open, echo_route());
    add_route("POST", "/open", ports::Access::open, echo_route());
    add_route("POST", "/big", ports::Access::open, echo_route(), 4);
    add_route("GET", "/who", ports::Access::token, echo_route());
    add_route("GET", "/metrics", ports::Access::open, echo_route());
    add_route("GET", "/queues/{name}/messages", ports::Access::open, echo_route());
  }
  /// One request on a connection of its own.
  Answer ask(std::string_view request) {
    TestClient client(port());
    client.send(request);
    return client.answer();
  }
  static std::string get(std::string_view target, std::string_view extra = {}) {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(extra) + "\r\n";
  }
  static std::string post(std::string_view target, std::string_view body, std::string_view extra = {}) {
    return "POST " + std::string(target) +
           " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           std::string(extra) + "\r\n" + std::string(body);
  }
};

}  // namespace carillon::gateway::testing
