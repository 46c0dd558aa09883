#include "authorizer/dev_key.hpp"

#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "authorizer/jwt_verifier.hpp"
#include "authorizer/token_minter.hpp"
#include "base/bytes.hpp"
#include "temporary_directory.hpp"

namespace carillon::authorizer {
namespace {

using std::filesystem::path;

mode_t mode_of(const path& file) {
  struct stat about{};
  EXPECT_EQ(lstat(file.c_str(), &about), 0) << file;
  return about.st_mode & 07777;
}

std::string problem(const path& directory) {
  const auto key = load_or_create_dev_key(directory);
  if (key) return "(a key)";
  EXPECT_TRUE(key.error().is(model::errors::kInternal));
  return key.error().details();
}

TEST(DevKey, is_made_once_for_its_owner_only) {
  const TemporaryDirectory temporary;
  for (const char* name : {"data", "deep/er/data", "slash/"}) {
    const path directory = temporary.path() / name;
    const mode_t before = umask(0);
    const auto key = load_or_create_dev_key(directory);
    umask(before);
    ASSERT_TRUE(key) << key.error().details();
    EXPECT_EQ(mode_of(directory.has_filename() ? directory : directory.parent_path()), 0700u) << name;
    EXPECT_EQ(mode_of(directory / "dev-key"), 0600u);
    EXPECT_GE(base::base64url_decode(*key)->size(), 32u);
    EXPECT_EQ(*load_or_create_dev_key(directory), *key);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory), {}), 1) << "no draft is left";
  }
}

TEST(DevKey, keys_of_two_directories_differ) {
  const TemporaryDirectory one;
  const TemporaryDirectory two;
  EXPECT_NE(*load_or_create_dev_key(one.path()), *load_or_create_dev_key(two.path()));
}

TEST(DevKey, racing_processes_agree) {
  const TemporaryDirectory temporary;
  constexpr int kRounds = 20;
  constexpr int kProcesses = 6;
  for (int round = 0; round < kRounds; ++round) {
    const path directory = temporary.path() / std::to_string(round);
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    std::vector<pid_t> children;
    for (int i = 0; i < kProcesses; ++i) {
      const pid_t child = fork();
      ASSERT_GE(child, 0);
      if (child == 0) {
        // A thread of its own, as the bytes that random_bytes() holds ready came along with the fork.
        bool written = false;
        std::thread([&] {
          const auto key = load_or_create_dev_key(directory);
          const std::string line = (key ? *key : key.error().details()) + "\n";
          written = write(pipe_ends[1], line.data(), line.size()) == static_cast<ssize_t>(line.size());
        }).join();
        _exit(written ? 0 : 1);
      }
      children.push_back(child);
    }
    close(pipe_ends[1]);
    std::string all;
    char buffer[4096];
    for (ssize_t size; (size = read(pipe_ends[0], buffer, sizeof(buffer))) > 0;)
      all.append(buffer, static_cast<std::size_t>(size));
    close(pipe_ends[0]);
    for (const pid_t child : children) waitpid(child, nullptr, 0);
    const std::string key = *load_or_create_dev_key(directory) + "\n";
    std::string expected;
    for (int i = 0; i < kProcesses; ++i) expected += key;
    EXPECT_EQ(all, expected);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory), {}), 1);
  }
}

TEST(DevKey, a_key_that_others_can_read_is_refused) {
  const TemporaryDirectory temporary;
  ASSERT_TRUE(load_or_create_dev_key(temporary.path()));
  const path file = temporary.path() / "dev-key";
  for (const mode_t mode : {0640, 0604, 0620, 0660, 0644, 0610}) {
    ASSERT_EQ(chmod(file.c_str(), mode), 0);
    EXPECT_EQ(
        problem(temporary.path()),
        file.string() + ": others have access to it (mode wider than 0600); remove it and a new key is made");
  }
  ASSERT_EQ(chmod(file.c_str(), 0400), 0);
  EXPECT_EQ(problem(temporary.path()), "(a key)");
}

TEST(DevKey, what_is_no_key_is_refused_and_left_alone) {
  const TemporaryDirectory temporary;
  for (const std::string& content : {std::string(), std::string("short"), std::string(43, '!'),
                                     std::string(42, 'A') + "\n\n", std::string(2000, 'A')}) {
    const path file = temporary.write("dev-key", content);
    ASSERT_EQ(chmod(file.c_str(), 0600), 0);
    EXPECT_EQ(problem(temporary.path()), file.string() + ": holds no key; remove it and a new one is made");
    EXPECT_EQ(std::filesystem::file_size(file), content.size());
  }
}

TEST(DevKey, links_and_other_kinds_of_files_are_refused) {
  const TemporaryDirectory temporary;
  const TemporaryDirectory elsewhere;
  ASSERT_TRUE(load_or_create_dev_key(elsewhere.path()));
  const path file = temporary.path() / "dev-key";
  for (const path& target : {elsewhere.path() / "dev-key", elsewhere.path() / "absent"}) {
    std::filesystem::create_symlink(target, file);
    EXPECT_NE(problem(temporary.path()), "(a key)");
    EXPECT_FALSE(std::filesystem::exists(elsewhere.path() / "absent"));
    std::filesystem::remove(file);
  }
  ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
  EXPECT_EQ(problem(temporary.path()),
            file.string() + ": not a regular file; remove it and a new key is made");
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  EXPECT_EQ(problem(temporary.path()),
            file.string() + ": not a regular file; remove it and a new key is made");
}

TEST(DevKey, a_directory_that_cannot_be_made_is_named) {
  const TemporaryDirectory temporary;
  const path file = temporary.write("file", "x");
  EXPECT_NE(problem(file), "(a key)");
  EXPECT_NE(problem(file / "below").find(file.string()), std::string::npos);
}

TEST(DevKey, its_settings_trust_it_alone) {
  const Settings mine = dev_settings(std::string(43, 'a'));
  EXPECT_EQ(mine.issuer, "carillon-dev");
  EXPECT_EQ(mine.audience, std::vector<std::string>{"carillon"});
  const auto token = mint_token(mine, {.user = "dev"}, 1'750'000'000'000);
  ASSERT_TRUE(token);
  EXPECT_TRUE(JwtVerifier(mine).verify(*token, 1'750'000'000'000, nullptr).identity);
  EXPECT_FALSE(
      JwtVerifier(dev_settings(std::string(43, 'b'))).verify(*token, 1'750'000'000'000, nullptr).identity);
}

}  // namespace
}  // namespace carillon::authorizer
