#include "cli/bench/bench.hpp"

#include <cstdio>

#include <fmt/format.h>
#include <sys/prctl.h>

#include "base/bytes.hpp"
#include "cli/bench/marker.hpp"
#include "cli/bench/session.hpp"

namespace carillon::cli::bench {
namespace {

constexpr int kUsageError = 2;
constexpr std::size_t kMaxMessages = 100'000'000;
constexpr std::size_t kMaxConnections = 1'000'000;
constexpr std::size_t kMaxContentBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxBatch = 100;
constexpr std::size_t kFilesBeside = 64;

static_assert(Options::kMinContentBytes >= Marker::kBytes);

std::size_t or_default(std::size_t value, std::size_t fallback) {
  return value == 0 ? fallback : value;
}

void fill_defaults(Options& options) {
  const bool fanout = options.workload == Workload::fanout;
  const bool publish = options.workload == Workload::publish;
  const bool idle = options.workload == Workload::idle;
  options.connections = or_default(options.connections, idle ? 10'000 : publish ? 64 : 1000);
  options.messages = or_default(options.messages, fanout ? 5000 : 100'000);
  options.in_flight = or_default(options.in_flight, fanout    ? 16
                                                    : publish ? options.connections * options.batch
                                                              : 64);
  options.publishers = or_default(options.publishers, fanout ? 1 : 4);
  if (options.warmup == SIZE_MAX) options.warmup = options.messages / 10;
}

/// What is wrong with the options; empty: nothing.
std::string complaint(const Options& options) {
  const bool publish = options.workload == Workload::publish;
  if (options.size < Options::kMinContentBytes || options.size > kMaxContentBytes) {
    return fmt::format("--size {}: {} to {}", options.size, Options::kMinContentBytes, kMaxContentBytes);
  }
  if (options.connections > kMaxConnections) {
    return fmt::format("--connections {}: at most {}", options.connections, kMaxConnections);
  }
  if (options.messages > kMaxMessages || options.warmup > kMaxMessages) {
    return fmt::format("--messages {}: at most {}", options.messages, kMaxMessages);
  }
  if (options.batch == 0 || options.batch > kMaxBatch) {
    return fmt::format("--batch {}: 1 to {}", options.batch, kMaxBatch);
  }
  if (options.batch > 1 && !(publish && options.protocol == Protocol::carillon)) {
    return "--batch: only for publish with protocol carillon";
  }
  if (options.rate < 0 || (options.rate > 0 && (publish || options.workload == Workload::idle))) {
    return "--rate: a positive number, for fanout and one-to-one";
  }
  if (options.message_type != "standard" && options.message_type != "fifo" &&
      options.message_type != "ephemeral") {
    return "--type: standard, fifo or ephemeral";
  }
  if (publish && options.protocol == Protocol::bare) return "publish: the bare loop answers nothing";
  return {};
}

Report run_workload(Session& session) {
  switch (session.options.workload) {
    case Workload::fanout:
    case Workload::one_to_one:
      return run_messages(session);
    case Workload::publish:
      return run_publish(session);
    case Workload::idle:
      break;
  }
  return run_idle(session);
}

int complain(int status, std::string_view text) {
  fmt::print(stderr, "carillon bench: {}\n", base::printable(text));
  return status;
}

}  // namespace

int run(const Options& given) {
  Options options = given;
  fill_defaults(options);
  if (const auto text = complaint(options); !text.empty()) return complain(kUsageError, text);
  const auto files = raise_open_files();
  if (files < options.connections + options.publishers + kFilesBeside) {
    return complain(1, fmt::format("{} connections need more open files than the {} allowed",
                                   options.connections, files));
  }
  // Open-loop sending sleeps for parts of a millisecond.
  prctl(PR_SET_TIMERSLACK, 1);
  auto session = Session::open(options);
  if (!session) return complain(1, session.error());
  const auto report = run_workload(**session);
  session->reset();
  fmt::print("{}", options.json ? to_json(options, report) : to_table(options, report));
  std::fflush(stdout);
  return report.flawless() ? 0 : 1;
}

}  // namespace carillon::cli::bench
