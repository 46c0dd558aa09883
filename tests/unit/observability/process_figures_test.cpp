#include "observability/process_figures.hpp"

#include <chrono>
#include <fstream>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace carillon::observability {
namespace {

double value_of(const ports::MetricSet& figures, std::string_view name) {
  const ports::MetricFamily* family = figures.find(name);
  EXPECT_TRUE(family) << name;
  return family ? family->samples.at(0).value : -1;
}

ports::MetricSet collect(const ProcessFigures& source) {
  ports::MetricSet figures;
  source.collect(figures);
  return figures;
}

TEST(ProcessFigures, are_those_of_this_process) {
  const ProcessFigures source("1.2.3");
  const ports::MetricSet figures = collect(source);
  EXPECT_GT(value_of(figures, "process_resident_memory_bytes"), 1e6);
  EXPECT_LT(value_of(figures, "process_resident_memory_bytes"),
            value_of(figures, "process_virtual_memory_bytes"));
  EXPECT_GE(value_of(figures, "process_threads"), 1);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(value_of(figures, "process_max_fds"), static_cast<double>(limit.rlim_cur));
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_NEAR(value_of(figures, "process_start_time_seconds"), now, 600);
  const ports::MetricFamily* build = figures.find("carillon_build_info");
  ASSERT_TRUE(build);
  EXPECT_EQ(build->samples.at(0).labels, (ports::Labels{{"version", "1.2.3"}}));
  EXPECT_TRUE(figures.find("carillon_log_lines_dropped_total"));
}

TEST(ProcessFigures, descriptors_rise_with_what_is_opened) {
  const ProcessFigures source("");
  const double before = value_of(collect(source), "process_open_fds");
  std::vector<int> opened(10);
  for (int& each : opened) ASSERT_GE(each = open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
  EXPECT_EQ(value_of(collect(source), "process_open_fds"), before + 10);
  for (const int each : opened) close(each);
}

TEST(ProcessFigures, processor_time_has_fractions_and_rises) {
  const ProcessFigures source("");
  const double before = value_of(collect(source), "process_cpu_seconds_total");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  double now = before;
  while (now <= before && std::chrono::steady_clock::now() < end)
    now = value_of(collect(source), "process_cpu_seconds_total");
  EXPECT_GT(now, before);
  EXPECT_LT(now, before + 1);
}

class FakeProc : public ::testing::Test {
 protected:
  FakeProc() {
    std::string pattern = (std::filesystem::temp_directory_path() / "carillon-proc-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    std::filesystem::create_directories(directory_ / "self" / "fd");
    write("stat", "cpu  1 2 3\nbtime 1000\nprocesses 5\n");
  }
  ~FakeProc() override { std::filesystem::remove_all(directory_); }

  void write(const char* name, std::string_view text) { std::ofstream(directory_ / name) << text; }

  std::filesystem::path directory_;
};

TEST_F(FakeProc, reads_the_fields_of_proc_5_whatever_the_program_is_called) {
  write(
      "self/stat",
      "7 (a) 9 (b c) S 1 2 3 0 -1 4194304 98 0 0 0 150 50 0 0 20 0 11 0 500 8192 3 18446744073709551615 1\n");
  const ports::MetricSet figures = collect(ProcessFigures("", directory_));
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  EXPECT_EQ(value_of(figures, "process_cpu_seconds_total"), 200 / ticks);
  EXPECT_EQ(value_of(figures, "process_threads"), 11);
  EXPECT_EQ(value_of(figures, "process_start_time_seconds"), 1000 + 500 / ticks);
  EXPECT_EQ(value_of(figures, "process_virtual_memory_bytes"), 8192);
  EXPECT_EQ(value_of(figures, "process_resident_memory_bytes"),
            3.0 * static_cast<double>(sysconf(_SC_PAGESIZE)));
}

TEST_F(FakeProc, leaves_out_what_cannot_be_read) {
  for (const char* text : {"", "7 (carillon", "7 (carillon) S 1 2 3"}) {
    write("self/stat", text);
    const ports::MetricSet figures = collect(ProcessFigures("", directory_));
    EXPECT_FALSE(figures.find("process_resident_memory_bytes")) << text;
    EXPECT_TRUE(figures.find("carillon_build_info"));
  }
}

}  // namespace
}  // namespace carillon::observability
