#include <cstdlib>
#include <fstream>
#include <set>

#include <boost/json.hpp>

#include "embedded/format_file.hpp"
#include "embedded/store_upkeep.hpp"
#include "embedded/upkeep.hpp"
#include "unit/embedded/failing_disk.hpp"
#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded {
namespace {

using model::Target;
using model::TargetClass;
using testing::FailingDisk;
using testing::TemporaryDirectory;
namespace fs = std::filesystem;

constexpr base::EpochMs kDayAfter = 1'795'300'000'000;  // 2026-11-21

/// A store of an older format that a program of that time wrote (tests/data); in each the same was published
/// and granted.
class UpgradeTest : public ::testing::TestWithParam<unsigned> {
 protected:
  void SetUp() override { unpack(); }

  void unpack() {
    store_.reset();
    fs::remove_all(directory_.path() / "store");
    const fs::path data = fs::path(__FILE__).parent_path().parent_path().parent_path() / "data";
    const std::string name = "store-format-" + std::to_string(GetParam());
    const std::string command =
        "tar xzf '" + (data / (name + ".tar.gz")).string() + "' -C '" + directory_.path().string() + "'";
    ASSERT_EQ(std::system(command.c_str()), 0);
    answers_.clear();
    std::ifstream in(data / (name + ".jsonl"));
    for (std::string line; std::getline(in, line);) answers_.push_back(boost::json::parse(line).as_object());
    ASSERT_EQ(answers_.size(), 12u);
  }

  base::Result<void> try_open() {
    StoreOptions options;
    options.env = disk_.env.get();
    options.clock = [] { return kDayAfter; };
    auto opened = Store::open(directory_.path(), std::move(options));
    if (!opened) return std::unexpected(opened.error());
    store_ = std::move(*opened);
    return {};
  }
  std::string format() {
    std::ifstream in(directory_.path() / "format");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static std::string format_line(unsigned version) {
    return "carillon store " + std::to_string(version) + '\n';
  }
  std::string id_of(std::size_t answer) { return std::string(answers_[answer].at("messageId").as_string()); }
  std::vector<std::string> history(const Target& target) {
    std::vector<std::string> found;
    const auto page = store_->history({.target = target, .oldest_first = true, .limit = 1000});
    EXPECT_TRUE(page);
    if (page)
      for (const auto& each : page->messages) found.push_back(each->id.str());
    return found;
  }
  std::vector<std::string> ids(std::size_t first, std::size_t last) {
    std::vector<std::string> found;
    for (std::size_t i = first; i <= last; ++i) found.push_back(id_of(i));
    return found;
  }

  /// Everything that was published and granted is there, and found in every way there is.
  void expect_everything() {
    EXPECT_EQ(format(), format_line(kFormatVersion));
    EXPECT_EQ(history(Target::chat("rooms")), ids(0, 8));
    EXPECT_EQ(history(Target::chat("other")), ids(9, 9));
    EXPECT_EQ(history(Target::user("alice")), ids(10, 10));
    EXPECT_EQ(history(Target::all()), ids(11, 11));
    for (std::size_t i = 0; i < answers_.size(); ++i) {
      const auto message = store_->message(*model::MessageId::parse(id_of(i)));
      ASSERT_TRUE(message && *message) << id_of(i);
      if (const auto* number = answers_[i].if_contains("sequenceNumber")) {
        EXPECT_EQ((*message)->sequence, static_cast<model::SequenceNumber>(number->as_int64()));
      }
    }
    const std::vector<ports::NumberRange> numbers{{1, 6}};
    const auto page = store_->sequences("rooms", numbers, 5);
    ASSERT_TRUE(page) << page.error().details();
    std::vector<std::string> found;
    for (const auto& each : page->messages) found.push_back(each->id.str());
    EXPECT_EQ(found, (std::vector{id_of(0), id_of(1), id_of(2), id_of(5), id_of(3), id_of(4)}))
        << "the publisher's own number 3 stands behind the chat's";
    EXPECT_EQ(page->missing, (std::vector{ports::MissingNumber{6, ports::Absence::not_issued}}));
    EXPECT_EQ(store_->permission(model::UserId("alice"), Target::chat("rooms"))->value().role,
              model::Role::owner);
    EXPECT_EQ(store_->permission(model::UserId("bob"), Target::chat("rooms"))->value().role,
              model::Role::viewer);
    EXPECT_TRUE(store_->permission(model::UserId("alice"), {TargetClass::org, "acme"})->has_value());
    EXPECT_EQ(store_->owners(Target::chat("rooms")), 1u);
    EXPECT_EQ(store_->owners(Target::chat("other")), 0u);
    const auto report = StoreUpkeep(*store_).check([](auto, auto) {}, {});
    ASSERT_TRUE(report) << report.error().details();
    EXPECT_EQ(report->findings, std::vector<std::string>());
    EXPECT_EQ(store_->log_end()->position, 12u);
    EXPECT_EQ(store_->token_secret().size(), 43u);
    const auto sound = store_->verify();
    EXPECT_TRUE(sound) << sound.error().details();
  }

  TemporaryDirectory directory_;
  FailingDisk disk_;
  std::vector<boost::json::object> answers_;
  std::unique_ptr<Store> store_;
};

TEST_P(UpgradeTest, IsOpenedWithAllItHolds) {
  const auto opened = try_open();
  ASSERT_TRUE(opened) << opened.error().details();
  expect_everything();
  const std::string secret = store_->token_secret(), epoch = store_->epoch();
  store_.reset();
  ASSERT_TRUE(try_open());
  expect_everything();
  EXPECT_EQ(store_->token_secret(), secret);
  EXPECT_EQ(store_->epoch(), epoch) << "an upgrade makes no new store";
}

TEST_P(UpgradeTest, MayBeInterruptedAtAnyPoint) {
  int writes = 0, interrupted = 0;
  for (bool upgraded = false; !upgraded; ++writes) {
    ASSERT_LT(writes, 50);
    unpack();
    disk_.appends_left = writes;
    upgraded = try_open().has_value();
    disk_.appends_left = -1;
    if (upgraded) break;
    interrupted += format() == format_line(GetParam());
    const auto again = try_open();
    ASSERT_TRUE(again) << "after " << writes << " writes: " << again.error().details();
    expect_everything();
  }
  if (GetParam() == 1) {
    EXPECT_GE(interrupted, 3) << "emptying the index, filling it, and the names are writes of their own";
  }
}

TEST_P(UpgradeTest, IsBegunAgainWhenOnlyTheFormatFileIsMissing) {
  ASSERT_TRUE(try_open());
  store_.reset();
  std::ofstream(directory_.path() / "format") << format_line(GetParam());
  ASSERT_TRUE(try_open());
  expect_everything();
}

TEST_P(UpgradeTest, TakesWhatIsNew) {
  ASSERT_TRUE(try_open());
  model::Message traced = testing::sample_message(13, "traced");
  traced.sequence = 1;
  traced.published_at = kDayAfter;
  traced.trace = base::new_trace(true);
  traced.broadcast = true;
  CommitBatch batch;
  batch.add_message(traced);
  batch.set_sequence("traced", 1);
  testing::store_one(batch, traced);
  ASSERT_TRUE(store_->write_synced(batch, store_->generation()));
  base::Histogram values;
  values.add(17);
  ASSERT_TRUE(
      store_->write_series({{"QueueDepth", ports::Resolution::ten_seconds, 1'800'000'000'000, values}}));
  store_.reset();
  ASSERT_TRUE(try_open());
  EXPECT_EQ(store_->message(traced.id).value()->trace, traced.trace);
  EXPECT_TRUE(store_->message(traced.id).value()->broadcast);
  EXPECT_FALSE(store_->message(*model::MessageId::parse(id_of(0))).value()->trace);
  EXPECT_FALSE(store_->message(*model::MessageId::parse(id_of(0))).value()->broadcast);
  int cells = 0;
  ASSERT_TRUE(
      store_->read_series("QueueDepth", ports::Resolution::ten_seconds, 0, 2'000'000'000'000,
                          [&](base::EpochMs, const base::Histogram& found) { cells += found == values; }));
  EXPECT_EQ(cells, 1);
  EXPECT_TRUE(store_->verify());
}

TEST_P(UpgradeTest, CommandsWithoutAServerDoNotUpgrade) {
  TemporaryDirectory elsewhere;
  std::set<fs::path> before;
  for (const auto& each : fs::recursive_directory_iterator(directory_.path())) before.insert(each.path());
  for (const auto command : {UpkeepRequest::Command::verify, UpkeepRequest::Command::backup}) {
    const auto refused =
        run_upkeep(directory_.path(), {command, elsewhere.path() / "backups"}, [](auto, auto) {});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().details().find("start the server once"), std::string::npos)
        << refused.error().details();
  }
  EXPECT_EQ(format(), format_line(GetParam()));
  EXPECT_FALSE(fs::exists(elsewhere.path() / "backups"));
  for (const auto& each : fs::recursive_directory_iterator(directory_.path()))
    EXPECT_TRUE(before.contains(each.path())) << each.path();
  ASSERT_TRUE(try_open());
  expect_everything();
}

TEST_P(UpgradeTest, DamagedStoreIsNotUpgraded) {
  for (const auto& entry : fs::directory_iterator(directory_.path() / "store"))
    if (entry.path().extension() == ".sst") {
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(20);
      file.put('\x55');
    }
  const auto opened = try_open();
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().is(kStoreCorrupt)) << opened.error().details();
  EXPECT_EQ(format(), format_line(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(From, UpgradeTest, ::testing::Range(1u, kFormatVersion),
                         [](const auto& each) { return "Format" + std::to_string(each.param); });

}  // namespace
}  // namespace carillon::embedded
