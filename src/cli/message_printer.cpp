#include "cli/message_printer.hpp"

#include <algorithm>

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "base/terminal.hpp"

namespace carillon::cli {
namespace {

constexpr std::size_t kGap = 2;
/// However narrow the terminal is, this much of a content is shown.
constexpr std::size_t kLeastContent = 10;

struct Block {
  char32_t first, last;
};
constexpr Block kWide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},  {0xac00, 0xd7a3},
                           {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},  {0xffe0, 0xffe6},
                           {0x1f300, 0x1f64f}, {0x1f680, 0x1faff}, {0x20000, 0x3fffd}};

/// Takes the first character off `text`; its code point.
char32_t next_character(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  char32_t code = size == 1 ? lead : lead & (0x7fu >> size);
  for (std::size_t i = 1; i < size && i < text.size(); ++i)
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3fu);
  text.remove_prefix(std::min(size, text.size()));
  return code;
}

std::size_t width_of(char32_t code) {
  return std::ranges::any_of(kWide, [&](Block block) { return code >= block.first && code <= block.last; })
             ? 2
             : 1;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) width += width_of(next_character(text));
  return width;
}

std::string cut_to(std::string_view text, std::size_t columns) {
  if (text.size() <= columns || display_width(text) <= columns) return std::string(text);
  std::string_view rest = text;
  std::size_t width = 0;
  while (true) {
    std::string_view behind = rest;
    width += width_of(next_character(behind));
    if (width + 1 > columns) break;
    rest = behind;
  }
  return std::string(text.substr(0, text.size() - rest.size())) + "…";
}

std::size_t terminal_columns() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 0 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

void MessagePrinter::print(const std::vector<HistoryItem>& items) {
  std::vector<Line> lines;
  lines.reserve(items.size());
  for (const HistoryItem& each : items) lines.push_back(line_of(each));
  print_lines(lines);
}

void MessagePrinter::print_numbers(const HistoryAnswer& answer) {
  std::vector<Line> lines;
  auto missing = answer.missing.begin();
  for (const HistoryItem& each : answer.items) {
    const std::uint64_t before = each.number + (each.client_number ? 1 : 0);
    while (missing != answer.missing.end() && missing->number < before) lines.push_back(line_of(*missing++));
    lines.push_back(line_of(each));
  }
  while (missing != answer.missing.end()) lines.push_back(line_of(*missing++));
  print_lines(lines);
}

MessagePrinter::Line MessagePrinter::line_of(const HistoryItem& item) {
  std::string number = item.number == 0 ? "-" : std::to_string(item.number);
  if (item.client_number) number = '(' + number + ')';
  return {item.json, {item.time, std::move(number), item.sender, item.type, item.content}};
}

MessagePrinter::Line MessagePrinter::line_of(const MissingItem& missing) {
  const std::string number = std::to_string(missing.number);
  return {"{\"sequenceNumber\":" + number + ",\"reason\":" + base::json_string(missing.reason) + "}",
          {"-", number, "-", "-", "missing: " + missing.reason}};
}

void MessagePrinter::print_lines(const std::vector<Line>& lines) {
  if (lines.empty()) return;
  if (options_.json) {
    for (const Line& each : lines) out_ << base::printable_json(each.json) << '\n';
  } else {
    for (const Line& each : lines)
      for (std::size_t i = 0; i < widths_.size(); ++i)
        widths_[i] = std::max(widths_[i], display_width(each.row[i]));
    if (!any_) print_row({"TIME", "SEQ", "SENDER", "TYPE", "CONTENT"});
    for (const Line& each : lines) print_row(each.row);
  }
  any_ = true;
  out_.flush();
}

void MessagePrinter::print_row(const Row& row) {
  std::size_t used = 0;
  for (std::size_t i = 0; i < widths_.size(); ++i) {
    out_ << row[i] << std::string(widths_[i] - display_width(row[i]) + kGap, ' ');
    used += widths_[i] + kGap;
  }
  const std::size_t left = options_.columns > used + kLeastContent ? options_.columns - used : kLeastContent;
  out_ << (options_.columns == 0 ? row.back() : cut_to(row.back(), left)) << '\n';
}

}  // namespace carillon::cli
