// The client that the gateway tests share.
#include "unit/gateway/test_client.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/bytes.hpp"

namespace carillon::gateway::testing {
namespace {

constexpr timeval kPatience{20, 0};

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

std::string ClientFrame::bytes() const {
  std::string out;
  out += static_cast<char>((final ? 0x80u : 0u) | reserved << 4 | static_cast<unsigned>(opcode));
  const char mask_bit = masked ? '\x80' : '\0';
  if (payload.size() < 126) {
    out += static_cast<char>(mask_bit | static_cast<char>(payload.size()));
  } else if (payload.size() < 65536) {
    out += static_cast<char>(mask_bit | 126);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 0xff);
  } else {
    out += static_cast<char>(mask_bit | 127);
    base::append_big_endian(out, payload.size());
  }
  if (!masked) return out + payload;
  std::string key;
  base::append_big_endian32(key, mask);
  out += key;
  for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ key[i % 4]);
  return out;
}

std::string text_frame(std::string payload) {
  return ClientFrame{.payload = std::move(payload)}.bytes();
}

std::string close_frame(std::uint16_t code, std::string reason) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  return ClientFrame{.opcode = model::Opcode::close, .payload = payload + reason}.bytes();
}

std::uint16_t ServerFrame::close_code() const {
  if (opcode != model::Opcode::close || payload.size() < 2) return 0;
  return static_cast<std::uint16_t>(static_cast<unsigned char>(payload[0]) << 8 |
                                    static_cast<unsigned char>(payload[1]));
}

const std::string& Answer::operator[](const std::string& name) const {
  static const std::string none;
  const auto found = headers.find(name);
  return found == headers.end() ? none : found->second;
}

TestClient::TestClient(std::uint16_t port, int receive_buffer) {
  connect(port, receive_buffer);
}

TestClient::~TestClient() {
  if (fd_ >= 0) ::close(fd_);
}

void TestClient::connect(std::uint16_t port, int receive_buffer) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
    throw std::runtime_error("the test client cannot connect");
}

long TestClient::receive(char* out, std::size_t room) {
  return ::recv(fd_, out, room, 0);
}

long TestClient::transmit(const char* bytes, std::size_t size) {
  return ::send(fd_, bytes, size, MSG_NOSIGNAL);
}

void TestClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const long count = transmit(bytes.data(), bytes.size());
    if (count <= 0) throw std::runtime_error("the test client cannot send");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::size_t TestClient::send_some(std::string_view bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const long count = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count <= 0) break;
    sent += static_cast<std::size_t>(count);
  }
  return sent;
}

void TestClient::shutdown_write() {
  ::shutdown(fd_, SHUT_WR);
}

void TestClient::abort() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  ::close(fd_);
  fd_ = -1;
}

bool TestClient::fill() {
  char room[65536];
  const long count = receive(room, sizeof(room));
  if (count == 0 || (count < 0 && errno == ECONNRESET)) return false;
  if (count < 0) throw std::runtime_error("the test client waited in vain");
  buffer_.append(room, static_cast<std::size_t>(count));
  return true;
}

std::string TestClient::read_exactly(std::size_t bytes) {
  while (buffer_.size() < bytes)
    if (!fill()) throw std::runtime_error("the server closed the connection");
  std::string out = buffer_.substr(0, bytes);
  buffer_.erase(0, bytes);
  return out;
}

std::string TestClient::read_line() {
  std::size_t end;
  while ((end = buffer_.find("\r\n")) == std::string::npos)
    if (!fill()) throw std::runtime_error("the server closed the connection");
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

bool TestClient::ended() {
  return buffer_.empty() && !fill();
}

void TestClient::drain() {
  while (fill()) buffer_.clear();
}

Answer TestClient::answer(bool head) {
  Answer answer;
  const std::string status = read_line();
  answer.status = std::stoi(status.substr(status.find(' ') + 1));
  for (std::string line = read_line(); !line.empty(); line = read_line()) {
    const std::size_t colon = line.find(": ");
    answer.headers[lower(line.substr(0, colon))] = line.substr(colon + 2);
  }
  const std::string& length = answer["content-length"];
  if (!head && !length.empty()) answer.body = read_exactly(std::stoul(length));
  return answer;
}

ServerFrame TestClient::frame() {
  const std::string start = read_exactly(2);
  const auto first = static_cast<unsigned char>(start[0]);
  ServerFrame frame;
  frame.opcode = static_cast<model::Opcode>(first & 0x0f);
  frame.compressed = (first & 0x40) != 0;
  std::size_t size = static_cast<unsigned char>(start[1]);
  if (size == 126) {
    const std::string more = read_exactly(2);
    size = static_cast<std::size_t>(static_cast<unsigned char>(more[0])) << 8 |
           static_cast<unsigned char>(more[1]);
  } else if (size == 127) {
    size = base::read_big_endian(read_exactly(8).data());
  }
  frame.payload = read_exactly(size);
  return frame;
}

ServerFrame TestClient::message() {
  for (;;) {
    ServerFrame next = frame();
    if (next.opcode != model::Opcode::ping) return next;
  }
}

std::string upgrade_request(std::string_view target, std::string_view extra) {
  return "GET " + std::string(target) +
         " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
         std::string(extra) + "\r\n";
}

}  // namespace carillon::gateway::testing
