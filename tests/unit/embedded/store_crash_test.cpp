#include <cstdlib>

#include <sys/wait.h>
#include <unistd.h>

#include "unit/embedded/store_fixture.hpp"

namespace carillon::embedded {
namespace {

using model::Position;
using testing::sample_message;
using testing::store_one;

constexpr const char* kDirectoryVariable = "CARILLON_TEST_CRASH_DIRECTORY";
/// Where the writer answers: a descriptor of its own, as anything may write to the usual ones.
constexpr int kAnswers = 99;

/// Writes until it is killed and tells every position once it is durable.
void write_for_ever(const std::filesystem::path& directory) {
  auto store = Store::open(directory, {});
  if (!store) ::_exit(1);
  for (Position position = (*store)->log_end()->position + 1;; ++position) {
    CommitBatch batch;
    batch.add_message(sample_message(position));
    batch.set_sequence("chat-1", position);
    if (!(*store)->write_synced(batch, (*store)->generation())) ::_exit(1);
    if (position % 3 == 0) {
      store_one(batch, sample_message(position));
      batch.set_cursor("Queue", position);
      if (!(*store)->write_unsynced(batch, (*store)->generation())) ::_exit(1);
    }
    if (::write(kAnswers, &position, sizeof position) != sizeof position) ::_exit(1);
  }
}

/// Run by the test below in a process of its own.
TEST(StoreCrash, DISABLED_Writer) {
  const char* directory = std::getenv(kDirectoryVariable);
  if (directory) write_for_ever(directory);
}

/// Lets a writer give `answers` answers and kills it; the last position that it answered.
Position answered_before_kill(const std::filesystem::path& directory, int answers) {
  int ends[2];
  if (::pipe(ends) != 0) return 0;
  ::setenv(kDirectoryVariable, directory.c_str(), 1);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], kAnswers);
    ::close(ends[0]);
    ::close(ends[1]);
    ::execl("/proc/self/exe", "writer", "--gtest_filter=StoreCrash.DISABLED_Writer",
            "--gtest_also_run_disabled_tests", static_cast<char*>(nullptr));
    ::_exit(1);
  }
  ::close(ends[1]);
  Position last = 0, next = 0;
  while (::read(ends[0], &next, sizeof next) == sizeof next) {
    last = next;
    if (--answers == 0) ::kill(child, SIGKILL);
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself";
  return last;
}

TEST(StoreCrash, WhatWasAcknowledgedSurvivesKill9) {
  testing::TemporaryDirectory directory;
  for (int round = 0; round < 8; ++round) {
    const Position acknowledged = answered_before_kill(directory.path(), 20 + 37 * round);
    ASSERT_GT(acknowledged, 0u);
    auto store = Store::open(directory.path(), {});
    ASSERT_TRUE(store) << store.error().details();
    const Position end = (*store)->log_end()->position;
    EXPECT_GE(end, acknowledged);
    EXPECT_LE(end, acknowledged + 1);
    EXPECT_EQ((*store)->sequence("chat-1").value(), end) << "message and counter are one";
    EXPECT_EQ((*store)->read_log(1, end + 10, 1 << 30)->size(), end);
    EXPECT_EQ((*store)->cursor("Queue").value() % 3, 0u);
    EXPECT_TRUE((*store)->verify());
  }
}

}  // namespace
}  // namespace carillon::embedded
