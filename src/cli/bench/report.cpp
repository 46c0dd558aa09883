#include "cli/bench/report.hpp"

#include <cstdio>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "base/bytes.hpp"

namespace carillon::cli::bench {
namespace {

constexpr std::uint64_t kProgressInterval = 100'000'000;

std::string_view name(Workload workload) {
  switch (workload) {
    case Workload::fanout:
      return "fanout";
    case Workload::one_to_one:
      return "one-to-one";
    case Workload::idle:
      return "idle";
    case Workload::publish:
      return "publish";
  }
  std::unreachable();
}

std::string_view name(Protocol protocol) {
  switch (protocol) {
    case Protocol::carillon:
      return "carillon";
    case Protocol::nchan:
      return "nchan";
    case Protocol::nats:
      return "nats";
    case Protocol::bare:
      return "bare";
  }
  std::unreachable();
}

double per_second(std::uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

/// What a run makes of the server's work: deliveries, answered publishes, or connections.
std::uint64_t units(const Options& options, const Report& report) {
  switch (options.workload) {
    case Workload::fanout:
    case Workload::one_to_one:
      return report.delivered;
    case Workload::publish:
      return report.published;
    case Workload::idle:
      return report.connections;
  }
  std::unreachable();
}

std::optional<double> cpu_micros_per_unit(const Options& options, const Report& report) {
  const auto count = units(options, report);
  if (!report.server_cpu_seconds || count == 0) return std::nullopt;
  return *report.server_cpu_seconds * 1e6 / static_cast<double>(count);
}

double kib_per_connection(std::int64_t bytes, const Report& report) {
  return report.connections == 0
             ? 0
             : static_cast<double>(bytes) / 1024 / static_cast<double>(report.connections);
}

std::string_view unit_name(Workload workload) {
  if (workload == Workload::publish) return "publish";
  return workload == Workload::idle ? "connect" : "delivery";
}

class JsonObject {
 public:
  void number(std::string_view key, double value) { member(key, fmt::format("{:.6g}", value)); }
  void integer(std::string_view key, std::uint64_t value) { member(key, fmt::format("{}", value)); }
  void text(std::string_view key, std::string_view value) { member(key, base::json_string(value)); }
  void member(std::string_view key, std::string_view json) {
    text_ += fmt::format("{}\"{}\":{}", text_.empty() ? "{" : ",", key, json);
  }
  void optional(std::string_view key, const std::optional<double>& value) {
    if (value) number(key, *value);
  }
  std::string str() const { return text_ + "}"; }

 private:
  std::string text_;
};

std::string latency_json(const Histogram& latency) {
  JsonObject object;
  object.number("p50", static_cast<double>(latency.quantile(0.5)) / 1e3);
  object.number("p90", static_cast<double>(latency.quantile(0.9)) / 1e3);
  object.number("p99", static_cast<double>(latency.quantile(0.99)) / 1e3);
  object.number("max", static_cast<double>(latency.max()) / 1e3);
  return object.str();
}

}  // namespace

std::string to_json(const Options& options, const Report& report) {
  JsonObject object;
  object.text("workload", name(options.workload));
  object.text("protocol", name(options.protocol));
  object.integer("connections", report.connections);
  object.number("seconds", report.seconds);
  object.optional("serverCpuSeconds", report.server_cpu_seconds);
  object.number("generatorCpuSeconds", report.generator_cpu_seconds);
  if (options.workload == Workload::idle) {
    object.number("connectsPerSecond", per_second(report.connections, report.seconds));
    object.optional("serverCpuMicrosPerConnect", cpu_micros_per_unit(options, report));
    if (report.rss_delta_bytes) {
      object.number("rssKibPerConnection", kib_per_connection(*report.rss_delta_bytes, report));
      object.number("pssKibPerConnection", kib_per_connection(*report.pss_delta_bytes, report));
      object.number("privateKibPerConnection", kib_per_connection(*report.private_delta_bytes, report));
    }
    object.integer("closedCleanly", report.closed_cleanly);
  } else {
    object.integer("publishers", report.publishers);
    object.integer("inFlight", report.in_flight);
    object.integer("size", options.size);
    object.integer("batch", options.batch);
    object.number("rate", options.rate);
    object.integer("published", report.published);
    object.integer("delivered", report.delivered);
    object.number("publishesPerSecond", per_second(report.published, report.seconds));
    object.number("deliveriesPerSecond", per_second(report.delivered, report.seconds));
    object.optional(
        options.workload == Workload::publish ? "serverCpuMicrosPerPublish" : "serverCpuMicrosPerDelivery",
        cpu_micros_per_unit(options, report));
    object.number("messagesPerRead", report.messages_per_read);
    object.member("latencyMicros", latency_json(report.latency));
    object.integer("lost", report.lost);
    object.integer("duplicated", report.duplicated);
    object.integer("reordered", report.reordered);
    object.integer("stray", report.stray);
    object.integer("refused", report.refused);
    object.integer("unanswered", report.unanswered);
  }
  object.integer("disconnected", report.disconnected);
  if (!report.failure.empty()) object.text("failure", report.failure);
  return object.str() + "\n";
}

std::string to_table(const Options& options, const Report& report) {
  std::vector<std::pair<std::string, std::string>> rows;
  const auto row = [&](std::string label, std::string value) {
    rows.emplace_back(std::move(label), std::move(value));
  };
  row("workload", fmt::format("{} over {}", name(options.workload), name(options.protocol)));
  row("connections", fmt::format("{}", report.connections));
  if (options.workload == Workload::idle) {
    row("connects per second", fmt::format("{:.0f}", per_second(report.connections, report.seconds)));
    if (report.rss_delta_bytes) {
      row("KiB per connection",
          fmt::format("{:.2f} resident, {:.2f} private", kib_per_connection(*report.rss_delta_bytes, report),
                      kib_per_connection(*report.private_delta_bytes, report)));
    }
    row("closed cleanly", fmt::format("{}", report.closed_cleanly));
  } else {
    row("published", fmt::format("{} of {} bytes, {} in flight over {} connections", report.published,
                                 options.size, report.in_flight, report.publishers));
    row("delivered", fmt::format("{}", report.delivered));
    row("publishes per second", fmt::format("{:.0f}", per_second(report.published, report.seconds)));
    row("deliveries per second", fmt::format("{:.0f}", per_second(report.delivered, report.seconds)));
    row("messages per read", fmt::format("{:.2f}", report.messages_per_read));
    const auto micros = [&](std::uint64_t ns) {
      return fmt::format("{:.0f}", static_cast<double>(ns) / 1e3);
    };
    row("latency µs", fmt::format("p50 {}  p90 {}  p99 {}  max {}", micros(report.latency.quantile(0.5)),
                                  micros(report.latency.quantile(0.9)), micros(report.latency.quantile(0.99)),
                                  micros(report.latency.max())));
    row("lost", fmt::format("{}", report.lost));
    row("duplicated", fmt::format("{}", report.duplicated));
    row("reordered", fmt::format("{}", report.reordered));
    if (report.stray > 0) row("misdirected", fmt::format("{}", report.stray));
    if (report.refused > 0) row("refused", fmt::format("{}", report.refused));
    if (report.unanswered > 0) row("unanswered", fmt::format("{}", report.unanswered));
  }
  if (const auto micros = cpu_micros_per_unit(options, report)) {
    row(fmt::format("server CPU µs per {}", unit_name(options.workload)), fmt::format("{:.3f}", *micros));
  }
  row("generator CPU s", fmt::format("{:.2f} of {:.2f}", report.generator_cpu_seconds, report.seconds));
  if (report.disconnected > 0) row("disconnected", fmt::format("{}", report.disconnected));
  if (!report.failure.empty()) row("failed", base::printable(report.failure));

  std::string out;
  for (const auto& [label, value] : rows) out += fmt::format("{:<28}{}\n", label, value);
  return out;
}

Progress::Progress() : terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (terminal_ && last_ != 0) std::fputs("\r\x1b[K", stderr);
}

void Progress::show(const char* what, std::uint64_t done, std::uint64_t all, std::uint64_t now) {
  if (!terminal_ || now - last_ < kProgressInterval) return;
  last_ = now;
  std::fprintf(stderr, "\r\x1b[K%s %llu of %llu", what, static_cast<unsigned long long>(done),
               static_cast<unsigned long long>(all));
}

}  // namespace carillon::cli::bench
