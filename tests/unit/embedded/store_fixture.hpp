#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/bytes.hpp"
#include "embedded/store.hpp"

namespace carillon::embedded::testing {

/// A directory of its own that goes away with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "carillon-store-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline constexpr base::EpochMs kStart = 1'800'000'000'000;

inline model::Message sample_message(model::Position position, std::string chat = "chat-1") {
  model::Message message;
  message.type = model::MessageType::fifo;
  message.target = model::Target::chat(std::move(chat));
  message.group_id = message.target.id;
  message.event_type = "chat";
  message.payload = R"({"chatId":"chat-1","eventType":"chat","content":")" + std::to_string(position) + "\"}";
  message.sender = model::UserId("alice");
  message.id = model::MessageId::generate(kStart + static_cast<base::EpochMs>(position));
  message.published_at = kStart + static_cast<base::EpochMs>(position);
  message.position = position;
  message.sequence = position;
  return message;
}

inline void store_one(CommitBatch& batch, const model::Message& message) {
  const auto shared = std::make_shared<const model::Message>(message);
  batch.store_messages({&shared, 1});
}

inline ports::QueuedMessage sample_letter(model::Position position) {
  ports::QueuedMessage letter;
  letter.message = std::make_shared<const model::Message>(sample_message(position));
  letter.attempts = 3;
  letter.enqueued_at = kStart + 5000;
  letter.reason = "out of attempts";
  letter.failed = {{model::UserId("bob"), model::ConnectionId("c-1"), "buffer full"}};
  return letter;
}

inline std::vector<model::Position> positions(const std::vector<model::MessagePtr>& messages) {
  std::vector<model::Position> found;
  for (const auto& message : messages) found.push_back(message->position);
  return found;
}

/// A store in a directory of its own, with a clock that stands still until it is moved.
class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }

  StoreOptions options() {
    StoreOptions options;
    options.write_buffer_bytes = 4u << 20;
    options.clock = [this] { return now_; };
    return options;
  }
  base::Result<std::unique_ptr<Store>> try_open() { return Store::open(directory_.path(), options()); }
  void open() {
    auto opened = try_open();
    ASSERT_TRUE(opened) << opened.error().details();
    store_ = std::move(*opened);
  }
  void reopen() {
    store_.reset();
    open();
  }
  template <typename Change>
  void commit(Change change) {
    CommitBatch batch;
    change(batch);
    const auto written = store_->write_synced(batch, store_->generation());
    ASSERT_TRUE(written) << written.error().details();
  }
  /// Messages into the log and the message table, with the chat's counter.
  void publish(model::Position first, model::Position last, const std::string& chat = "chat-1") {
    commit([&](CommitBatch& batch) {
      for (model::Position position = first; position <= last; ++position) {
        batch.add_message(sample_message(position, chat));
        store_one(batch, sample_message(position, chat));
      }
      batch.set_sequence(chat, last);
    });
  }
  std::filesystem::path database() const { return directory_.path() / "store"; }
  std::vector<std::filesystem::path> files_ending(std::string_view ending) const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(database()))
      if (entry.path().filename().string().ends_with(ending)) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
  }

  TemporaryDirectory directory_;
  base::EpochMs now_ = kStart + 1000;
  std::unique_ptr<Store> store_;
};

}  // namespace carillon::embedded::testing
