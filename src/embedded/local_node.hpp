#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bus/settings.hpp"
#include "embedded/store_options.hpp"
#include "ports/connection_directory.hpp"
#include "ports/connection_gateway.hpp"
#include "ports/http_client.hpp"
#include "ports/message_bus.hpp"
#include "ports/message_history.hpp"
#include "ports/message_times.hpp"
#include "ports/metric_set.hpp"
#include "ports/permission_table.hpp"
#include "ports/queue_admin.hpp"
#include "ports/series_table.hpp"
#include "ports/tracer.hpp"

namespace carillon::embedded {

class LocalTrace;

struct NodeSettings {
  bus::Settings bus;
  std::filesystem::path directory;
  std::uint64_t disk_reserve_bytes = 0;  ///< 0: DiskSpaceGuard's default
  ports::Tracer* tracer = nullptr;       ///< null: no spans; must outlive the node
};

/// Everything behind the ports in one process: RocksDB, the bus loop with topics, queues and processor, the
/// storage thread. One data directory, one node.
class LocalNode {
 public:
  /// Opens the store and recovers: what was durable and not settled is queued again. Errors: the store's,
  /// with a text for the operator; invalid_parameter (filter policies).
  static base::Result<std::unique_ptr<LocalNode>> open(NodeSettings settings, StoreOptions options,
                                                       ports::ConnectionGateway& gateway,
                                                       ports::HttpClient& http);
  ~LocalNode();
  LocalNode(const LocalNode&) = delete;
  LocalNode& operator=(const LocalNode&) = delete;

  ports::MessageBus& message_bus();
  ports::ConnectionDirectory& directory();
  ports::PermissionTable& permissions();
  ports::QueueAdmin& queues();
  ports::MessageHistory& history();
  ports::SeriesTable& series();
  /// Of bus, store and storage.
  const ports::MetricSource& figures() const;
  /// Of messages for sockets.
  const ports::MessageTimesWindow& message_times() const;
  /// What became of messages.
  LocalTrace& trace();
  const std::string& store_epoch() const;

  /// Why the node cannot serve now; empty when it can. Any thread.
  std::vector<std::string> not_ready_reasons() const;
  /// Filter policies and rate limits of a re-read configuration. Errors: invalid_parameter.
  void reload(bus::Settings settings, ports::Completion<void> done);
  /// Writes cursors, waits until everything is on disk and stored, ends the threads. The gateway is silent
  /// by then.
  void stop();

 private:
  class Core;
  explicit LocalNode(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace carillon::embedded
