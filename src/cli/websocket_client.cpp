#include "cli/websocket_client.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <openssl/evp.h>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/version.hpp"

namespace carillon::cli {
namespace {

using model::Opcode;

constexpr std::size_t kMaxHead = 65536;
constexpr std::size_t kMaxRefusal = 65536;
constexpr std::chrono::milliseconds kCloseTimeout{2000};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string random_key() {
  std::array<std::uint8_t, 16> bytes{};
  base::random_bytes(bytes.data(), bytes.size());
  return base::base64_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string reason_of(SocketStream::Outcome outcome, const SocketStream& stream) {
  switch (outcome) {
    case SocketStream::Outcome::ended:
      return "the server closed the connection";
    case SocketStream::Outcome::timed_out:
      return "the server did not answer in time";
    case SocketStream::Outcome::interrupted:
      return "interrupted";
    default:
      return stream.failure();
  }
}

/// The rest of a refusal's body, as long as the server says; what there is when it breaks off.
std::string read_body(SocketStream& stream, std::string body, std::string_view head,
                      std::chrono::milliseconds timeout) {
  const std::string length = header_value(head, "content-length");
  std::size_t size = kMaxRefusal;
  std::from_chars(length.data(), length.data() + length.size(), size);
  size = std::min(size, kMaxRefusal);
  while (body.size() < size && stream.read(body, timeout) == SocketStream::Outcome::data) continue;
  return body.substr(0, size);
}

}  // namespace

std::string upgrade_request(const WebSocketClient::Options& options, std::string_view key) {
  std::string request = "GET " + options.endpoint.path + options.target + " HTTP/1.1\r\n";
  request += "Host: " + options.endpoint.authority() + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  request += "Sec-WebSocket-Key: " + std::string(key) + "\r\nSec-WebSocket-Version: 13\r\n";
  if (!options.subprotocol.empty()) request += "Sec-WebSocket-Protocol: " + options.subprotocol + "\r\n";
  if (!options.token.empty()) request += "Authorization: Bearer " + options.token + "\r\n";
  return request + "User-Agent: carillon/" + base::kVersion + "\r\n\r\n";
}

std::string websocket_accept(std::string_view key) {
  // RFC 6455 §1.3.
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  return base::base64_encode({reinterpret_cast<const char*>(digest.data()), size});
}

int status_of(std::string_view head) {
  if (!head.starts_with("HTTP/1.1 ") || head.size() < 12) return 0;
  int status = 0;
  const auto [end, error] = std::from_chars(head.data() + 9, head.data() + 12, status);
  return error == std::errc() && end == head.data() + 12 ? status : 0;
}

std::string header_value(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || lower(line.substr(0, colon)) != name) continue;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
    while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
    return std::string(value);
  }
  return {};
}

std::expected<void, std::string> check_upgrade(std::string_view head, std::string_view key,
                                               std::string_view subprotocol) {
  if (lower(header_value(head, "upgrade")) != "websocket" ||
      lower(header_value(head, "connection")).find("upgrade") == std::string::npos)
    return std::unexpected("the server switched to something that is no WebSocket");
  if (header_value(head, "sec-websocket-accept") != websocket_accept(key))
    return std::unexpected("the server answered another handshake than this one");
  if (!header_value(head, "sec-websocket-extensions").empty())
    return std::unexpected("the server uses an extension that was not asked for");
  if (header_value(head, "sec-websocket-protocol") != subprotocol)
    return std::unexpected("the server does not speak " + std::string(subprotocol));
  return {};
}

WebSocketClient::WebSocketClient(std::unique_ptr<SocketStream> stream, std::chrono::milliseconds timeout)
    : stream_(std::move(stream)), timeout_(timeout) {}

std::expected<WebSocketClient, WebSocketClient::Refusal> WebSocketClient::connect(const Options& options) {
  const auto refuse = [](std::string reason) { return std::unexpected(Refusal{{}, std::move(reason)}); };
  auto connected = SocketStream::connect(options.endpoint, options.timeout, options.interrupt);
  if (!connected) return refuse(connected.error());
  WebSocketClient client(std::move(*connected), options.timeout);
  const std::string key = random_key();
  if (!client.stream_->write(upgrade_request(options, key), options.timeout))
    return refuse(client.stream_->failure());
  std::string answer;
  std::size_t end = std::string::npos;
  while ((end = answer.find("\r\n\r\n")) == std::string::npos) {
    if (answer.size() > kMaxHead) return refuse("the server's answer has no end");
    const auto outcome = client.stream_->read(answer, options.timeout);
    if (outcome != SocketStream::Outcome::data) return refuse(reason_of(outcome, *client.stream_));
  }
  const std::string head = answer.substr(0, end);
  const int status = status_of(head);
  if (status == 0) return refuse("the server does not speak HTTP/1.1");
  if (status != 101)
    return std::unexpected(
        Refusal{{status, read_body(*client.stream_, answer.substr(end + 4), head, options.timeout)}, {}});
  if (auto accepted = check_upgrade(head, key, options.subprotocol); !accepted)
    return refuse(accepted.error());
  if (!client.take(std::string_view(answer).substr(end + 4))) return refuse(client.failure_);
  return client;
}

bool WebSocketClient::send(Opcode opcode, std::string_view payload) {
  std::array<std::uint8_t, 4> mask{};
  base::random_bytes(mask.data(), mask.size());
  return stream_->write(client_frame(opcode, payload, mask), timeout_);
}

bool WebSocketClient::take(std::string_view bytes) {
  auto events = frames_.feed(bytes);
  if (!events) {
    failure_ = "the server sent " + events.error();
    return false;
  }
  std::ranges::move(*events, std::back_inserter(events_));
  return true;
}

WebSocketClient::Event WebSocketClient::next() {
  while (true) {
    while (!events_.empty()) {
      ServerEvent event = std::move(events_.front());
      events_.pop_front();
      if (event.opcode == Opcode::pong) continue;
      if (event.opcode == Opcode::ping) {
        if (!send(Opcode::pong, event.payload)) return {Ending::lost, {}, stream_->failure()};
        continue;
      }
      if (event.opcode != Opcode::close) return {Ending::none, std::move(event), {}};
      std::string echo;
      if (event.code != 1005)
        echo = {static_cast<char>(event.code >> 8), static_cast<char>(event.code & 0xff)};
      send(Opcode::close, echo);
      return {Ending::closed, std::move(event), {}};
    }
    std::string bytes;
    const auto outcome = stream_->read(bytes, std::chrono::milliseconds(-1));
    if (outcome == SocketStream::Outcome::interrupted) return {Ending::interrupted, {}, {}};
    if (outcome != SocketStream::Outcome::data) return {Ending::lost, {}, reason_of(outcome, *stream_)};
    if (!take(bytes)) {
      send(Opcode::close, "\x03\xea");  // 1002
      return {Ending::lost, {}, failure_};
    }
  }
}

void WebSocketClient::close(std::uint16_t code) {
  if (!send(Opcode::close, std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)})) return;
  const auto deadline = std::chrono::steady_clock::now() + kCloseTimeout;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    std::string bytes;
    if (left.count() <= 0 || stream_->read(bytes, left) != SocketStream::Outcome::data || !take(bytes))
      return;
    for (const ServerEvent& event : events_)
      if (event.opcode == Opcode::close) return;
    events_.clear();
  }
}

}  // namespace carillon::cli
