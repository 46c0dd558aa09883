#include "base/log.hpp"

#include <atomic>
#include <cmath>
#include <limits>
#include <set>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "model/json.hpp"

namespace carillon::base {
namespace {

/// stderr as a pipe for as long as this lives.
class StderrPipe {
 public:
  StderrPipe() : real_(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) {
    if (pipe2(ends_, O_CLOEXEC) != 0 || dup2(ends_[1], STDERR_FILENO) < 0) std::abort();
    close(ends_[1]);
  }
  ~StderrPipe() {
    restore();
    close(ends_[0]);
  }
  /// Nothing comes after this, so that read_all() finds an end.
  void restore() {
    if (real_ < 0) return;
    dup2(real_, STDERR_FILENO);
    close(std::exchange(real_, -1));
  }
  /// Everything up to restore(); sets `seen` once `word` was read.
  std::string read_all(std::string_view word = {}, std::atomic<bool>* seen = nullptr) {
    std::string text;
    char buffer[65536];
    for (ssize_t got = 0; (got = read(ends_[0], buffer, sizeof(buffer))) > 0;) {
      const std::size_t before = text.size();
      text.append(buffer, static_cast<std::size_t>(got));
      if (seen && text.find(word, before > word.size() ? before - word.size() : 0) != std::string::npos)
        seen->store(true);
    }
    return text;
  }

 private:
  int real_;
  int ends_[2];
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

boost::json::object parsed(const std::string& line) {
  const auto document = model::JsonDocument::parse(line);
  EXPECT_TRUE(document) << line;
  // With memory of its own: that of the document goes with it.
  return document ? boost::json::object(document->object(), boost::json::storage_ptr())
                  : boost::json::object();
}

TEST(Log, a_line_is_one_json_object_whatever_the_values_are) {
  StderrPipe pipe;
  log::start(log::Level::info);
  log::info("one", "plain", {{"userId", "u"}, {"sequenceNumber", 42}, {"latency_ms", 1.5}, {"flag", true}});
  log::warn("two", "a\"b\\\n\r\t\x01\x7f", {{"chatId", "line\nbreak\u2028 \u202e {\"level\":\"ERROR\"}"}});
  log::error("three", "\xff", {{"userId", std::string("\xc3\x28", 2)}, {"nul", std::string("a\0b", 3)}});
  log::info("four", "numbers",
            {{"nan", std::nan("")},
             {"inf", -std::numeric_limits<double>::infinity()},
             {"big", 1e300},
             {"small", std::numeric_limits<std::int64_t>::min()}});
  log::debug("five", "under the threshold");
  log::stop();
  pipe.restore();
  const auto lines = lines_of(pipe.read_all());
  ASSERT_EQ(lines.size(), 4u);
  const auto first = parsed(lines[0]);
  EXPECT_TRUE(parse_iso8601(model::view(first.at("timestamp").get_string())));
  EXPECT_EQ(first.at("level"), "INFO");
  EXPECT_EQ(first.at("event_type"), "one");
  EXPECT_EQ(first.at("message"), "plain");
  EXPECT_EQ(first.at("sequenceNumber"), 42);
  EXPECT_EQ(first.at("latency_ms"), 1.5);
  EXPECT_EQ(first.at("flag"), true);
  EXPECT_EQ(parsed(lines[1]).at("message"), "a\"b\\\n\r\t\x01\x7f");
  EXPECT_EQ(parsed(lines[1]).at("level"), "WARN");
  EXPECT_EQ(parsed(lines[2]).at("message"), "(not UTF-8)");
  EXPECT_EQ(parsed(lines[2]).at("userId"), "(not UTF-8)");
  EXPECT_EQ(parsed(lines[2]).at("level"), "ERROR");
  EXPECT_TRUE(parsed(lines[3]).at("nan").is_null());
  EXPECT_TRUE(parsed(lines[3]).at("inf").is_null());
  EXPECT_EQ(parsed(lines[3]).at("big"), 1e300);
  EXPECT_EQ(parsed(lines[3]).at("small"), std::numeric_limits<std::int64_t>::min());
}

TEST(Log, what_a_slow_reader_loses_is_counted_and_said) {
  constexpr std::int64_t kLines = 30'000;
  StderrPipe pipe;
  log::start(log::Level::info);
  for (std::int64_t i = 0; i < kLines; ++i) log::info("many", "a line that nobody reads yet", {{"n", i}});
  std::atomic<bool> said{false};
  std::string text;
  std::thread reader([&] { text = pipe.read_all("log_lines_dropped", &said); });
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!said && std::chrono::steady_clock::now() < end) {
    log::info("after", "the reader is back");
    std::this_thread::yield();
  }
  const std::uint64_t dropped = log::dropped_lines();
  log::stop();
  pipe.restore();
  reader.join();
  EXPECT_TRUE(said);
  std::set<std::int64_t> seen;
  std::uint64_t reported = 0;
  for (const std::string& line : lines_of(text)) {
    const auto entry = parsed(line);
    if (entry.at("event_type") == "many") seen.insert(entry.at("n").get_int64());
    if (entry.at("event_type") == "log_lines_dropped")
      reported += entry.at("dropped").to_number<std::uint64_t>();
  }
  EXPECT_GT(dropped, 0u);
  EXPECT_GT(reported, 0u);
  EXPECT_LE(reported, dropped);
  EXPECT_GE(dropped, static_cast<std::uint64_t>(kLines) - seen.size());
}

}  // namespace
}  // namespace carillon::base
