#pragma once

#include <future>
#include <map>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "outbound/connection_webhooks.hpp"
#include "unit/outbound/fake_http.hpp"

namespace carillon::outbound::testing {

namespace errors = model::errors;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Verdict = std::future<base::Result<void>>;

inline constexpr seconds kPatience{20};

inline ports::ConnectionView connection(std::string id, std::vector<std::string> chats = {"a", "b"}) {
  auto identity = std::make_shared<model::Identity>();
  identity->user = model::UserId("ann");
  auto record = std::make_shared<ports::ConnectionRecord>();
  record->id = model::ConnectionId(std::move(id));
  record->identity = identity;
  record->memberships = {{model::TargetClass::org, "acme"}, {model::TargetClass::project, "p"}};
  record->connected_at = 1'800'000'000'123;
  record->source_address = "192.0.2.1";
  record->user_agent = "agent \"7\"";
  return {record, std::move(chats)};
}

class ConnectionWebhooksTest : public ::testing::Test {
 protected:
  ConnectionWebhooksTest() { loop.start(); }
  ~ConnectionWebhooksTest() override { loop.stop(); }

  static ConnectionWebhookSettings settings(bool may_reject) {
    return {.on_connect = {"http://127.0.0.1/connect", "key"},
            .on_disconnect = {"http://127.0.0.1/disconnect", "key"},
            .connect_may_reject = may_reject,
            .plan = {.pauses = {milliseconds(1), milliseconds(2)}, .jitter = true},
            .verdict_plan = {.pauses = {milliseconds(1), milliseconds(2)}, .in_all = seconds(15)},
            .limits = {.waiting = 4}};
  }
  void start(ConnectionWebhookSettings with) {
    all.push_back(std::make_unique<ConnectionWebhooks>(loop, http, std::move(with)));
    webhooks = all.back().get();
  }
  void start(bool may_reject) { start(settings(may_reject)); }

  Verdict connect(const ports::ConnectionView& view, std::stop_token client_gone = {}) {
    auto promise = std::make_shared<std::promise<base::Result<void>>>();
    Verdict verdict = promise->get_future();
    webhooks->decide(view, std::move(client_gone),
                     [promise](base::Result<void> result) { promise->set_value(std::move(result)); });
    return verdict;
  }
  /// What it was decided; fails the test, and does not hang, while it was not.
  static base::Result<void> decided(Verdict& verdict) {
    if (verdict.wait_for(kPatience) == std::future_status::ready) return verdict.get();
    ADD_FAILURE() << "no verdict";
    return model::fail(errors::kInternal);
  }
  void settle() {
    std::promise<void> done;
    loop.post([&] { done.set_value(); });
    done.get_future().get();
  }
  double figure(std::string_view name, const ports::Labels& labels = {}) {
    settle();
    ports::MetricSet set;
    webhooks->collect(set);
    for (const auto& each : set.find(name)->samples)
      if (each.labels == labels) return each.value;
    return -1;
  }
  double told(std::string event, std::string result) {
    return figure("carillon_connection_events_total",
                  {{"event", std::move(event)}, {"result", std::move(result)}});
  }
  double rejected(std::string by) {
    return figure("carillon_connects_rejected_total", {{"by", std::move(by)}});
  }
  static std::string field(const FakeHttp::Sent& sent, std::string_view name) {
    return std::string(boost::json::parse(sent.request.body).at(name).as_string());
  }
  static bool undecided(Verdict& verdict) {
    return verdict.wait_for(seconds(0)) == std::future_status::timeout;
  }

  FakeHttp http;
  base::EventLoop loop{"test"};
  std::vector<std::unique_ptr<ConnectionWebhooks>> all;  ///< each outlives the loop
  ConnectionWebhooks* webhooks = nullptr;
};

}  // namespace carillon::outbound::testing
