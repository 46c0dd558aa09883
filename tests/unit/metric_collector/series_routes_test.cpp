#include "metric_collector/series_routes.hpp"

#include <future>
#include <set>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "unit/metric_collector/memory_series_table.hpp"

namespace carillon::metric_collector {
namespace {

using base::Histogram;
using ports::Resolution;
using testing::MemorySeriesTable;

constexpr base::EpochMs kBegin = 1'800'000'000'000;

class Published final : public ports::MetricSource {
 public:
  void collect(ports::MetricSet& into) const override {
    into.counter("carillon_messages_published_total", "", count.value());
  }
  base::SharedCounter count;
};

class SeriesRoutesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    collector_.add_source(published_);
    collector_.on_look([this](base::EpochMs) {
      if (!std::exchange(looked_, true)) first_look_.set_value();
    });
    collector_.start();
    first_look_.get_future().wait();
  }
  void TearDown() override { collector_.stop(); }

  ports::HttpResponse ask(const std::string& path, const std::string& query, bool metrics = true,
                          bool admin = false) {
    auto identity = std::make_shared<model::Identity>();
    identity->may_read_metrics = metrics;
    identity->is_admin = admin;
    for (const ports::Route& route : routes_)
      if (route.path == path) {
        EXPECT_EQ(route.method, "GET");
        EXPECT_EQ(route.access, ports::Access::token);
        ports::HttpRequest request;
        request.query = query;
        request.identity = identity;
        std::promise<ports::HttpResponse> answered;
        route.handler(std::move(request),
                      [&](ports::HttpResponse answer) { answered.set_value(std::move(answer)); });
        return answered.get_future().get();
      }
    ADD_FAILURE() << "no route " << path;
    return {};
  }
  boost::json::object series(const std::string& query) {
    const ports::HttpResponse answer = ask("/dashboard/series", query);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return boost::json::parse(answer.body).as_object();
  }
  void put(const std::string& metric, base::EpochMs start, std::initializer_list<std::uint64_t> values) {
    Histogram histogram;
    for (const std::uint64_t each : values) histogram.add(each);
    table_.put({metric, Resolution::ten_seconds, start}, histogram);
  }
  static std::string point(const boost::json::object& answer, std::size_t index = 0) {
    return boost::json::serialize(answer.at("points").as_array().at(index));
  }

  MemorySeriesTable table_;
  Published published_;
  MetricCollector collector_{table_};
  std::vector<ports::Route> routes_ = series_routes(collector_);
  bool looked_ = false;
  std::promise<void> first_look_;
};

const std::string kMinute = "from=1800000000000&to=1800000060000";

TEST_F(SeriesRoutesTest, LatenciesAreMillisecondsWithThreeDecimals) {
  put("ClientJitter", kBegin, {1234});
  const ports::HttpResponse answer = ask("/dashboard/series", "metric=ClientJitter&" + kMinute);
  EXPECT_EQ(
      answer.body,
      R"({"metric":"ClientJitter","period":60,"points":[{"timestamp":"2027-01-15T08:00:00.000Z","count":1,)"
      R"("sum":1.234,"min":1.234,"max":1.234,"avg":1.234,"p50":1.234,"p90":1.234,"p95":1.234,"p99":1.234}]})");
  put("ClientJitter", kBegin, {1000, 2000, 2'000'500});
  const std::string body = ask("/dashboard/series", "metric=ClientJitter&" + kMinute).body;
  EXPECT_NE(body.find(R"("sum":2003.5,"min":1,"max":2000.5,"avg":667.833,)"), std::string::npos) << body;
}

TEST_F(SeriesRoutesTest, OtherUnitsAreAsTheyAre) {
  put("StoreSize", kBegin, {1'000'000'000'000, 3'000'000'000'000});
  put("CommitBatchSize", kBegin, {1, 2});
  put("DeliveryRetries", kBegin, {});
  std::string body = ask("/dashboard/series", "metric=StoreSize&" + kMinute).body;
  EXPECT_NE(
      body.find(
          R"("count":2,"sum":4000000000000,"min":1000000000000,"max":3000000000000,"avg":2000000000000,)"),
      std::string::npos)
      << body;
  body = ask("/dashboard/series", "metric=CommitBatchSize&" + kMinute).body;
  EXPECT_NE(body.find(R"("sum":3,"min":1,"max":2,"avg":1.5,"p50":1,"p90":2,"p95":2,"p99":2})"),
            std::string::npos)
      << body;
  body = ask("/dashboard/series", "metric=DeliveryRetries&" + kMinute).body;
  EXPECT_NE(body.find(R"("count":0,"sum":0,"min":0,"max":0,"avg":0,"p50":0,"p90":0,"p95":0,"p99":0})"),
            std::string::npos)
      << body;
}

TEST_F(SeriesRoutesTest, PeriodsAndTimesAreReadInBothForms) {
  put("ClientJitter", kBegin, {1000});
  put("ClientJitter", kBegin + 20'000, {3000});
  for (const char* period : {"period=10", "period=10s", "period=10000ms"}) {
    const auto answer = series("metric=ClientJitter&" + kMinute + "&" + period);
    EXPECT_EQ(answer.at("period").as_int64(), 10) << period;
    EXPECT_EQ(answer.at("points").as_array().size(), 2u) << period;
  }
  EXPECT_EQ(series("metric=ClientJitter&" + kMinute + "&period=1m").at("period").as_int64(), 60);
  for (const char* range : {"from=2027-01-15T08:00:00Z&to=2027-01-15T08:00:30.000Z",
                            "from=2027-01-15T09:00:00%2B01:00&to=1800000030000",
                            "from=2027-01-15T09:00:00+01:00&to=1800000030000"})
    EXPECT_EQ(series("metric=ClientJitter&period=10&" + std::string(range)).at("points").as_array().size(),
              2u)
        << range;
  EXPECT_EQ(series("metric=ClientJitter&period=10&from=1800000010000&to=1800000020000")
                .at("points")
                .as_array()
                .size(),
            0u)
      << "the end is not in it";
  EXPECT_EQ(series("metric=ClientJitter&from=1800000015000&to=1800000030000").at("points").as_array().size(),
            1u)
      << "a period that began before is in it, whole";
}

TEST_F(SeriesRoutesTest, TheLastHourWithWhatIsNotWrittenYetIsTheDefault) {
  published_.count.add(3);
  std::promise<void> taken;
  collector_.loop().post([&] {
    collector_.series().take(collector_.figures(), base::now_ms());
    taken.set_value();
  });
  taken.get_future().wait();
  const auto answer = series("metric=MessagesPublished");
  EXPECT_EQ(answer.at("period").as_int64(), 60);
  std::int64_t sum = 0;
  for (const auto& each : answer.at("points").as_array()) sum += each.at("sum").as_int64();
  EXPECT_EQ(sum, 3);
  EXPECT_LE(answer.at("points").as_array().size(), 2u);
}

TEST_F(SeriesRoutesTest, BadQueriesAreRefusedByName) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "metric"},
      {"metric=", "metric"},
      {"metric=clientjitter", "metric"},
      {"metric=ClientJitter%00", "metric"},
      {"metric=ClientJitter&from=yesterday", "from"},
      {"metric=ClientJitter&from=-1", "from"},
      {"metric=ClientJitter&from=1e3", "from"},
      {"metric=ClientJitter&from=99999999999999999999", "from"},
      {"metric=ClientJitter&from=253402300800000", "from"},
      {"metric=ClientJitter&to=0001-01-01T00:00:00Z", "to"},
      {"metric=ClientJitter&to=", "to"},
      {"metric=ClientJitter&from=20000&to=10000", "from"},
      {"metric=ClientJitter&period=0", "period"},
      {"metric=ClientJitter&period=-10", "period"},
      {"metric=ClientJitter&period=15", "period"},
      {"metric=ClientJitter&period=10.5", "period"},
      {"metric=ClientJitter&period=100ms", "period"},
      {"metric=ClientJitter&period=31d", "period"},
      {"metric=ClientJitter&period=9223372036854775807", "period"},
      {"metric=ClientJitter&period=99999999999999999999s", "period"},
      {"metric=ClientJitter&period=10&from=1800000000000&to=1800100010000", "period"},
      {"metric=ClientJitter&from=0", "period"},
  };
  for (const auto& [query, name] : cases) {
    const ports::HttpResponse answer = ask("/dashboard/series", query);
    EXPECT_EQ(answer.status, 400) << query;
    const auto body = boost::json::parse(answer.body).as_object();
    EXPECT_EQ(body.at("details").as_string().find(name), 0u) << query << ": " << answer.body;
  }
  EXPECT_NE(ask("/dashboard/series", "").body.find("/dashboard/metrics"), std::string::npos);
  series("metric=ClientJitter&period=10&from=1800000000000&to=1800100000000");
}

TEST_F(SeriesRoutesTest, ATableThatFailsIsUnavailable) {
  table_.fails = true;
  EXPECT_EQ(ask("/dashboard/series", "metric=ClientJitter").status, 503);
}

TEST_F(SeriesRoutesTest, MetricsAreListed) {
  const auto list = boost::json::parse(ask("/dashboard/metrics", "").body).at("metrics").as_array();
  ASSERT_EQ(list.size(), catalogue().size());
  EXPECT_EQ(boost::json::serialize(list[0]),
            R"({"name":"PublisherToProcessorLatency","unit":"ms","kind":"latency","description":")"
            R"(From taking a message in to handing it to delivery"})");
  std::set<std::string> units, kinds;
  for (const auto& each : list) {
    units.emplace(each.at("unit").as_string());
    kinds.emplace(each.at("kind").as_string());
  }
  EXPECT_EQ(units, (std::set<std::string>{"bytes", "count", "ms", "s"}));
  EXPECT_EQ(kinds, (std::set<std::string>{"events", "latency", "level"}));
}

TEST_F(SeriesRoutesTest, NeedsTheScopeForMetricsOrAdmin) {
  for (const char* path : {"/dashboard/series", "/dashboard/metrics"}) {
    const ports::HttpResponse refused = ask(path, "metric=ClientJitter", false, false);
    EXPECT_EQ(refused.status, 403) << path;
    EXPECT_NE(refused.body.find("carillon/metrics"), std::string::npos);
    EXPECT_EQ(ask(path, "metric=ClientJitter", false, true).status, 200) << path;
    EXPECT_EQ(ask(path, "metric=ClientJitter", true, false).status, 200) << path;
  }
}

TEST_F(SeriesRoutesTest, RequestsThatWaitForTheLoopAreBounded) {
  std::promise<void> blocked, release;
  collector_.loop().post([&] {
    blocked.set_value();
    release.get_future().wait();
  });
  blocked.get_future().wait();
  constexpr int kUsers = 5, kEach = 20;
  std::vector<std::promise<int>> answers(kUsers * kEach);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    auto identity = std::make_shared<model::Identity>();
    identity->user = model::UserId("operator-" + std::to_string(i / kEach));
    identity->is_admin = true;
    ports::HttpRequest request;
    request.query = "metric=ClientJitter";
    request.identity = identity;
    routes_[0].handler(std::move(request),
                       [&each = answers[i]](ports::HttpResponse answer) { each.set_value(answer.status); });
  }
  release.set_value();
  std::vector<int> served(kUsers);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const int status = answers[i].get_future().get();
    served[i / kEach] += status == 200;
    EXPECT_TRUE(status == 200 || status == 503) << status;
  }
  EXPECT_EQ(served, (std::vector<int>{16, 16, 16, 16, 0})) << "16 of a user, 64 in all";
  EXPECT_EQ(ask("/dashboard/series", "metric=ClientJitter").status, 200);
}

}  // namespace
}  // namespace carillon::metric_collector
