#include "embedded/message_table.hpp"

namespace carillon::embedded {
namespace {

constexpr std::string_view kQueue = "MessageStorageQueue";

/// Far above what publishing lets in; RocksDB takes 4 GiB at most.
constexpr std::size_t kMaxPayloadBytes = 512u << 20;

}  // namespace

base::Result<model::Position> MessageTable::cursor() {
  generation_ = store_.generation();
  // What it says before it is reopened may not be on disk.
  if (store_.failed()) return model::fail(model::errors::kUnavailable, "the store must be reopened");
  return store_.cursor(kQueue);
}

base::Result<std::vector<model::Position>> MessageTable::settled() {
  return store_.settled(kQueue);
}

base::Result<std::vector<ports::StorageFailure>> MessageTable::store(const ports::StorageStep& step) {
  batch_.clear();
  std::vector<ports::StorageFailure> failed;
  std::vector<model::MessagePtr> fitting;
  fitting.reserve(step.messages.size());
  for (std::size_t i = 0; i < step.messages.size(); ++i) {
    if (step.messages[i]->payload.size() <= kMaxPayloadBytes)
      fitting.push_back(step.messages[i]);
    else
      failed.push_back({i, model::Error(model::errors::kMessageTooLarge)});
  }
  batch_.store_messages(fitting);
  if (failed.empty()) {
    batch_.set_cursor(kQueue, step.cursor);
    for (const model::Position position : step.settled) batch_.unmark_settled(kQueue, position);
  }
  if (const auto written = store_.write_unsynced(batch_, generation_); !written)
    return std::unexpected(written.error());
  return failed;
}

}  // namespace carillon::embedded
