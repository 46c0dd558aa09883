#include <cstdlib>
#include <map>
#include <random>
#include <thread>
#include <tuple>

#include <gtest/gtest.h>

#include "contract/backend.hpp"

namespace carillon::contract {
namespace {

using base::EpochMs;
using base::Histogram;
using ports::Resolution;
using ports::SeriesCell;
using Cells = std::vector<std::pair<EpochMs, Histogram>>;

constexpr EpochMs kBegin = 1'800'000'000'000;
constexpr int kOperations = 2000;

std::uint64_t seed() {
  const char* given = std::getenv("CARILLON_SEED");
  return given ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

Cells read(ports::SeriesTable& table, std::string_view metric, Resolution resolution, EpochMs from,
           EpochMs to) {
  Cells found;
  const auto outcome = table.read(metric, resolution, from, to, [&](EpochMs start, const Histogram& values) {
    found.emplace_back(start, values);
  });
  EXPECT_TRUE(outcome) << outcome.error().details();
  return found;
}

class SeriesTableContract : public ::testing::TestWithParam<BackendFactory> {
 protected:
  std::unique_ptr<Backend> backend_ = GetParam().make();
};

/// The same done at the table and at a map of cells; every read is compared, over restarts.
TEST_P(SeriesTableContract, AgreesWithAPlainModel) {
  const std::uint64_t seed = contract::seed();
  SCOPED_TRACE("CARILLON_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto below = [&](std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
  };
  const std::vector<std::string> metrics{"A", "AB", "B", "QueueDepth"};
  const auto any_metric = [&] { return metrics[below(metrics.size())]; };
  const auto any_resolution = [&] {
    return below(2) == 0 ? Resolution::ten_seconds : Resolution::five_minutes;
  };
  const auto any_start = [&](Resolution resolution) {
    return (kBegin / ports::length_of(resolution).count() + static_cast<EpochMs>(below(60))) *
           ports::length_of(resolution).count();
  };
  std::map<std::tuple<std::string, Resolution, EpochMs>, Histogram> model;

  for (int i = 0; i < kOperations && !HasFailure(); ++i) {
    const Resolution resolution = any_resolution();
    const std::size_t what = below(100);
    if (what < 50) {
      std::vector<SeriesCell> cells;
      for (std::size_t left = below(6); left > 0; --left) {
        SeriesCell cell{any_metric(), resolution, any_start(resolution), {}};
        for (std::size_t values = below(20); values > 0; --values)
          cell.values.add(random() >> (24 + below(40)));
        model[{cell.metric, cell.resolution, cell.start}] = cell.values;
        cells.push_back(std::move(cell));
      }
      ASSERT_TRUE(backend_->series().write(cells));
    } else if (what < 94) {
      const std::string metric = any_metric();
      EpochMs from = any_start(resolution) + static_cast<EpochMs>(below(3)) - 1;
      EpochMs to = any_start(resolution) + static_cast<EpochMs>(below(3)) - 1;
      if (below(10) == 0) from = std::numeric_limits<EpochMs>::min();
      if (below(10) == 0) to = std::numeric_limits<EpochMs>::max();
      Cells expected;
      for (const auto& [key, values] : model)
        if (const auto& [name, length, start] = key;
            name == metric && length == resolution && start >= from && start < to)
          expected.emplace_back(start, values);
      EXPECT_EQ(read(backend_->series(), metric, resolution, from, to), expected) << "operation " << i;
    } else if (what < 99) {
      const EpochMs before = any_start(resolution) - static_cast<EpochMs>(below(400'000));
      ASSERT_TRUE(backend_->series().forget(resolution, before));
      std::erase_if(model, [&](const auto& each) {
        return std::get<1>(each.first) == resolution && std::get<2>(each.first) < before;
      });
    } else {
      backend_->restart();
    }
  }
}

TEST_P(SeriesTableContract, AnyThreadWritesAndReads) {
  constexpr int kThreads = 4, kCells = 50;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([&, thread] {
      const std::string metric = "Metric" + std::to_string(thread);
      for (int i = 0; i < kCells; ++i) {
        Histogram values;
        values.add(static_cast<std::uint64_t>(i));
        EXPECT_TRUE(backend_->series().write(
            {SeriesCell{metric, Resolution::ten_seconds, kBegin + i * 10'000, std::move(values)}}));
        EXPECT_EQ(read(backend_->series(), metric, Resolution::ten_seconds, 0, kBegin * 2).size(),
                  static_cast<std::size_t>(i + 1));
      }
    });
  for (std::thread& each : threads) each.join();
}

INSTANTIATE_TEST_SUITE_P(Backends, SeriesTableContract, ::testing::ValuesIn(backends()),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace carillon::contract
