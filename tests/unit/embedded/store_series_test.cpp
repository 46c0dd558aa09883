#include <random>

#include "embedded/database.hpp"
#include "embedded/series_record.hpp"
#include "embedded/store_upkeep.hpp"
#include "unit/embedded/failing_disk.hpp"
#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded {
namespace {

using base::EpochMs;
using base::Histogram;
using ports::Resolution;
using ports::SeriesCell;
using testing::StoreTest;
using Cells = std::vector<std::pair<EpochMs, Histogram>>;

constexpr EpochMs kSlot = 10'000;
constexpr EpochMs kBegin = 1'800'000'000'000;

Histogram only(std::uint64_t value) {
  Histogram values;
  values.add(value);
  return values;
}

class StoreSeriesTest : public StoreTest {
 protected:
  void write(EpochMs start, std::uint64_t value, const std::string& metric = "QueueDepth",
             Resolution resolution = Resolution::ten_seconds) {
    const auto written = store_->write_series({SeriesCell{metric, resolution, start, only(value)}});
    ASSERT_TRUE(written) << written.error().details();
  }
  Cells read(EpochMs from, EpochMs to, const std::string& metric = "QueueDepth",
             Resolution resolution = Resolution::ten_seconds) {
    Cells found;
    const auto outcome = store_->read_series(
        metric, resolution, from, to,
        [&](EpochMs start, const Histogram& values) { found.emplace_back(start, values); });
    EXPECT_TRUE(outcome) << outcome.error().details();
    return found;
  }
};

TEST_F(StoreSeriesTest, ForgettingLeavesWhatIsNewerAndOtherResolutions) {
  for (const std::string metric : {"Queue", "QueueAge", "QueueDepth"}) {
    for (EpochMs i = 0; i < 10; ++i) write(kBegin + i * kSlot, 1, metric);
    write(kBegin, 2, metric, Resolution::five_minutes);
  }
  ASSERT_TRUE(store_->forget_series(Resolution::ten_seconds, kBegin + 4 * kSlot));
  ASSERT_TRUE(store_->forget_series(Resolution::ten_seconds, kBegin + 4 * kSlot))
      << "nothing is left to forget";
  ASSERT_TRUE(store_->forget_series(Resolution::five_minutes, kBegin));
  for (int opened = 0; opened < 2; ++opened, reopen())
    for (const std::string metric : {"Queue", "QueueAge", "QueueDepth"}) {
      const Cells left = read(0, kBegin * 2, metric);
      ASSERT_EQ(left.size(), 6u) << metric;
      EXPECT_EQ(left.front().first, kBegin + 4 * kSlot);
      EXPECT_EQ(read(0, kBegin * 2, metric, Resolution::five_minutes).size(), 1u);
    }
  ASSERT_TRUE(store_->compact());
  EXPECT_EQ(read(0, kBegin * 2).size(), 6u);
  EXPECT_TRUE(store_->verify());
}

TEST_F(StoreSeriesTest, DamagedCellsAreReportedAndNotSkipped) {
  write(kBegin, 1);
  write(kBegin + kSlot, 2);
  store_.reset();
  {
    const auto retention = std::make_shared<RetentionInForce>(Retention());
    const auto database = Database::open(this->database(), options(), retention, Opening::existing);
    ASSERT_TRUE(database);
    std::string key, value;
    keys::series(key, static_cast<char>(Resolution::ten_seconds), "QueueDepth");
    base::append_big_endian(key, kBegin + kSlot);
    record::append_series(value, only(2));
    value.back() = static_cast<char>(value.back() ^ 1);
    ASSERT_TRUE((*database)->db().Put({}, (*database)->handle(keys::kSeries), key, value).ok());
    ASSERT_TRUE((*database)->db().Put({}, (*database)->handle(keys::kSeries), "nonsense", value).ok());
  }
  open();
  int visited = 0;
  const auto outcome = store_->read_series("QueueDepth", Resolution::ten_seconds, 0, kBegin * 2,
                                           [&](EpochMs, const Histogram&) { ++visited; });
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(kStoreCorrupt));
  EXPECT_EQ(visited, 1);
  const auto report = StoreUpkeep(*store_).check([](auto, auto) {}, {});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->findings,
            (std::vector<std::string>{"series: an entry is damaged", "series: an entry is damaged"}));
}

TEST_F(StoreSeriesTest, NothingIsWrittenBetweenAFailureAndReopening) {
  testing::FailingDisk disk;
  store_.reset();
  StoreOptions failing = options();
  failing.env = disk.env.get();
  auto opened = Store::open(directory_.path(), failing);
  ASSERT_TRUE(opened) << opened.error().details();
  store_ = std::move(*opened);
  int failures = 0;
  store_->set_failure_sink([&] { ++failures; });
  write(kBegin, 1);

  disk.fail_append = true;
  const SeriesCell cell{"QueueDepth", Resolution::ten_seconds, kBegin + kSlot, only(2)};
  EXPECT_FALSE(store_->write_series({cell}));
  EXPECT_TRUE(store_->failed()) << "the database itself failed";
  EXPECT_EQ(failures, 1);
  disk.fail_append = false;
  const auto refused = store_->write_series({cell});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(model::errors::kUnavailable));
  EXPECT_EQ(failures, 1) << "a refusal is no failure";

  ASSERT_TRUE(store_->reopen());
  EXPECT_TRUE(store_->write_series({cell}));
  EXPECT_FALSE(store_->failed());
  EXPECT_EQ(read(0, kBegin * 2), (Cells{{kBegin, only(1)}, {kBegin + kSlot, only(2)}}));
  store_.reset();
}

}  // namespace
}  // namespace carillon::embedded
