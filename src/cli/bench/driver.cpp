#include "cli/bench/driver.hpp"

#include <array>
#include <cstdio>
#include <utility>

#include "base/bytes.hpp"
#include "cli/bench/http_answer.hpp"
#include "cli/bench/marker.hpp"

namespace carillon::cli::bench {
namespace {

constexpr std::string_view kUpgradeHeaders =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: Y2FyaWxsb24tYmVuY2gtaQ==\r\n";

std::string channel_name(std::uint32_t run, std::size_t channel) {
  std::array<char, 40> name{};
  const int size = std::snprintf(name.data(), name.size(), "bench-%08x-%06zu", run, channel);
  return {name.data(), static_cast<std::size_t>(size)};
}

std::string with_channel(std::string path, const std::string& channel) {
  constexpr std::string_view kPlace = "{channel}";
  const auto at = path.find(kPlace);
  return at == std::string::npos ? path : path.replace(at, kPlace.size(), channel);
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

/// Answers of HTTP servers: any 2xx is accepted.
class HttpDriver : public Driver {
 public:
  HttpDriver(std::uint32_t run, const Endpoint& subscribe, const Endpoint& publish, const std::string& token)
      : run_(run),
        subscribe_headers_("Host: " + subscribe.authority + "\r\n"),
        publish_headers_("Host: " + publish.authority + "\r\n") {
    if (token.empty()) return;
    subscribe_headers_ += "Authorization: Bearer " + token + "\r\n";
    publish_headers_ += "Authorization: Bearer " + token + "\r\n";
  }

  std::optional<std::size_t> read_answers(std::string_view bytes, std::vector<Answer>& out,
                                          std::string& /*reply*/) const override {
    std::size_t used = 0;
    while (used < bytes.size()) {
      const auto answer = read_http_answer(bytes.substr(used));
      if (!answer) {
        if (answer.error() == HttpError::broken) return std::nullopt;
        break;
      }
      used += answer->size;
      if (answer->status < 200) continue;
      out.push_back(judge(*answer));
    }
    return used;
  }

 protected:
  virtual Answer judge(const HttpAnswer& answer) const {
    if (answer.status < 300) return {};
    return {.refused = SIZE_MAX, .details = answer.body};
  }
  void append_upgrade(std::string& out, std::string_view path) const {
    out.append("GET ").append(path).append(" HTTP/1.1\r\n").append(subscribe_headers_);
    out.append(kUpgradeHeaders).append("\r\n");
  }
  void append_post(std::string& out, std::string_view path, std::string_view type,
                   std::string_view body) const {
    out.append("POST ").append(path).append(" HTTP/1.1\r\n").append(publish_headers_);
    out.append("Content-Type: ").append(type).append("\r\nContent-Length: ");
    out.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  }
  std::string channel(std::size_t channel) const { return channel_name(run_, channel); }

 private:
  std::uint32_t run_;
  std::string subscribe_headers_;
  std::string publish_headers_;
};

/// CONTRACT §5 to §8.
class CarillonDriver final : public HttpDriver {
 public:
  CarillonDriver(std::uint32_t run, const Endpoint& subscribe, const Endpoint& publish,
                 const Options& options)
      : HttpDriver(run, subscribe, publish, options.token), message_type_(options.message_type) {}

  void append_subscribe(std::string& out, std::size_t channel_number) const override {
    append_upgrade(out, "/ws?chatId=" + channel(channel_number));
  }
  void append_publish(std::string& out, std::span<const Item> items) const override {
    body_.clear();
    if (items.size() == 1) {
      append_message(items.front());
      append_post(out, "/publish", "application/json", body_);
      return;
    }
    body_ += "{\"messages\":[";
    for (const auto& item : items) {
      if (&item != items.data()) body_ += ',';
      append_message(item);
    }
    body_ += "]}";
    append_post(out, "/publish/batch", "application/json", body_);
  }
  bool batches() const override { return true; }

 protected:
  Answer judge(const HttpAnswer& answer) const override {
    if (answer.status >= 300) return {.refused = SIZE_MAX, .details = answer.body};
    return {.refused = count(answer.body, "\"statusCode\":"), .details = answer.body};
  }

 private:
  void append_message(const Item& item) const {
    body_.append("{\"targetChannel\":\"WebSocket\",\"messageType\":\"").append(message_type_);
    body_.append("\",\"payload\":{\"chatId\":\"").append(channel(item.channel));
    body_.append("\",\"eventType\":\"bench\",\"content\":\"").append(item.content).append("\"}}");
  }

  std::string message_type_;
  mutable std::string body_;
};

class NchanDriver final : public HttpDriver {
 public:
  NchanDriver(std::uint32_t run, const Endpoint& subscribe, const Endpoint& publish, const Options& options)
      : HttpDriver(run, subscribe, publish, options.token),
        subscribe_path_(options.subscribe_path),
        publish_path_(options.publish_path) {}

  void append_subscribe(std::string& out, std::size_t channel_number) const override {
    append_upgrade(out, with_channel(subscribe_path_, channel(channel_number)));
  }
  void append_publish(std::string& out, std::span<const Item> items) const override {
    const auto& item = items.front();
    append_post(out, with_channel(publish_path_, channel(item.channel)), "text/plain", item.content);
  }

 private:
  std::string subscribe_path_;
  std::string publish_path_;
};

/// Line protocol of nats-server: docs.nats.io, "Client Protocol". A publish is answered in verbose mode only.
class NatsDriver final : public Driver {
 public:
  NatsDriver(std::uint32_t run, const Endpoint& subscribe, bool verbose)
      : run_(run), verbose_(verbose), host_(subscribe.authority) {}

  void append_subscribe(std::string& out, std::size_t /*channel*/) const override {
    out.append("GET / HTTP/1.1\r\nHost: ")
        .append(host_)
        .append("\r\n")
        .append(kUpgradeHeaders)
        .append("\r\n");
  }
  void append_greeting(std::string& out, std::size_t channel) const override {
    append_client_frame(out, 2, connect(false) + "SUB " + channel_name(run_, channel) + " 1\r\nPING\r\n");
  }
  bool confirms(std::string_view payload) const override { return payload.find("PONG\r\n") != payload.npos; }
  std::string_view reply_to(std::string_view payload) const override {
    return payload == "PING\r\n" ? "PONG\r\n" : std::string_view();
  }

  void append_publisher_greeting(std::string& out) const override { out += connect(verbose_); }
  std::size_t greeting_answers() const override { return verbose_ ? 1 : 0; }
  void append_publish(std::string& out, std::span<const Item> items) const override {
    const auto& item = items.front();
    out.append("PUB ").append(channel_name(run_, item.channel)).append(" ");
    out.append(std::to_string(item.content.size())).append("\r\n").append(item.content).append("\r\n");
  }
  bool answers() const override { return verbose_; }
  std::optional<std::size_t> read_answers(std::string_view bytes, std::vector<Answer>& out,
                                          std::string& reply) const override {
    std::size_t used = 0;
    for (auto end = bytes.find("\r\n"); end != bytes.npos; end = bytes.find("\r\n", used)) {
      const auto line = bytes.substr(used, end - used);
      used = end + 2;
      if (line == "PING") {
        reply += "PONG\r\n";
      } else if (line == "+OK") {
        out.push_back({});
      } else if (line.starts_with("-ERR")) {
        return std::nullopt;
      }
    }
    return used;
  }

 private:
  static std::string connect(bool verbose) {
    return std::string("CONNECT {\"verbose\":") + (verbose ? "true" : "false") +
           ",\"pedantic\":false,\"lang\":\"carillon-bench\",\"version\":\"1\",\"protocol\":1}\r\n";
  }

  std::uint32_t run_;
  bool verbose_;
  std::string host_;
};

/// bare_server.hpp says what it understands.
class BareDriver final : public Driver {
 public:
  bool upgrades() const override { return false; }
  void append_subscribe(std::string& out, std::size_t channel) const override {
    out += 'S';
    base::append_big_endian32(out, static_cast<std::uint32_t>(channel));
  }
  void append_publisher_greeting(std::string& out) const override { out += 'P'; }
  void append_publish(std::string& out, std::span<const Item> items) const override {
    const auto& item = items.front();
    base::append_big_endian32(out, static_cast<std::uint32_t>(item.channel));
    base::append_big_endian32(out, static_cast<std::uint32_t>(item.content.size()));
    out += item.content;
  }
  bool answers() const override { return false; }
  std::optional<std::size_t> read_answers(std::string_view bytes, std::vector<Answer>& /*out*/,
                                          std::string& /*reply*/) const override {
    return bytes.size();
  }
};

}  // namespace

std::unique_ptr<Driver> make_driver(const Options& options, std::uint32_t run, const Endpoint& subscribe,
                                    const Endpoint& publish) {
  switch (options.protocol) {
    case Protocol::carillon:
      return std::make_unique<CarillonDriver>(run, subscribe, publish, options);
    case Protocol::nchan:
      return std::make_unique<NchanDriver>(run, subscribe, publish, options);
    case Protocol::nats:
      return std::make_unique<NatsDriver>(run, subscribe, options.workload == Workload::publish);
    case Protocol::bare:
      return std::make_unique<BareDriver>();
  }
  std::unreachable();
}

}  // namespace carillon::cli::bench
