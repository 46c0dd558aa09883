#include "base/clock.hpp"

#include <array>
#include <charconv>
#include <limits>

namespace carillon::base {
namespace {

void append_padded(std::string& out, unsigned value, int width) {
  std::array<char, 10> digits{};
  for (int i = width - 1; i >= 0; --i, value /= 10) digits[i] = static_cast<char>('0' + value % 10);
  out.append(digits.data(), width);
}

/// Reads exactly `width` digits at `position` and moves it on.
std::optional<int> digits(std::string_view text, std::size_t& position, std::size_t width) {
  if (position + width > text.size()) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    const char c = text[position + i];
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  position += width;
  return value;
}

bool literal(std::string_view text, std::size_t& position, char expected) {
  if (position >= text.size() || text[position] != expected) return false;
  ++position;
  return true;
}

struct Unit {
  std::string_view suffix;
  std::int64_t factor;
};
constexpr std::array<Unit, 5> kUnits{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

}  // namespace

EpochMs now_ms() {
  return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void append_iso8601(std::string& out, EpochMs time) {
  using namespace std::chrono;
  const sys_time<milliseconds> instant{milliseconds(time)};
  const auto day = floor<days>(instant);
  const year_month_day date{day};
  const hh_mm_ss clock{instant - day};
  append_padded(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_padded(out, static_cast<unsigned>(clock.hours().count()), 2);
  out += ':';
  append_padded(out, static_cast<unsigned>(clock.minutes().count()), 2);
  out += ':';
  append_padded(out, static_cast<unsigned>(clock.seconds().count()), 2);
  out += '.';
  append_padded(out, static_cast<unsigned>(clock.subseconds().count()), 3);
  out += 'Z';
}

std::string iso8601(EpochMs time) {
  std::string out;
  append_iso8601(out, time);
  return out;
}

std::optional<EpochMs> parse_iso8601(std::string_view text) {
  using namespace std::chrono;
  std::size_t at = 0;
  const auto year_part = digits(text, at, 4);
  if (!year_part || !literal(text, at, '-')) return std::nullopt;
  const auto month_part = digits(text, at, 2);
  if (!month_part || !literal(text, at, '-')) return std::nullopt;
  const auto day_part = digits(text, at, 2);
  if (!day_part || !literal(text, at, 'T')) return std::nullopt;
  const auto hour_part = digits(text, at, 2);
  if (!hour_part || *hour_part > 23 || !literal(text, at, ':')) return std::nullopt;
  const auto minute_part = digits(text, at, 2);
  if (!minute_part || *minute_part > 59 || !literal(text, at, ':')) return std::nullopt;
  const auto second_part = digits(text, at, 2);
  if (!second_part || *second_part > 59) return std::nullopt;
  std::int64_t fraction_ms = 0;
  if (literal(text, at, '.')) {
    std::int64_t scale = 100;
    const std::size_t start = at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10)
      fraction_ms += scale * (text[at] - '0');
    if (at == start || at - start > 9) return std::nullopt;
  }
  std::int64_t offset_minutes = 0;
  if (!literal(text, at, 'Z')) {
    if (at >= text.size() || (text[at] != '+' && text[at] != '-')) return std::nullopt;
    const int sign = text[at++] == '+' ? 1 : -1;
    const auto offset_hour = digits(text, at, 2);
    if (!offset_hour || *offset_hour > 23 || !literal(text, at, ':')) return std::nullopt;
    const auto offset_minute = digits(text, at, 2);
    if (!offset_minute || *offset_minute > 59) return std::nullopt;
    offset_minutes = sign * (*offset_hour * 60 + *offset_minute);
  }
  const year_month_day date{year(*year_part), month(static_cast<unsigned>(*month_part)),
                            day(static_cast<unsigned>(*day_part))};
  if (at != text.size() || !date.ok()) return std::nullopt;
  const auto instant = sys_days(date) + hours(*hour_part) + minutes(*minute_part - offset_minutes) +
                       seconds(*second_part) + milliseconds(fraction_ms);
  return duration_cast<milliseconds>(instant.time_since_epoch()).count();
}

std::optional<milliseconds> parse_duration(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0 || text.empty() || text[0] == '-') return std::nullopt;
  const std::string_view suffix(end, text.data() + text.size() - end);
  for (const Unit& unit : kUnits) {
    if (suffix != unit.suffix) continue;
    if (value > std::numeric_limits<std::int64_t>::max() / unit.factor / 1'000'000) return std::nullopt;
    return milliseconds(value * unit.factor);
  }
  return std::nullopt;
}

std::string format_duration(milliseconds duration) {
  const Unit* best = &kUnits[0];
  for (const Unit& unit : kUnits)
    if (duration.count() != 0 && duration.count() % unit.factor == 0) best = &unit;
  return std::to_string(duration.count() / best->factor) + std::string(best->suffix);
}

}  // namespace carillon::base
