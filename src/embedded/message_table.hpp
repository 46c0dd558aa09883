#pragma once

#include "embedded/store.hpp"
#include "ports/message_table.hpp"

namespace carillon::embedded {

/// The message table in the embedded store, and the cursor and marks of MessageStorageQueue. Storage thread
/// only.
class MessageTable final : public ports::MessageTable {
 public:
  explicit MessageTable(Store& store) : store_(store) {}

  base::Result<model::Position> cursor() override;
  base::Result<std::vector<model::Position>> settled() override;
  base::Result<std::vector<ports::StorageFailure>> store(const ports::StorageStep& step) override;

 private:
  Store& store_;
  std::uint64_t generation_ = 0;  ///< in which cursor() was read; a later one may have lost writes since
  CommitBatch batch_;
};

/// The event log of the embedded store. Any thread.
class MessageLog final : public ports::MessageLog {
 public:
  explicit MessageLog(const Store& store) : store_(store) {}
  base::Result<std::vector<model::MessagePtr>> read(model::Position from, std::size_t limit,
                                                    std::size_t max_bytes) override {
    return store_.read_log(from, limit, max_bytes);
  }

 private:
  const Store& store_;
};

}  // namespace carillon::embedded
