#include "observability/metrics_route.hpp"

#include <future>
#include <semaphore>

#include <gtest/gtest.h>

#include "unit/metric_collector/memory_series_table.hpp"

namespace carillon::observability {
namespace {

using metric_collector::MetricCollector;
using metric_collector::testing::MemorySeriesTable;

class Waits final : public ports::MetricSource {
 public:
  void collect(ports::MetricSet& into) const override {
    if (on_collect) on_collect();
    into.counter("carillon_messages_published_total", "", 7);
  }
  std::function<void()> on_collect;
};

class MetricsRouteTest : public ::testing::Test {
 protected:
  MetricsRouteTest() { collector_.add_source(source_); }

  static std::future<ports::HttpResponse> ask(const ports::Route& route, bool metrics = true) {
    auto identity = std::make_shared<model::Identity>();
    identity->may_read_metrics = metrics;
    ports::HttpRequest request;
    request.identity = identity;
    auto answered = std::make_shared<std::promise<ports::HttpResponse>>();
    route.handler(std::move(request),
                  [answered](ports::HttpResponse answer) { answered->set_value(std::move(answer)); });
    return answered->get_future();
  }

  MemorySeriesTable table_;
  Waits source_;
  MetricCollector collector_{table_};
  MetricsRoute metrics_{collector_};
};

TEST_F(MetricsRouteTest, AnswersWhileTheDiskHangs) {
  std::binary_semaphore reading{0}, release{0};
  table_.before_read = [&, first = true]() mutable {
    if (!std::exchange(first, false)) return;
    reading.release();
    release.acquire();
  };
  collector_.start();
  metrics_.start();
  reading.acquire();
  for (const ports::Route& route : {metrics_.with_token(), metrics_.open()}) {
    auto answer = ask(route);
    const bool answered = answer.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
    EXPECT_TRUE(answered);
    if (answered) EXPECT_NE(answer.get().body.find("carillon_messages_published_total 7"), std::string::npos);
  }
  release.release();
  metrics_.stop();
  collector_.stop();
}

TEST_F(MetricsRouteTest, RequestsThatWaitAreBounded) {
  std::binary_semaphore collecting{0}, release{0};
  source_.on_collect = [&, first = true]() mutable {
    if (!std::exchange(first, false)) return;
    collecting.release();
    release.acquire();
  };
  metrics_.start();
  const ports::Route route = metrics_.open();
  std::vector<std::future<ports::HttpResponse>> answers;
  for (int i = 0; i < MetricsRoute::kMostWaiting; ++i) answers.push_back(ask(route));
  collecting.acquire();
  const ports::HttpResponse refused = ask(route).get();
  EXPECT_EQ(refused.status, 503);
  release.release();
  for (auto& each : answers) EXPECT_EQ(each.get().status, 200);
  EXPECT_EQ(ask(route).get().status, 200);
}

TEST_F(MetricsRouteTest, NeedsTheScopeForMetricsButNotOnTheInternalPort) {
  metrics_.start();
  EXPECT_EQ(ask(metrics_.with_token(), false).get().status, 403);
  EXPECT_EQ(ask(metrics_.open(), false).get().status, 200);
}

}  // namespace
}  // namespace carillon::observability
