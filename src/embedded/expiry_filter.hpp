#pragma once

#include <functional>
#include <memory>

#include <rocksdb/compaction_filter.h>

#include "embedded/keys.hpp"
#include "embedded/retention.hpp"

namespace carillon::embedded {

/// Lets compaction drop what has expired: messages and their indexes by retention, deduplication entries by
/// their own time. Values that it cannot read stay, for verify and reads to report.
std::shared_ptr<rocksdb::CompactionFilterFactory> expiry_filter(keys::ColumnFamily family,
                                                                std::function<base::EpochMs()> clock,
                                                                std::shared_ptr<RetentionInForce> retention);

}  // namespace carillon::embedded
