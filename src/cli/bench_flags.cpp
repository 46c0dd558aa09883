#include "cli/bench_flags.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <map>

namespace carillon::cli {
namespace {

template <typename T>
bool read_number(std::string_view text, T& to, T min, T max) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= min && value <= max))
    return false;
  to = value;
  return true;
}

constexpr std::size_t kMost = 1'000'000'000;
constexpr std::size_t kMostBytes = 1 << 24;

}  // namespace

std::vector<BenchFlag> bench_flags(bench::Options& options) {
  const auto text = [](std::string& to) {
    return [&to](std::string_view value) { return to = value, !value.empty(); };
  };
  const auto count = [](std::size_t& to, std::size_t min = 0, std::size_t max = kMost) {
    return [&to, min, max](std::string_view value) { return read_number(value, to, min, max); };
  };
  const auto seconds = [](std::chrono::seconds& to) {
    return [&to](std::string_view value) {
      long number = 0;
      const bool good = read_number(value, number, 1L, 86400L);
      return good && (to = std::chrono::seconds(number), true);
    };
  };
  const auto one_of = [](auto& to, auto choices) {
    return [&to, choices](std::string_view value) {
      const auto found = choices.find(value);
      return found != choices.end() && (to = found->second, true);
    };
  };
  using bench::BareWrites;
  using bench::Protocol;
  const std::map<std::string, Protocol, std::less<>> protocols{{"carillon", Protocol::carillon},
                                                               {"nchan", Protocol::nchan},
                                                               {"nats", Protocol::nats},
                                                               {"bare", Protocol::bare}};
  const std::map<std::string, BareWrites, std::less<>> writes{{"each", BareWrites::each},
                                                              {"turn", BareWrites::turn}};
  const std::map<std::string, std::string, std::less<>> types{
      {"standard", "standard"}, {"fifo", "fifo"}, {"ephemeral", "ephemeral"}};
  constexpr const char* kCount = "a whole number up to 1000000000";
  constexpr const char* kSeconds = "a whole number from 1 to 86400";
  constexpr const char* kText = "a text";
  return {
      {"--url", "URL", "http:// or ws:// (or CARILLON_URL)", kText, text(options.url)},
      {"--token", "TOKEN", "With carillon/admin (or CARILLON_TOKEN)", kText, text(options.token)},
      {"--connections", "N", "Connections (1000; idle 10000; publish 64)", kCount,
       count(options.connections)},
      {"--messages", "N", "Messages (fanout 5000; others 100000)", kCount, count(options.messages)},
      {"--in-flight", "N", "Unanswered publishes at a time (fanout 16; one-to-one 64)", kCount,
       count(options.in_flight)},
      {"--publishers", "N", "Publishing connections (fanout 1; one-to-one 4)", kCount,
       count(options.publishers)},
      {"--size", "N", "Bytes of content (128)",
       "a whole number from " + std::to_string(bench::Options::kMinContentBytes) + " to 16777216",
       count(options.size, bench::Options::kMinContentBytes, kMostBytes)},
      {"--batch", "N", "Messages per POST /publish/batch (1)", "a whole number from 1 to 100",
       count(options.batch, 1, 100)},
      {"--rate", "N", "Messages per second (as fast as it goes)", "a number up to 1000000000",
       [&options](std::string_view value) { return read_number(value, options.rate, 0.0, 1e9); }},
      {"--warmup", "N", "Messages before measuring (a tenth)", kCount, count(options.warmup)},
      {"--type", "TYPE", "standard (default), fifo or ephemeral", "standard, fifo or ephemeral",
       one_of(options.message_type, types)},
      {"--timeout", "S", "Seconds for the whole run (120)", kSeconds, seconds(options.timeout)},
      {"--stall", "S", "Seconds without progress after which it ends (10)", kSeconds, seconds(options.stall)},
      {"--server-pid", "PID", "Whose CPU time and memory to read; may come again", "a process id",
       [&options](std::string_view value) {
         int pid = 0;
         if (!read_number(value, pid, 1, std::numeric_limits<int>::max())) return false;
         options.server_pids.push_back(pid);
         return true;
       },
       true},
      {"--protocol", "P", "carillon (default), nchan, nats or bare", "carillon, nchan, nats or bare",
       one_of(options.protocol, protocols)},
      {"--publish-url", "URL", "Where to publish, when elsewhere", kText, text(options.publish_url)},
      {"--subscribe-path", "PATH", "nchan: where to subscribe (/sub/{channel})", kText,
       text(options.subscribe_path)},
      {"--publish-path", "PATH", "nchan: where to publish (/pub/{channel})", kText,
       text(options.publish_path)},
      {"--bare", "W", "bare: a write for each message or each turn (turn)", "each or turn",
       one_of(options.bare_writes, writes)},
      {"--server-core", "N", "bare: core of the forked server (any)", "the number of a core",
       [&options](std::string_view value) { return read_number(value, options.server_core, 0, 4095); }},
  };
}

}  // namespace carillon::cli
