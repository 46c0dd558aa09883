#pragma once

#include <memory>
#include <vector>

#include <rocksdb/db.h>

#include "embedded/store_options.hpp"

namespace carillon::embedded {

/// How RocksDB is set up for this workload: two writing threads, ascending keys, few background threads.
rocksdb::DBOptions database_options(const StoreOptions& options);

/// One per column family, in the order of keys::ColumnFamily; they share one block cache.
std::vector<rocksdb::ColumnFamilyDescriptor> column_families(const StoreOptions& options,
                                                             std::shared_ptr<RetentionInForce> retention);

}  // namespace carillon::embedded
