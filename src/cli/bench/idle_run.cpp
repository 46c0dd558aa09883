#include <algorithm>
#include <thread>

#include "cli/bench/session.hpp"

namespace carillon::cli::bench {
namespace {

constexpr std::uint64_t kCloseLimit = 10'000'000'000;
constexpr std::size_t kConnectionsPerChannel = 10;
constexpr double kNanos = 1e9;

/// Looks after the connections (pings are answered, closes noticed) for a while.
void serve(Session& session, Subscribers& subscribers, std::uint64_t until) {
  for (auto now = now_ns(); now < until; now = now_ns()) {
    for (const auto& event : session.poller.wait(std::min(until - now, kTurnLimit))) {
      subscribers.on_event(event.data.u64, event.events);
    }
  }
}

void close_all(Session& session, Subscribers& subscribers) {
  subscribers.close_all();
  const auto until = now_ns() + kCloseLimit;
  while (subscribers.closed() < subscribers.size() && now_ns() < until) {
    for (const auto& event : session.poller.wait(kTurnLimit)) {
      subscribers.on_event(event.data.u64, event.events);
    }
    session.progress.show("closed", subscribers.closed(), subscribers.size(), now_ns());
  }
}

std::int64_t difference(std::uint64_t after, std::uint64_t before) {
  return static_cast<std::int64_t>(after) - static_cast<std::int64_t>(before);
}

}  // namespace

Report run_idle(Session& session) {
  constexpr std::uint64_t kRest = 2'000'000'000;
  Report report{.connections = session.options.connections};
  const auto channels = std::max<std::size_t>(1, session.options.connections / kConnectionsPerChannel);
  Subscribers subscribers(*session.driver, session.subscribe, session.poller, session.buffer,
                          {.connections = session.options.connections, .channels = channels});
  const auto memory_before = memory(session.server_pids);
  const auto cpu_before = session.settled_cpu();
  const auto own_before = own_cpu_seconds();
  const auto start = now_ns();
  const auto connected = session.connect(subscribers);
  report.seconds = static_cast<double>(now_ns() - start) / kNanos;
  report.generator_cpu_seconds = own_cpu_seconds() - own_before;
  if (!connected) {
    report.failure = connected.error();
    return report;
  }
  const auto cpu_after = session.settled_cpu();
  if (cpu_before && cpu_after) report.server_cpu_seconds = *cpu_after - *cpu_before;
  serve(session, subscribers, now_ns() + kRest);
  const auto memory_after = memory(session.server_pids);
  if (memory_before && memory_after) {
    report.rss_delta_bytes = difference(memory_after->rss_bytes, memory_before->rss_bytes);
    report.pss_delta_bytes = difference(memory_after->pss_bytes, memory_before->pss_bytes);
    report.private_delta_bytes = difference(memory_after->private_bytes, memory_before->private_bytes);
  }
  report.disconnected = subscribers.disconnected();
  close_all(session, subscribers);
  report.closed_cleanly = subscribers.closed_cleanly();
  return report;
}

}  // namespace carillon::cli::bench
