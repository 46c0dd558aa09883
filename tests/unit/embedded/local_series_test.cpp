#include "unit/embedded/figures_reading.hpp"
#include "unit/embedded/local_node_fixture.hpp"

namespace carillon::embedded {
namespace {

using ports::Resolution;
using testing::LocalNodeTest;

constexpr base::EpochMs kSlot = 1'800'000'000'000;

class LocalSeriesTest : public LocalNodeTest {
 protected:
  static std::vector<ports::SeriesCell> cell(base::EpochMs start) {
    ports::SeriesCell made{"QueueDepth", Resolution::ten_seconds, start, {}};
    made.values.add(1);
    return {made};
  }
  std::size_t cells() {
    std::size_t found = 0;
    EXPECT_TRUE(node_->series().read("QueueDepth", Resolution::ten_seconds, 0, kSlot * 2,
                                     [&](base::EpochMs, const base::Histogram&) { ++found; }));
    return found;
  }
};

TEST_F(LocalSeriesTest, OnAFullDiskNothingIsWrittenAndEverythingStaysReadable) {
  open();
  ASSERT_TRUE(node_->series().write(cell(kSlot)));
  settings_.disk_reserve_bytes = std::uint64_t{1} << 60;
  reopen();
  ASSERT_EQ(node_->not_ready_reasons(), std::vector<std::string>{"disk nearly full"});
  // Were it written, the store would fail and could not be opened again.
  disk_.fail_append = disk_.fail_new_files = true;
  const auto written = node_->series().write(cell(kSlot + 10'000));
  ASSERT_FALSE(written);
  EXPECT_TRUE(written.error().is(model::errors::kUnavailable));
  EXPECT_FALSE(node_->series().forget(Resolution::ten_seconds, kSlot * 2));
  EXPECT_EQ(testing::value(testing::figures_of(node_->figures()), "carillon_store_usable"), 1);
  EXPECT_EQ(cells(), 1u);
  const auto message = testing::await<model::MessagePtr>([&](auto done) {
    node_->history().message(identity("root", true), model::MessageId::generate(kSlot), std::move(done));
  });
  ASSERT_FALSE(message);
  EXPECT_TRUE(message.error().is(model::errors::kNotFound)) << "history was looked into";
  disk_.fail_append = disk_.fail_new_files = false;
}

}  // namespace
}  // namespace carillon::embedded
