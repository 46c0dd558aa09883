#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

namespace carillon::outbound {

/// An HTTP server on a free loopback port: reads one request per connection, sends whatever bytes the handler
/// returns and closes. The handler runs on the connection's own thread.
class LocalServer {
 public:
  /// Gets the whole request text: line, headers, body.
  using Handler = std::function<std::string(const std::string&)>;

  explicit LocalServer(Handler handler) : handler_(std::move(handler)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 64) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      std::abort();
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~LocalServer() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    close(listener_);
    for (Connection& each : connections_) {
      shutdown(each.socket, SHUT_RDWR);
      each.thread.join();
      close(each.socket);
    }
  }

  std::string url(std::string_view path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }
  int requests() const { return requests_; }

  static std::string response(std::string_view status, std::string_view body, std::string_view headers = "") {
    return "HTTP/1.1 " + std::string(status) +
           "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           std::string(headers) + "\r\n" + std::string(body);
  }

 private:
  struct Connection {
    int socket;
    std::thread thread;
  };

  void accept_all() {
    for (;;) {
      const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      Connection& connection = connections_.emplace_back(socket);
      connection.thread = std::thread([this, socket] { serve(socket); });
    }
  }

  void serve(int socket) {
    const std::string request = read_request(socket);
    if (request.empty()) return;
    ++requests_;
    const std::string answer = handler_(request);
    for (std::size_t sent = 0; sent < answer.size();) {
      const ssize_t part = send(socket, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
      if (part <= 0) break;
      sent += static_cast<std::size_t>(part);
    }
    shutdown(socket, SHUT_WR);
  }

  static std::string read_request(int socket) {
    std::string request;
    char buffer[4096];
    for (;;) {
      const std::size_t end = request.find("\r\n\r\n");
      if (end != std::string::npos && request.size() >= end + 4 + content_length(request)) return request;
      const ssize_t part = recv(socket, buffer, sizeof(buffer), 0);
      if (part <= 0) return {};
      request.append(buffer, static_cast<std::size_t>(part));
    }
  }

  static std::size_t content_length(const std::string& request) {
    static constexpr std::string_view kName = "\r\ncontent-length: ";
    for (std::size_t at = 0; at + kName.size() < request.size(); ++at)
      if (strncasecmp(request.c_str() + at, kName.data(), kName.size()) == 0)
        return std::stoul(request.substr(at + kName.size()));
    return 0;
  }

  Handler handler_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> requests_{0};
  std::list<Connection> connections_;
  std::thread acceptor_;
};

}  // namespace carillon::outbound
