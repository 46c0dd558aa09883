#include "server/event_sending.hpp"

#include <future>
#include <limits>
#include <optional>
#include <utility>

#include "base/event_loop.hpp"
#include "outbound/connection_webhooks.hpp"
#include "outbound/curl_http_client.hpp"
#include "outbound/standard_webhooks.hpp"

namespace carillon::server {
namespace {

constexpr std::chrono::seconds kGrace{5};

outbound::ConnectionWebhookSettings webhook_settings(const EventSettings& settings) {
  const std::string key = outbound::webhook_key(settings.secret).value();
  return {.on_connect = {settings.connect_url, key},
          .on_disconnect = {settings.disconnect_url, key},
          .connect_may_reject = settings.connect_may_reject};
}

/// An attempt is timed from where the client gets it: none may wait there for another.
outbound::ClientSettings client_settings(const outbound::ConnectionWebhookSettings& webhooks) {
  return {.max_running = webhooks.limits.under_way, .max_running_per_host = webhooks.limits.under_way};
}

}  // namespace

struct EventSending::Parts {
  explicit Parts(outbound::ConnectionWebhookSettings settings)
      : client(client_settings(settings)), webhooks(loop, client, std::move(settings)) {}
  /// The client's answers go to the loop, and belong to the webhooks.
  ~Parts() {
    client.stop();
    loop.stop();
  }

  base::EventLoop loop{"events"};
  outbound::CurlHttpClient client;
  outbound::ConnectionWebhooks webhooks;
  bool stopped = false;
};

std::unique_ptr<EventSending> EventSending::of(const EventSettings& settings) {
  if (settings.connect_url.empty() && settings.disconnect_url.empty()) return nullptr;
  return std::unique_ptr<EventSending>(new EventSending(std::make_unique<Parts>(webhook_settings(settings))));
}

EventSending::EventSending(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {
  parts_->loop.start();
}

EventSending::~EventSending() = default;

ports::ConnectionEvents& EventSending::events() {
  return parts_->webhooks;
}

const ports::MetricSource& EventSending::figures() const {
  return parts_->webhooks;
}

void EventSending::admit_nobody() {
  parts_->webhooks.admit_nobody();
}

void EventSending::stop(ports::ConnectionDirectory& directory) {
  if (std::exchange(parts_->stopped, true)) return;
  // Whom a verdict let in is in the directory after this.
  parts_->webhooks.admit_nobody();
  // The directory answers in order: after this every disconnect was handed over. Who is left in it was let in
  // when the gateway had stopped, and has no socket.
  std::promise<void> told;
  directory.list(std::nullopt, std::nullopt, std::numeric_limits<std::size_t>::max(),
                 [this, &told](base::Result<std::vector<ports::ConnectionView>> left) {
                   if (left && parts_->webhooks.decides())
                     for (ports::ConnectionView& each : *left) parts_->webhooks.not_admitted(std::move(each));
                   told.set_value();
                 });
  told.get_future().wait();
  parts_->webhooks.stop(kGrace);
  parts_->client.stop();
  parts_->loop.stop();
}

}  // namespace carillon::server
