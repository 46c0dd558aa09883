#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "gateway/connect_limits.hpp"
#include "gateway/frame_parser.hpp"
#include "gateway/gateway.hpp"
#include "gateway/http_request_parser.hpp"
#include "gateway/memory_budget.hpp"
#include "gateway/origin_policy.hpp"
#include "gateway/route_table.hpp"
#include "gateway/source_address.hpp"
#include "gateway/tls_context.hpp"

namespace carillon::gateway {

/// What the loops of one gateway share. Settings, policies and services do not change once it is started;
/// the rest may be used from any thread.
class Front {
 public:
  /// All unfinished messages and request bodies together.
  static constexpr std::size_t kUnfinishedBytes = 256u << 20;
  /// All large answers that their readers have not taken yet together.
  static constexpr std::size_t kUnsentBytes = 256u << 20;

  /// Throws std::runtime_error when the settings cannot work.
  Front(Settings settings, Timing timing);

  const Settings settings;
  const Timing timing;
  const OriginPolicy origins;
  const TrustedProxies proxies;
  MemoryBudget unfinished{kUnfinishedBytes};
  MemoryBudget unsent{kUnsentBytes};
  const FrameRules rules;
  const FrameRules echo_rules;  ///< binary too
  const HttpLimits http_limits;
  ConnectLimits limits;

  // Set by Gateway::start() and set_outcome_sink(), before any loop reads them.
  std::optional<Services> services;
  RouteTable routes;
  ports::ConnectionGateway::OutcomeSink outcome_sink;

  std::atomic<bool> draining{false};
  std::atomic<std::size_t> websockets{0};

  TlsContext tls() const;
  bool reload_tls();

 private:
  mutable std::mutex tls_mutex_;
  TlsContext tls_;
};

}  // namespace carillon::gateway
