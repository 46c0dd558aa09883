#include "observability/prometheus_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::observability {
namespace {

using ports::HistogramUnit;
using ::testing::HasSubstr;
using ::testing::Not;

base::Histogram of(std::initializer_list<std::uint64_t> values) {
  base::Histogram histogram;
  for (const std::uint64_t each : values) histogram.add(each);
  return histogram;
}

TEST(PrometheusText, has_help_type_and_labels_of_every_family_once) {
  ports::MetricSet figures;
  figures.counter("carillon_b_total", "Second", 3, {{"result", "ok"}});
  figures.gauge("carillon_a", "First", 0.25);
  figures.counter("carillon_b_total", "Second", 4, {{"result", "failed"}});
  EXPECT_EQ(prometheus_text(figures),
            "# HELP carillon_a First\n"
            "# TYPE carillon_a gauge\n"
            "carillon_a 0.25\n"
            "# HELP carillon_b_total Second\n"
            "# TYPE carillon_b_total counter\n"
            "carillon_b_total{result=\"ok\"} 3\n"
            "carillon_b_total{result=\"failed\"} 4\n");
}

TEST(PrometheusText, quotes_configured_names) {
  ports::MetricSet figures;
  figures.gauge("carillon_queue_depth", "Depth", 1, {{"queue", "a\"b\\c\nd"}});
  EXPECT_THAT(prometheus_text(figures), HasSubstr(R"({queue="a\"b\\c\nd"} 1)"));
}

TEST(PrometheusText, durations_are_seconds_in_cumulative_buckets_that_are_exact) {
  ports::MetricSet figures;
  figures.histogram("carillon_x_seconds", "X", HistogramUnit::microseconds,
                    of({63, 64, 127, 128, 1023, 1024, 67'108'863, 67'108'864}));
  const std::string text = prometheus_text(figures);
  EXPECT_THAT(text, HasSubstr("# TYPE carillon_x_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("carillon_x_seconds_count 8\n"));
  EXPECT_THAT(text, HasSubstr("carillon_x_seconds_sum 134.220156\n"));
  EXPECT_THAT(text, HasSubstr("carillon_x_seconds_bucket{le=\"6.4e-05\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("carillon_x_seconds_bucket{le=\"0.000128\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("carillon_x_seconds_bucket{le=\"0.001024\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("carillon_x_seconds_bucket{le=\"0.002048\"} 6\n"));
  EXPECT_THAT(text, HasSubstr("carillon_x_seconds_bucket{le=\"67.108864\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("carillon_x_seconds_bucket{le=\"+Inf\"} 8\n"));
}

TEST(PrometheusText, whole_numbers_are_in_buckets_that_are_exact) {
  ports::MetricSet figures;
  figures.histogram("carillon_size", "Size", HistogramUnit::one, of({1, 2, 64, 65, 127, 4095, 4096}));
  const std::string text = prometheus_text(figures);
  EXPECT_THAT(text, HasSubstr("carillon_size_sum 8450\n"));
  EXPECT_THAT(text, HasSubstr("carillon_size_bucket{le=\"1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("carillon_size_bucket{le=\"63\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("carillon_size_bucket{le=\"127\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("carillon_size_bucket{le=\"4095\"} 6\n"));
  EXPECT_THAT(text, HasSubstr("carillon_size_bucket{le=\"+Inf\"} 7\n"));
  EXPECT_THAT(text, Not(HasSubstr("le=\"8191\"")));
}

TEST(PrometheusText, an_empty_histogram_has_all_its_buckets) {
  ports::MetricSet figures;
  figures.histogram("carillon_x_seconds", "X", HistogramUnit::microseconds, {}, {{"loop", "bus"}});
  const std::string text = prometheus_text(figures);
  EXPECT_THAT(text, HasSubstr("carillon_x_seconds_count{loop=\"bus\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("carillon_x_seconds_bucket{loop=\"bus\",le=\"1.048576\"} 0\n"));
}

}  // namespace
}  // namespace carillon::observability
