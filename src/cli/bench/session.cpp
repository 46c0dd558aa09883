#include "cli/bench/session.hpp"

#include <cmath>
#include <thread>

#include "base/ids.hpp"

namespace carillon::cli::bench {
namespace {

constexpr std::size_t kHandshakesAtOnce = 128;

std::uint32_t random_run() {
  std::uint8_t bytes[4];
  base::random_bytes(bytes, sizeof bytes);
  return static_cast<std::uint32_t>(bytes[0]) << 24 | static_cast<std::uint32_t>(bytes[1]) << 16 |
         static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3];
}

}  // namespace

Outcome<std::unique_ptr<Session>> Session::open(const Options& options) {
  auto session = std::make_unique<Session>();
  session->options = options;
  session->server_pids = options.server_pids;
  std::string url = options.url;
  if (options.protocol == Protocol::bare) {
    auto bare = BareServer::start(options.bare_writes, options.server_core);
    if (!bare) return std::unexpected(bare.error());
    url = bare->url();
    session->server_pids = {bare->pid()};
    session->bare.emplace(std::move(*bare));
  }
  auto subscribe = Endpoint::parse(url);
  if (!subscribe) return std::unexpected(subscribe.error());
  const bool separate = !options.publish_url.empty() && options.protocol != Protocol::bare;
  auto publish = Endpoint::parse(separate ? options.publish_url : url);
  if (!publish) return std::unexpected(publish.error());
  session->subscribe = *subscribe;
  session->publish = *publish;
  const auto run = random_run();
  session->codec.emplace(run);
  session->driver = make_driver(options, run, session->subscribe, session->publish);
  session->deadline =
      now_ns() + static_cast<std::uint64_t>(std::chrono::nanoseconds(options.timeout).count());
  return session;
}

Outcome<void> Session::connect(Subscribers& subscribers) {
  while (subscribers.ready() < subscribers.size()) {
    subscribers.connect_some(kHandshakesAtOnce);
    if (!subscribers.failure().empty()) return std::unexpected(subscribers.failure());
    if (subscribers.disconnected() > 0) return std::unexpected("the server closed a connection at once");
    if (over()) return std::unexpected("not all connections came about in time");
    for (const auto& event : poller.wait(kTurnLimit)) subscribers.on_event(event.data.u64, event.events);
    progress.show("connected", subscribers.ready(), subscribers.size(), now_ns());
  }
  return {};
}

std::optional<double> Session::settled_cpu() const {
  constexpr auto kPause = std::chrono::milliseconds(100);
  constexpr int kPauses = 30;
  constexpr double kRest = 0.015;
  auto before = cpu_seconds(server_pids);
  for (int pause = 0; before && pause < kPauses; ++pause) {
    std::this_thread::sleep_for(kPause);
    const auto now = cpu_seconds(server_pids);
    if (!now || *now - *before < kRest) return now;
    before = now;
  }
  return before;
}

}  // namespace carillon::cli::bench
