#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace carillon::cli {

/// One connection on a free port of loopback, handled by `script` on a thread of its own; or several, one
/// after the other.
class FakeServer {
 public:
  using Script = std::function<void(int)>;

  explicit FakeServer(Script script) : FakeServer(std::vector<Script>{std::move(script)}) {}
  explicit FakeServer(std::vector<Script> scripts) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 1) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      std::abort();
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, scripts = std::move(scripts)] {
      for (const Script& script : scripts) {
        const int socket = ::accept(listener_, nullptr, nullptr);
        script(socket);
        ::close(socket);
      }
    });
  }
  ~FakeServer() {
    thread_.join();
    ::close(listener_);
  }

  std::string url(const std::string& path = "") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

  /// Reads until `end` has come; what came.
  static std::string read_until(int socket, const std::string& end) {
    std::string got;
    char byte = 0;
    while (!got.ends_with(end) && ::recv(socket, &byte, 1, 0) == 1) got += byte;
    return got;
  }
  static std::string read_bytes(int socket, std::size_t count) {
    std::string got(count, '\0');
    got.resize(
        static_cast<std::size_t>(std::max<ssize_t>(0, ::recv(socket, got.data(), count, MSG_WAITALL))));
    return got;
  }
  static void write(int socket, const std::string& bytes) {
    ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

 private:
  int listener_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace carillon::cli
