#include <fstream>
#include <map>

#include <unistd.h>

#include "embedded/format_file.hpp"
#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded {
namespace {

using model::Position;
using testing::StoreTest;
namespace fs = std::filesystem;

void flip(const fs::path& path, std::uintmax_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char byte = static_cast<char>(file.get() ^ 0x55);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
  ASSERT_TRUE(file.good());
}

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class StoreDamageTest : public StoreTest {
 protected:
  /// The store is refused, with a text that names `file` and the way out, and no table file changes; no file
  /// at all when RocksDB itself refuses.
  void expect_refused(const fs::path& file, const base::ErrorEntry& entry = kStoreCorrupt) {
    std::map<std::string, std::string> before;
    for (const auto& each : fs::directory_iterator(database()))
      if (const std::string name = each.path().filename().string();
          name.ends_with(".sst") || (&entry == &kStoreCorrupt && !opens_ && !name.starts_with("LOG")))
        before[each.path().string()] = bytes_of(each);
    for (int attempt = 0; attempt < 2; ++attempt) {
      const auto opened = try_open();
      ASSERT_FALSE(opened) << "attempt " << attempt;
      EXPECT_TRUE(opened.error().is(entry)) << opened.error().code();
      EXPECT_NE(opened.error().details().find(file.string()), std::string::npos) << opened.error().details();
      EXPECT_NE(opened.error().details().find("backup"), std::string::npos) << opened.error().details();
    }
    for (const auto& [path, bytes] : before) EXPECT_TRUE(bytes_of(path) == bytes) << path << " was changed";
  }
  bool opens_ = false;  ///< the damage shows only once RocksDB has opened the database
};

TEST_F(StoreDamageTest, SecondOpenerIsRefused) {
  const auto second = try_open();
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().is(kStoreInUse));
  EXPECT_NE(second.error().details().find(directory_.path().string()), std::string::npos);
  EXPECT_NE(second.error().details().find(std::to_string(::getpid())), std::string::npos);
  reopen();
}

TEST_F(StoreDamageTest, NewerFormatIsRefused) {
  publish(1, 3);
  store_.reset();
  std::ofstream(directory_.path() / "format") << "carillon store " << kFormatVersion + 1 << "\n";
  expect_refused(directory_.path(), kStoreTooNew);
  std::ofstream(directory_.path() / "format") << "carillon store " << kFormatVersion << "\n";
  open();
  EXPECT_EQ(store_->log_end()->position, 3u);
}

TEST_F(StoreDamageTest, UnreadableFormatIsRefused) {
  store_.reset();
  for (const char* text :
       {"", "carillon store x\n", "carillon store 1x\n", "carillon store 0\n", "something\n"}) {
    std::ofstream(directory_.path() / "format") << text;
    expect_refused(directory_.path() / "format");
  }
  fs::remove(directory_.path() / "format");
  expect_refused(directory_.path() / "format");
}

TEST_F(StoreDamageTest, UnfinishedCreationStartsOver) {
  store_.reset();
  fs::rename(database(), directory_.path() / "store.new");
  fs::remove(directory_.path() / "store.new" / "CURRENT");
  open();
  EXPECT_FALSE(fs::exists(directory_.path() / "store.new"));
  EXPECT_EQ(store_->log_end()->position, 0u);
}

TEST_F(StoreDamageTest, MissingCurrentIsNoNewStore) {
  publish(1, 3);
  store_.reset();
  fs::remove(database() / "CURRENT");
  expect_refused(database() / "CURRENT");
}

TEST_F(StoreDamageTest, DamagedCurrentIsRefused) {
  publish(1, 3);
  store_.reset();
  std::ofstream(database() / "CURRENT") << "garbage";
  expect_refused(database() / "CURRENT");
  std::ofstream(database() / "CURRENT") << "MANIFEST-999999\n";
  expect_refused(database());
}

TEST_F(StoreDamageTest, DamagedManifestIsRefused) {
  publish(1, 3);
  store_.reset();
  for (const auto& entry : fs::directory_iterator(database()))
    if (entry.path().filename().string().starts_with("MANIFEST")) {
      flip(entry.path(), fs::file_size(entry.path()) / 2);
      expect_refused(entry.path());
    }
}

TEST_F(StoreDamageTest, TornTailOfTheWriteAheadLogIsTolerated) {
  publish(1, 10);
  publish(11, 20);
  store_.reset();
  const fs::path log = files_ending(".log").back();
  fs::resize_file(log, fs::file_size(log) - 7);
  open();
  EXPECT_EQ(store_->log_end()->position, 10u) << "the torn batch is gone as a whole, the one before is not";
  EXPECT_TRUE(store_->verify());
}

TEST_F(StoreDamageTest, DamageInTheMiddleOfTheWriteAheadLogIsRefused) {
  for (Position position = 1; position <= 50; ++position) publish(position, position);
  store_.reset();
  const fs::path log = files_ending(".log").back();
  flip(log, fs::file_size(log) / 2);
  expect_refused(log);
}

TEST_F(StoreDamageTest, CursorBeyondTheLogIsRefused) {
  opens_ = true;
  publish(1, 10);
  commit([](CommitBatch& batch) { batch.set_cursor("Queue", 11); });
  store_.reset();
  expect_refused(database());
}

TEST_F(StoreDamageTest, DamagedTableFileIsRefused) {
  opens_ = true;
  publish(1, 200);
  store_.reset();
  open();  // recovery writes table files
  store_.reset();
  const auto tables = files_ending(".sst");
  ASSERT_GE(tables.size(), 4u);
  for (const fs::path& table : tables) {
    for (const double part : {0.05, 0.5, 0.8}) {
      const auto at = static_cast<std::uintmax_t>(static_cast<double>(fs::file_size(table)) * part);
      SCOPED_TRACE(table.string() + " at " + std::to_string(at));
      flip(table, at);
      expect_refused(table);
      flip(table, at);
    }
  }
  open();
  EXPECT_EQ(store_->log_end()->position, 200u);
}

TEST_F(StoreDamageTest, MissingTableFileIsRefused) {
  publish(1, 200);
  store_.reset();
  open();
  store_.reset();
  const fs::path table = files_ending(".sst").front();
  fs::remove(table);
  expect_refused(table);
}

TEST_F(StoreDamageTest, HistoryBeyondTheBudgetIsFoundByVerify) {
  publish(1, 200);
  reopen();
  store_.reset();
  for (const fs::path& table : files_ending(".sst")) {
    const std::string bytes = bytes_of(table);
    if (bytes.find("messages") == std::string::npos) continue;
    flip(table, 100);
    StoreOptions without = options();
    without.verify_history_bytes = 0;
    const auto opened = Store::open(directory_.path(), without);
    ASSERT_TRUE(opened) << opened.error().details();
    const auto sound = (*opened)->verify();
    ASSERT_FALSE(sound);
    EXPECT_NE(sound.error().details().find(table.string()), std::string::npos) << sound.error().details();
    EXPECT_FALSE((*opened)->history({.target = model::Target::chat("chat-1"), .limit = 1000}));
    return;
  }
  FAIL() << "no table file of the message table";
}

}  // namespace
}  // namespace carillon::embedded
