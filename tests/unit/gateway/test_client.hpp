#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/websocket_frame.hpp"

namespace carillon::gateway::testing {

/// A frame as a client sends it: masked. `first_byte` and so on can be bent to break the protocol.
struct ClientFrame {
  model::Opcode opcode = model::Opcode::text;
  std::string payload;
  bool final = true;
  bool masked = true;
  unsigned reserved = 0;  ///< RSV1 = 4, RSV2 = 2, RSV3 = 1
  std::uint32_t mask = 0x37fa213d;

  std::string bytes() const;
};
std::string text_frame(std::string payload);
std::string close_frame(std::uint16_t code, std::string reason = {});

struct ServerFrame {
  model::Opcode opcode = model::Opcode::text;
  std::string payload;
  bool compressed = false;
  std::uint16_t close_code() const;
};

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  const std::string& operator[](const std::string& name) const;
};

/// A blocking client socket on 127.0.0.1. Whatever it waits for fails the test after a long while.
class TestClient {
 public:
  explicit TestClient(std::uint16_t port, int receive_buffer = 0);
  virtual ~TestClient();
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  void send(std::string_view bytes);
  /// Sends as much as the socket takes without waiting; how much that was.
  std::size_t send_some(std::string_view bytes);
  void shutdown_write();
  void abort();  ///< closes with RST

  /// The next answer; `head`: it has no body in spite of its Content-Length.
  Answer answer(bool head = false);
  std::string read_exactly(std::size_t bytes);
  std::string read_line();
  /// Whether the server closed its side, now or soon, with nothing before that.
  bool ended();
  /// Reads and drops everything up to the end.
  void drain();

  ServerFrame frame();
  /// The next frame that is no ping.
  ServerFrame message();

  int fd() const { return fd_; }

 protected:
  struct Unconnected {};
  explicit TestClient(Unconnected) {}
  virtual long receive(char* out, std::size_t room);
  virtual long transmit(const char* bytes, std::size_t size);
  void connect(std::uint16_t port, int receive_buffer);
  bool fill();

  int fd_ = -1;
  std::string buffer_;
};

/// The upgrade request of a browser; `extra` are whole header lines.
std::string upgrade_request(std::string_view target, std::string_view extra = {});

}  // namespace carillon::gateway::testing
