#include "base/log.hpp"

#include <atomic>
#include <cmath>
#include <memory>

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/bytes.hpp"
#include "base/clock.hpp"

namespace carillon::base::log {
namespace {

constexpr std::size_t kQueuedLines = 8192;

std::atomic<Level> threshold{Level::off};
std::shared_ptr<spdlog::details::thread_pool> pool;
std::shared_ptr<spdlog::async_logger> logger;
std::atomic<std::uint64_t> reported_drops{0};
std::atomic<EpochMs> last_report{0};

std::string_view name(Level level) {
  switch (level) {
    case Level::debug:
      return "DEBUG";
    case Level::info:
      return "INFO";
    case Level::warn:
      return "WARN";
    default:
      return "ERROR";
  }
}

void append_text(std::string& line, std::string_view text) {
  append_json_string(line, valid_utf8(text) ? text : std::string_view("(not UTF-8)"));
}

void append_value(std::string& line, const Field& field) {
  std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::string_view>) {
          append_text(line, value);
        } else if constexpr (std::is_same_v<T, bool>) {
          line += value ? "true" : "false";
        } else if (!std::isfinite(static_cast<double>(value))) {
          line += "null";
        } else {
          fmt::format_to(std::back_inserter(line), "{}", value);
        }
      },
      field.value);
}

std::string format(Level level, std::string_view event_type, std::string_view message,
                   std::span<const Field> fields) {
  std::string line = "{\"timestamp\":\"";
  append_iso8601(line, now_ms());
  line += "\",\"level\":\"";
  line += name(level);
  line += "\",\"event_type\":";
  append_json_string(line, event_type);
  line += ",\"message\":";
  append_text(line, message);
  for (const Field& field : fields) {
    line += ',';
    append_json_string(line, field.name);
    line += ':';
    append_value(line, field);
  }
  line += '}';
  return line;
}

/// A report takes a place in the queue, too: where it is full, not more than one a second.
void report_drops() {
  const std::uint64_t dropped = dropped_lines();
  std::uint64_t before = reported_drops.load();
  if (dropped <= before) return;
  const EpochMs now = now_ms();
  const EpochMs last = last_report.load();
  const bool lately = now >= last && now - last < 1000;
  if (lately && pool->queue_size() >= kQueuedLines) return;
  if (!reported_drops.compare_exchange_strong(before, dropped)) return;
  last_report.store(now);
  const Field field("dropped", dropped - before);
  const std::string line =
      format(Level::warn, "log_lines_dropped", "the log could not keep up", std::span(&field, 1));
  logger->log(spdlog::level::info, spdlog::string_view_t(line));
}

}  // namespace

void start(Level level) {
  pool = std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1);
  logger =
      std::make_shared<spdlog::async_logger>("carillon", std::make_shared<spdlog::sinks::stderr_sink_mt>(),
                                             pool, spdlog::async_overflow_policy::overrun_oldest);
  logger->set_pattern("%v");
  logger->flush_on(spdlog::level::trace);
  threshold.store(level);
}

void stop() {
  threshold.store(Level::off);
  logger.reset();
  pool.reset();
}

void set_level(Level level) {
  if (logger) threshold.store(level);
}

bool enabled(Level level) {
  return level >= threshold.load(std::memory_order_relaxed);
}

std::uint64_t dropped_lines() {
  return pool ? pool->overrun_counter() : 0;
}

bool parse_level(std::string_view text, Level& out) {
  if (text == "debug") return out = Level::debug, true;
  if (text == "info") return out = Level::info, true;
  if (text == "warn") return out = Level::warn, true;
  if (text == "error") return out = Level::error, true;
  if (text == "off") return out = Level::off, true;
  return false;
}

void write(Level level, std::string_view event_type, std::string_view message, Fields fields) {
  write(level, event_type, message, std::span<const Field>(fields.begin(), fields.size()));
}

void write(Level level, std::string_view event_type, std::string_view message,
           std::span<const Field> fields) {
  if (!logger) return;
  logger->log(spdlog::level::info, spdlog::string_view_t(format(level, event_type, message, fields)));
  report_drops();
}

}  // namespace carillon::base::log
