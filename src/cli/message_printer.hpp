#pragma once

#include <array>
#include <ostream>
#include <string>
#include <string_view>

#include "cli/history_answer.hpp"

namespace carillon::cli {

/// Prints messages as they come: one JSON object per line, or a table whose columns grow when they must.
class MessagePrinter {
 public:
  struct Options {
    bool json = false;
    /// How wide the terminal is; content that does not fit is cut. 0: it is no terminal, nothing is cut.
    std::size_t columns = 0;
  };
  MessagePrinter(std::ostream& out, Options options) : out_(out), options_(options) {}

  void print(const std::vector<HistoryItem>& items);
  /// An answer with what is missing, each in the place of its number, before publishers' own with that
  /// number.
  void print_numbers(const HistoryAnswer& answer);
  bool any() const { return any_; }

 private:
  using Row = std::array<std::string, 5>;
  struct Line {
    std::string json;
    Row row;
  };
  static Line line_of(const HistoryItem& item);
  static Line line_of(const MissingItem& missing);
  void print_lines(const std::vector<Line>& lines);
  void print_row(const Row& row);

  std::ostream& out_;
  Options options_;
  std::array<std::size_t, 4> widths_{24, 3, 6, 4};  ///< of all columns but the last
  bool any_ = false;
};

/// Columns that `text`, UTF-8 without control characters, takes on a terminal: two for East Asian wide
/// characters and emoji (Unicode TR 11, whole blocks).
std::size_t display_width(std::string_view text);
/// `text`, or as much of its beginning as fits with `…` behind it.
std::string cut_to(std::string_view text, std::size_t columns);
/// The width of the terminal that stdout is, or 0.
std::size_t terminal_columns();

}  // namespace carillon::cli
