#include "gateway/loop_figures.hpp"

#include <algorithm>

#include "gateway/close_code.hpp"

namespace carillon::gateway {
namespace {

constexpr std::array<std::string_view, LoopFigures::kMethods> kMethodNames{
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"};

/// Those of docs/protocol.md, and what is never sent but seen: no status, and no close frame at all.
constexpr std::array<std::uint16_t, 14> kCloseCodes{1000, 1001, 1002, 1003, 1005, 1006, 1007,
                                                    1008, 1009, 1011, 1013, 4401, 4403, 4408};

std::string status_text(std::size_t index) {
  return index < kHttpStatuses.size() ? std::to_string(kHttpStatuses[index].status) : "other";
}

/// Refusals of upgrades that are always there, so that a rate over them begins at 0.
bool always_shown(std::size_t index) {
  const std::string text = status_text(index);
  return text == "401" || text == "403" || text == "429" || text == "503";
}

/// Answers to a route that are always there, for the same reason.
bool always_shown(const RoutePattern& route, std::string_view method, std::size_t status) {
  if (route.methods.empty()) return method == "GET" && status == index_of_status(404);
  return std::ranges::find(route.methods, method) != route.methods.end() &&
         (status == index_of_status(200) || status == index_of_status(500) || status == index_of_status(503));
}

template <typename Value>
std::uint64_t sum(std::span<const LoopFigures* const> loops, Value value) {
  std::uint64_t total = 0;
  for (const LoopFigures* each : loops) total += value(*each);
  return total;
}

}  // namespace

std::uint8_t method_number(std::string_view method) {
  const auto found = std::ranges::find(kMethodNames.begin(), kMethodNames.end() - 1, method);
  return static_cast<std::uint8_t>(found - kMethodNames.begin());
}

LoopFigures::~LoopFigures() {
  for (std::size_t i = 0; i < patterns_; ++i) delete answers_[i].load(std::memory_order_relaxed);
}

void LoopFigures::set_patterns(std::size_t count) {
  patterns_ = count + 1;
  answers_ = std::make_unique<std::atomic<Answers*>[]>(patterns_);
}

void LoopFigures::connection_closed(std::uint16_t code) {
  const auto found = std::ranges::find(kCloseCodes, code);
  closed_[static_cast<std::size_t>(found - kCloseCodes.begin())].add();
}

void LoopFigures::upgrade_refused(int status) {
  refused_[index_of_status(status)].add();
}

void LoopFigures::answered(std::size_t pattern, std::uint8_t method, int status,
                           std::chrono::steady_clock::duration duration) {
  std::atomic<Answers*>& place = answers_[pattern < patterns_ ? pattern : kUnrouted];
  Answers* into = place.load(std::memory_order_relaxed);
  if (!into) {
    into = new Answers;
    place.store(into, std::memory_order_release);
  }
  into->count[method][index_of_status(status)].add();
  into->duration.record(duration);
}

const LoopFigures::Answers* LoopFigures::answers(std::size_t pattern) const {
  return pattern < patterns_ ? answers_[pattern].load(std::memory_order_acquire) : nullptr;
}

void LoopFigures::collect(std::span<const LoopFigures* const> loops, std::span<const RoutePattern> patterns,
                          ports::MetricSet& into) {
  collect_sockets(loops, into);
  collect_answers(loops, kUnrouted, {"unrouted", {}}, into);
  for (std::size_t i = 0; i < patterns.size(); ++i) collect_answers(loops, i + 1, patterns[i], into);
}

void LoopFigures::collect_sockets(std::span<const LoopFigures* const> loops, ports::MetricSet& into) {
  static_assert(kCodes == kCloseCodes.size() + 1);
  const auto total = [&](std::string_view name, std::string_view help, base::Counter LoopFigures::* member) {
    into.counter(name, help, sum(loops, [&](const LoopFigures& each) { return (each.*member).value(); }));
  };
  total("carillon_connections_opened_total", "WebSockets opened", &LoopFigures::connections_opened);
  total("carillon_websocket_messages_received_total", "Messages that came in over WebSockets",
        &LoopFigures::messages_received);
  total("carillon_websocket_bytes_received_total", "Bytes that came in over WebSockets, TLS taken off",
        &LoopFigures::bytes_received);
  total("carillon_websocket_bytes_sent_total", "Bytes that sockets took over WebSockets, before TLS",
        &LoopFigures::bytes_sent);
  total("carillon_delivery_retries_total", "Attempts after the first to deliver a frame to a full connection",
        &LoopFigures::delivery_retries);
  total("carillon_slow_consumers_total", "Connections closed because they did not read what they were sent",
        &LoopFigures::slow_consumers);
  into.gauge(
      "carillon_outbound_bytes", "Frames for WebSockets that their sockets have not taken yet",
      static_cast<double>(sum(loops, [](const LoopFigures& each) { return each.outbound_bytes.value(); })));
  for (std::size_t i = 0; i < kCodes; ++i)
    into.counter("carillon_connections_closed_total", "WebSockets closed, by the code that ended them",
                 sum(loops, [&](const LoopFigures& each) { return each.closed_[i].value(); }),
                 {{"code", i < kCloseCodes.size() ? std::to_string(kCloseCodes[i]) : "other"}});
  for (std::size_t i = 0; i < kStatuses; ++i) {
    const auto count = sum(loops, [&](const LoopFigures& each) { return each.refused_[i].value(); });
    if (count > 0 || always_shown(i))
      into.counter("carillon_upgrades_refused_total", "WebSocket upgrades refused, by the status answered",
                   count, {{"status", status_text(i)}});
  }
}

void LoopFigures::collect_answers(std::span<const LoopFigures* const> loops, std::size_t pattern,
                                  const RoutePattern& route, ports::MetricSet& into) {
  base::Histogram duration;
  for (const LoopFigures* each : loops)
    if (const Answers* answers = each->answers(pattern)) duration.merge(answers->duration.snapshot());
  if (!duration.empty() || pattern == kUnrouted)
    into.histogram("carillon_http_request_duration_seconds",
                   "From the complete request to its answer being queued", ports::HistogramUnit::microseconds,
                   std::move(duration), {{"route", route.path}});
  for (std::size_t method = 0; method < kMethods; ++method)
    for (std::size_t status = 0; status < kStatuses; ++status) {
      const auto count = sum(loops, [&](const LoopFigures& each) {
        const Answers* answers = each.answers(pattern);
        return answers ? answers->count[method][status].value() : 0;
      });
      if (count > 0 || always_shown(route, kMethodNames[method], status))
        into.counter("carillon_http_requests_total", "HTTP requests answered, upgrades not among them", count,
                     {{"route", route.path},
                      {"method", std::string(kMethodNames[method])},
                      {"status", status_text(status)}});
    }
}

}  // namespace carillon::gateway
