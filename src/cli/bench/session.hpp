#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "cli/bench/bare_server.hpp"
#include "cli/bench/bench.hpp"
#include "cli/bench/driver.hpp"
#include "cli/bench/marker.hpp"
#include "cli/bench/process_stats.hpp"
#include "cli/bench/report.hpp"
#include "cli/bench/socket.hpp"
#include "cli/bench/subscribers.hpp"

namespace carillon::cli::bench {

/// The longest wait within one turn of a workload's loop, in ns.
inline constexpr std::uint64_t kTurnLimit = 100'000'000;

/// What every workload needs: the server's addresses, its driver, the clock that ends the run.
struct Session {
  /// Errors: an address that is none. Starts the bare server where that is what is measured.
  static Outcome<std::unique_ptr<Session>> open(const Options& options);

  Options options;
  std::optional<BareServer> bare;
  std::vector<int> server_pids;
  Endpoint subscribe;
  Endpoint publish;
  std::unique_ptr<Driver> driver;
  std::optional<MarkerCodec> codec;
  Poller poller;
  ReadBuffer buffer;
  Progress progress;
  std::uint64_t deadline = 0;  ///< CLOCK_MONOTONIC, ns

  bool over() const { return now_ns() > deadline; }
  /// Connects all of them; why not, otherwise.
  Outcome<void> connect(Subscribers& subscribers);
  /// The server's CPU time once it has come to rest (what it still does for messages that have arrived
  /// belongs to them), or after three seconds.
  std::optional<double> settled_cpu() const;
};

/// The four workloads. Each blocks until it is over, one way or another.
Report run_messages(Session& session);  ///< fanout and one-to-one
Report run_publish(Session& session);
Report run_idle(Session& session);

}  // namespace carillon::cli::bench
