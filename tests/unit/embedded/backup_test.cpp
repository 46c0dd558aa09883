#include "embedded/backup.hpp"

#include <atomic>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include "embedded/store_upkeep.hpp"
#include "model/errors.hpp"
#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded {
namespace {

using model::Position;
using model::Target;
using testing::StoreTest;
using testing::TemporaryDirectory;
namespace errors = model::errors;
namespace fs = std::filesystem;

const UpkeepProgress kQuiet = [](auto, auto) {};

mode_t mode_of(const fs::path& path) {
  struct stat found{};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 0777;
}

class BackupTest : public StoreTest {
 protected:
  base::Result<BackupReport> back_up(std::stop_token stop = {}) {
    return StoreUpkeep(*store_).backup(out(), 0, kQuiet, std::move(stop));
  }
  fs::path out() const { return elsewhere_.path() / "backups"; }
  fs::path target() const { return elsewhere_.path() / "restored"; }
  /// The restored store, as a server opens it.
  std::unique_ptr<Store> open_restored() {
    auto opened = Store::open(target(), options());
    EXPECT_TRUE(opened) << opened.error().details();
    return opened ? std::move(*opened) : nullptr;
  }
  static std::size_t files_below(const fs::path& directory) {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) count += entry.is_regular_file();
    return count;
  }

  TemporaryDirectory elsewhere_;
};

TEST_F(BackupTest, HoldsWhatWasDurableAndIsAnotherStoreWhenRestored) {
  publish(1, 50);
  commit([](CommitBatch& batch) {
    batch.set_cursor("Queue", 20);
    batch.set_sequence("chat-1", 50);
  });
  base::Histogram depth;
  depth.add(5);
  ASSERT_TRUE(store_->write_series({{"QueueDepth", ports::Resolution::five_minutes, 300'000, depth}}));
  const auto report = back_up();
  ASSERT_TRUE(report) << report.error().details();
  EXPECT_EQ(report->epoch, store_->epoch());
  EXPECT_GT(report->bytes, 0u);
  EXPECT_EQ(mode_of(out()), 0700u);
  publish(51, 60);
  ASSERT_TRUE(verify_backup(out(), report->id));

  const auto restored = restore_backup(out(), target(), {});
  ASSERT_TRUE(restored) << restored.error().details();
  EXPECT_EQ(mode_of(target()), 0700u);
  const auto store = open_restored();
  ASSERT_TRUE(store);
  int cells = 0;
  EXPECT_TRUE(
      store->read_series("QueueDepth", ports::Resolution::five_minutes, 0, testing::kStart,
                         [&](base::EpochMs, const base::Histogram& values) { cells += values.max() == 5; }));
  EXPECT_EQ(cells, 1);
  EXPECT_EQ(store->log_end()->position, 50u) << "a point in time: what came after is not in it";
  EXPECT_EQ(store->cursor("Queue"), 20u);
  EXPECT_EQ(store->history({.target = Target::chat("chat-1"), .limit = 1000})->messages.size(), 50u);
  EXPECT_NE(store->epoch(), store_->epoch());
  EXPECT_EQ(store->epoch().size(), store_->epoch().size());
  EXPECT_NE(store->token_secret(), store_->token_secret());
  EXPECT_TRUE(store->verify());
  EXPECT_FALSE(fs::exists(target() / "restoring"));
}

TEST_F(BackupTest, IsIncrementalAndAnyOneCanBeRestored) {
  publish(1, 500);
  reopen();  // into table files
  ASSERT_TRUE(back_up());
  const std::size_t files = files_below(out() / "shared_checksum");
  ASSERT_GT(files, 0u);
  publish(501, 510);
  ASSERT_TRUE(back_up());
  EXPECT_EQ(files_below(out() / "shared_checksum"), files) << "table files are there already";

  const auto first = restore_backup(out(), target(), 1);
  ASSERT_TRUE(first) << first.error().details();
  EXPECT_EQ(open_restored()->log_end()->position, 500u);
  const auto unknown = restore_backup(out(), elsewhere_.path() / "other", 7);
  ASSERT_FALSE(unknown);
  EXPECT_TRUE(unknown.error().is(errors::kNotFound));
  EXPECT_NE(unknown.error().details().find("1, 2"), std::string::npos) << unknown.error().details();

  ASSERT_TRUE(prune_backups(out(), 1));
  EXPECT_FALSE(restore_backup(out(), elsewhere_.path() / "other", 1));
  EXPECT_TRUE(restore_backup(out(), elsewhere_.path() / "newest", 2));
}

TEST_F(BackupTest, GoesOnlyWhereBackupsBelong) {
  const StoreUpkeep upkeep(*store_);
  for (const fs::path& inside :
       {directory_.path(), directory_.path() / "backups", directory_.path() / "x/../store"}) {
    const auto refused = upkeep.backup(inside, 0, kQuiet, {});
    ASSERT_FALSE(refused) << inside;
    EXPECT_TRUE(refused.error().is(errors::kInvalidParameter)) << refused.error().details();
  }
  EXPECT_FALSE(fs::exists(directory_.path() / "backups"));
  fs::create_directory_symlink(directory_.path(), elsewhere_.path() / "link");
  EXPECT_FALSE(upkeep.backup(elsewhere_.path() / "link" / "backups", 0, kQuiet, {}));

  fs::create_directories(out());
  std::ofstream(out() / "holiday.jpg") << "something";
  const auto full = back_up();
  ASSERT_FALSE(full);
  EXPECT_NE(full.error().details().find("not empty"), std::string::npos) << full.error().details();
  EXPECT_TRUE(fs::exists(out() / "holiday.jpg"));
}

TEST_F(BackupTest, TakesADirectoryInWhichTheFirstBackupNeverBegan) {
  fs::create_directories(out());
  std::ofstream(out() / "format.new") << "carillon b";
  std::ofstream(out() / "lock") << "17\n";
  EXPECT_TRUE(back_up());
  EXPECT_FALSE(fs::exists(out() / "format.new"));
}

TEST_F(BackupTest, AFilledDirectoryMustBeOursAndPrivate) {
  ASSERT_TRUE(back_up());
  fs::permissions(out(), fs::perms::all);
  ASSERT_TRUE(back_up());
  EXPECT_EQ(mode_of(out()), 0700u) << "made private again before anything is written";

  const StoreUpkeep upkeep(*store_);
  const fs::path link = elsewhere_.path() / "link";
  fs::create_directory_symlink(out(), link);
  for (const fs::path& linked : {link, link / ""}) {
    const auto refused = upkeep.backup(linked, 0, kQuiet, {});
    ASSERT_FALSE(refused) << linked;
    EXPECT_TRUE(refused.error().is(errors::kInvalidParameter)) << refused.error().details();
  }
  EXPECT_TRUE(upkeep.backup(out() / "", 0, kQuiet, {}));
  const fs::path file = elsewhere_.path() / "file";
  std::ofstream(file) << "something";
  EXPECT_FALSE(upkeep.backup(file, 0, kQuiet, {}));
  EXPECT_EQ(fs::file_size(file), 9u);
}

TEST_F(BackupTest, SomebodyElsesDirectoryIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  ASSERT_TRUE(back_up());
  fs::permissions(out(), fs::perms::all);
  ASSERT_EQ(::chown(out().c_str(), 12'345, 12'345), 0);
  const auto refused = back_up();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().details().find("another user"), std::string::npos) << refused.error().details();
  EXPECT_EQ(mode_of(out()), 0777u) << "it was left alone";
  EXPECT_FALSE(fs::exists(out() / "meta" / "2"));
}

TEST_F(BackupTest, OfAnotherStoreIsRefused) {
  ASSERT_TRUE(back_up());
  TemporaryDirectory other;
  const auto second = Store::open(other.path(), options());
  ASSERT_TRUE(second);
  const auto refused = StoreUpkeep(**second).backup(out(), 0, kQuiet, {});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().details().find("another store"), std::string::npos) << refused.error().details();
}

TEST_F(BackupTest, StoppedOneCountsForNothing) {
  publish(1, 100);
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = back_up(stop.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_TRUE(stopped.error().is(errors::kUnavailable));
  const auto nothing = restore_backup(out(), target(), {});
  ASSERT_FALSE(nothing);
  EXPECT_TRUE(nothing.error().is(errors::kNotFound)) << nothing.error().details();
  EXPECT_FALSE(fs::exists(target()));
  EXPECT_TRUE(back_up());
}

TEST_F(BackupTest, AStoreThatMustBeReopenedDoesNotWaitForIt) {
  for (Position first = 1; first < 4000; first += 500) publish(first, first + 499);
  reopen();
  std::atomic<bool> copying{false};
  base::Result<BackupReport> report;
  // 64 KiB a second would take minutes.
  std::jthread other([&] {
    copying = true;
    copying.notify_one();
    report = StoreUpkeep(*store_).backup(out(), 64u << 10, kQuiet, {});
  });
  copying.wait(false);
  while (!fs::exists(out() / "private")) std::this_thread::yield();
  ASSERT_TRUE(store_->reopen());
  other.join();
  ASSERT_FALSE(report);
  EXPECT_NE(report.error().details().find("stopped"), std::string::npos) << report.error().details();
  EXPECT_TRUE(back_up()) << "the next one is whole";
}

TEST_F(BackupTest, RestoreNeedsAnEmptyDirectory) {
  publish(1, 3);
  ASSERT_TRUE(back_up());
  fs::create_directories(target());
  std::ofstream(target() / "notes") << "x";
  const auto refused = restore_backup(out(), target(), {});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errors::kInvalidParameter));
  EXPECT_NE(refused.error().details().find("notes"), std::string::npos);
  const auto over_a_store = restore_backup(out(), directory_.path(), {});
  ASSERT_FALSE(over_a_store);
  EXPECT_EQ(store_->log_end()->position, 3u);
  const auto from_nowhere = restore_backup(elsewhere_.path() / "nothing", elsewhere_.path() / "new", {});
  ASSERT_FALSE(from_nowhere);
  EXPECT_TRUE(from_nowhere.error().is(errors::kNotFound));
}

TEST_F(BackupTest, InterruptedRestoreIsNoStore) {
  publish(1, 3);
  ASSERT_TRUE(back_up());
  ASSERT_TRUE(restore_backup(out(), target(), {}));
  // As it lies there when the last step, giving the store its name, did not happen.
  fs::rename(target() / "store", target() / "store.new");
  std::ofstream(target() / "restoring") << "backup 1\n";
  ASSERT_TRUE(restore_unfinished(target()));
  const auto served = Store::open(target(), options());
  ASSERT_FALSE(served) << "an empty store in place of a restored one";
  EXPECT_NE(served.error().details().find("carillon restore"), std::string::npos) << served.error().details();
  fs::remove(target() / "store.new" / "CURRENT");
  const auto again = restore_backup(out(), target(), {});
  ASSERT_TRUE(again) << again.error().details();
  EXPECT_EQ(open_restored()->log_end()->position, 3u);
}

TEST_F(BackupTest, AMarkerBesideACompleteStoreIsForgotten) {
  publish(1, 3);
  ASSERT_TRUE(back_up());
  ASSERT_TRUE(restore_backup(out(), target(), {}));
  // As it lies there when only the marker's removal did not reach the disk.
  std::ofstream(target() / "restoring") << "backup 1\n";
  EXPECT_EQ(open_restored()->log_end()->position, 3u);
  fs::rename(target() / "store", target() / "elsewhere");
  EXPECT_TRUE(Store::open(target(), options())) << "moving the store away starts an empty one";
}

TEST_F(BackupTest, DamageInABackupIsNoticed) {
  publish(1, 500);
  reopen();
  const auto report = back_up();
  ASSERT_TRUE(report);
  for (const auto& entry : fs::directory_iterator(out() / "shared_checksum")) {
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(100);
    const char byte = static_cast<char>(file.get() ^ 0x55);
    file.seekp(100);
    file.put(byte);
  }
  const auto sound = verify_backup(out(), report->id);
  ASSERT_FALSE(sound);
  EXPECT_TRUE(sound.error().is(kStoreCorrupt)) << sound.error().details();
  const auto restored = restore_backup(out(), target(), {});
  ASSERT_FALSE(restored);
  EXPECT_TRUE(restored.error().is(kStoreCorrupt)) << restored.error().details();
  EXPECT_FALSE(fs::exists(target() / "store"));
}

}  // namespace
}  // namespace carillon::embedded
