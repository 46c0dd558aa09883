#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/recorder.hpp"
#include "gateway/http_status.hpp"
#include "gateway/route_table.hpp"
#include "ports/authorization_counts.hpp"
#include "ports/loop_due.hpp"

namespace carillon::gateway {

/// The number of a method among those that are told apart; every other one has the last.
std::uint8_t method_number(std::string_view method);

/// What one gateway loop counts (CONTRACT §13). Written by the loop's thread only, without a locked
/// instruction; read from any.
class LoopFigures {
 public:
  static constexpr std::size_t kUnrouted = 0;  ///< of answered(): no route took the request
  static constexpr std::size_t kMethods = 8;

  LoopFigures() = default;
  ~LoopFigures();
  LoopFigures(const LoopFigures&) = delete;
  LoopFigures& operator=(const LoopFigures&) = delete;

  /// How many patterns the route table has. Once, before the loop starts.
  void set_patterns(std::size_t count);

  base::Counter connections_opened;
  base::Counter messages_received;
  base::Counter bytes_received;
  base::Counter bytes_sent;
  base::Counter delivery_retries;
  base::Counter slow_consumers;
  /// Frames that wait for their sockets to take them.
  base::Level outbound_bytes;
  ports::AuthorizationCounts<base::Counter> authorizations;
  /// How late the loop's timer came by: what was due, or came in, waited as long.
  base::Recorder lag;
  ports::LoopDue due;

  void connection_closed(std::uint16_t code);
  void upgrade_refused(int status);
  /// `pattern`: kUnrouted, or RouteTable::pattern_number(). The duration is from the complete request to its
  /// answer being queued.
  void answered(std::size_t pattern, std::uint8_t method, int status,
                std::chrono::steady_clock::duration duration);

  /// The sums over all loops of a gateway, but for the lag. `patterns` are those of the route table, in the
  /// order of their numbers.
  static void collect(std::span<const LoopFigures* const> loops, std::span<const RoutePattern> patterns,
                      ports::MetricSet& into);

 private:
  static constexpr std::size_t kStatuses = kHttpStatuses.size() + 1;
  static constexpr std::size_t kCodes = 15;
  /// Of the requests to one pattern; made with the first of them.
  struct Answers {
    std::array<std::array<base::Counter, kStatuses>, kMethods> count;
    base::Recorder duration;
  };
  static void collect_sockets(std::span<const LoopFigures* const> loops, ports::MetricSet& into);
  static void collect_answers(std::span<const LoopFigures* const> loops, std::size_t pattern,
                              const RoutePattern& route, ports::MetricSet& into);
  const Answers* answers(std::size_t pattern) const;

  std::array<base::Counter, kCodes> closed_;
  std::array<base::Counter, kStatuses> refused_;
  std::size_t patterns_ = 0;
  std::unique_ptr<std::atomic<Answers*>[]> answers_;
};

}  // namespace carillon::gateway
