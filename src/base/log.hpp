#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <variant>

/// One JSON object per line on stderr (CONTRACT §13), whatever the values are: text that is not UTF-8 becomes
/// `(not UTF-8)`, a number that is not finite null. Any thread; never blocks the caller for long: lines are
/// queued, and what a full queue drops is counted and reported in a line of its own. Tokens, keys and message
/// content are never passed in. docs/logging.md lists every event_type; tests/includes_test.py compares.
namespace carillon::base::log {

enum class Level { debug, info, warn, error, off };

/// A field beside timestamp, level, event_type and message.
struct Field {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, double, bool> value;

  Field(std::string_view name, std::string_view text) : name(name), value(text) {}
  Field(std::string_view name, const std::string& text) : name(name), value(std::string_view(text)) {}
  Field(std::string_view name, const char* text) : name(name), value(std::string_view(text)) {}
  Field(std::string_view name, bool flag) : name(name), value(flag) {}
  Field(std::string_view name, double number) : name(name), value(number) {}
  template <std::integral T>
  Field(std::string_view name, T number) : name(name), value(static_cast<std::int64_t>(number)) {}
};
using Fields = std::initializer_list<Field>;

/// Starts the writer; before it, and after stop(), lines are dropped (and not counted). Once per process.
void start(Level level);
/// Writes what is queued and stops the writer.
void stop();
void set_level(Level level);
bool enabled(Level level);
/// How many lines a full queue has dropped since start(). Not during start() and stop().
std::uint64_t dropped_lines();
/// `debug`, `info`, `warn`, `error` or `off`.
bool parse_level(std::string_view text, Level& out);

void write(Level level, std::string_view event_type, std::string_view message, Fields fields = {});
/// With fields that were put together; see model::MessageFields.
void write(Level level, std::string_view event_type, std::string_view message, std::span<const Field> fields);
inline void debug(std::string_view event_type, std::string_view message, Fields fields = {}) {
  if (enabled(Level::debug)) write(Level::debug, event_type, message, fields);
}
inline void info(std::string_view event_type, std::string_view message, Fields fields = {}) {
  if (enabled(Level::info)) write(Level::info, event_type, message, fields);
}
inline void warn(std::string_view event_type, std::string_view message, Fields fields = {}) {
  if (enabled(Level::warn)) write(Level::warn, event_type, message, fields);
}
inline void error(std::string_view event_type, std::string_view message, Fields fields = {}) {
  if (enabled(Level::error)) write(Level::error, event_type, message, fields);
}

}  // namespace carillon::base::log
