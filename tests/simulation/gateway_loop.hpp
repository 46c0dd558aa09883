#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "bus/delivery_lane.hpp"
#include "world.hpp"

namespace carillon::simulation {

/// A client's socket, as the loop that owns it sees it, with what the oracle expects of it.
struct Connection {
  model::ConnectionId id;
  model::UserId user;
  std::size_t loop = 0;
  std::size_t bytes_per_ms = 0;  ///< how fast the client reads; 0: not at all
  std::unordered_set<model::Target, model::TargetHash> targets;
  bool open = true;

  std::size_t queued = 0;  ///< in the outbound buffer at `drained_at`
  base::Monotonic drained_at{};
  std::unique_ptr<bus::DeliveryLane> lane;
  int attempts = 0;  ///< made for the failing frame, counted here
  base::Monotonic clock{};

  struct Expected {
    model::Target target;
    int sent = 0, accepted = 0;
  };
  std::unordered_map<model::MessageId, Expected> expected;
  std::unordered_set<model::Target, model::TargetHash> removed;
  std::map<std::string, Position> last_of_group;
};

/// One gateway loop: connections with small buffers that fill up, and their delivery lanes.
class GatewayLoop {
 public:
  using OutcomeSink = std::function<void(std::vector<ports::DeliveryOutcome>)>;
  using CloseSink = std::function<void(const model::ConnectionId&)>;

  GatewayLoop(World& world, OutcomeSink outcomes, CloseSink closed)
      : world_(world), outcomes_(std::move(outcomes)), closed_(std::move(closed)) {}

  void add(std::shared_ptr<Connection> connection) {
    connection->drained_at = world_.agenda.now();
    connections_.push_back(std::move(connection));
  }

  void deliver(const std::vector<ports::DeliveryRunPtr>& runs) {
    std::vector<ports::DeliveryOutcome> outcomes;
    for (const auto& run : runs) {
      std::vector<ports::DeliveryOutcome> firsts(run->index.size());
      for (std::size_t at = 0; at < firsts.size(); ++at) firsts[at].delivery = run->index[at].delivery;
      for (const auto& each : connections_)
        if (receives(*each, *run)) deliver_to(*each, run, firsts, outcomes);
      for (auto& each : firsts) outcomes.push_back(std::move(each));
    }
    outcomes_(std::move(outcomes));
  }

  void remove_target(Connection& connection, const model::Target& target) {
    connection.targets.erase(target);
    connection.removed.insert(target);
    if (!connection.open || !connection.lane) return;
    bus::DeliveryLane::Step step;
    const int failed_before = connection.lane->failed_attempts();
    const std::size_t sent_before = step.send.size();
    connection.lane->drop(target, queued(connection), world_.agenda.now(), world_.random.next(), step);
    if (step.send.size() != sent_before || connection.lane->failed_attempts() < failed_before)
      connection.attempts = 1;
    carry_out(connection, std::move(step));
  }

  void disconnect(Connection& connection) {
    if (!connection.open) return;
    std::vector<ports::DeliveryOutcome> changes;
    if (connection.lane) connection.lane->abandon(changes);
    close(connection);
    outcomes_(std::move(changes));
  }

  /// Every open connection got what was meant for it, unless it had lost the right to it.
  void check_end() const {
    for (const auto& each : connections_) {
      if (!each->open) continue;
      require(!each->lane, "frames wait for ever");
      for (const auto& [id, expected] : each->expected)
        require(expected.accepted == expected.sent || each->removed.contains(expected.target),
                "an open connection missed a message");
    }
  }

  /// What is sent from now on to what it is subscribed to must reach the connection.
  static void expect(Connection& connection, const model::Message& message) {
    auto& expected = connection.expected[message.id];
    expected.target = message.target;
    ++expected.sent;
  }

 private:
  static bool receives(const Connection& connection, const ports::DeliveryRun& run) {
    return connection.open && connection.targets.contains(run.target) && connection.user != run.except &&
           (run.only.empty() || std::ranges::find(run.only, connection.user) != run.only.end());
  }

  void deliver_to(Connection& connection, const ports::DeliveryRunPtr& run,
                  std::vector<ports::DeliveryOutcome>& firsts, std::vector<ports::DeliveryOutcome>& changes) {
    using Offered = bus::DeliveryLane::Offered;
    std::uint32_t begin = 0;
    for (std::uint32_t at = 0; at < run->index.size(); ++at) {
      const std::uint32_t bytes = run->index[at].end - begin;
      begin = run->index[at].end;
      if (!connection.open) {
        ++firsts[at].gone;
        continue;
      }
      if (!connection.lane)
        connection.lane = std::make_unique<bus::DeliveryLane>(limits(), connection.user, connection.id);
      const bool was_empty = connection.lane->empty();
      bus::DeliveryLane::Step step;
      const Offered offered = connection.lane->offer({run, at, bytes}, queued(connection),
                                                     world_.agenda.now(), world_.random.next(), step);
      if (offered == Offered::accepted) ++firsts[at].delivered;
      if (offered == Offered::waiting) ++firsts[at].waiting;
      if (offered == Offered::gone) ++firsts[at].gone;
      if ((was_empty && offered == Offered::waiting) || !step.send.empty()) connection.attempts = 1;
      for (auto& each : step.changes) changes.push_back(std::move(each));
      step.changes.clear();
      carry_out(connection, std::move(step));
    }
  }

  bus::DeliveryLane::Limits limits() const {
    return {.max_outbound_bytes = world_.nature.max_outbound_bytes,
            .max_parked_frames = 8,
            .retry = {.max_attempts = 3, .base = std::chrono::milliseconds(20)}};
  }

  std::size_t queued(Connection& connection) {
    const auto passed =
        std::chrono::duration_cast<std::chrono::milliseconds>(world_.agenda.now() - connection.drained_at);
    const std::size_t read = static_cast<std::size_t>(passed.count()) * connection.bytes_per_ms;
    connection.queued -= std::min(connection.queued, read);
    connection.drained_at = world_.agenda.now();
    return connection.queued;
  }

  void carry_out(Connection& connection, bus::DeliveryLane::Step step) {
    for (const auto& frame : step.send) accept(connection, frame);
    if (step.close) {
      ++world_.given_up;
      world_.unreported.insert(connection.id);
      close(connection);
    }
    if (!step.changes.empty()) outcomes_(std::move(step.changes));
    if (!connection.open) return;
    if (connection.lane->empty()) {
      connection.lane.reset();
    } else if (connection.clock != connection.lane->due()) {
      connection.clock = connection.lane->due();
      world_.in_this_life(connection.clock,
                          [this, &connection, due = connection.clock] { tick(connection, due); });
    }
  }

  void tick(Connection& connection, base::Monotonic due) {
    if (!connection.open || !connection.lane || connection.lane->due() != due) return;
    ++connection.attempts;
    require(connection.attempts <= 3, "more than three attempts");
    bus::DeliveryLane::Step step;
    connection.lane->retry(queued(connection), world_.agenda.now(), world_.random.next(), step);
    if (step.close) require(connection.attempts == 3, "given up before the third attempt");
    if (connection.attempts == 3 && step.send.empty()) require(step.close, "a fourth attempt is planned");
    if (!step.send.empty()) connection.attempts = 1;
    carry_out(connection, std::move(step));
  }

  /// A frame enters the outbound buffer: all that a recipient may rely on is checked here.
  void accept(Connection& connection, const bus::DeliveryLane::Frame& frame) {
    const std::uint32_t begin = frame.index == 0 ? 0 : frame.run->index[frame.index - 1].end;
    const std::string_view bytes = std::string_view(frame.run->frames).substr(begin, frame.bytes);
    connection.queued += frame.bytes;
    require(connection.queued <= world_.nature.max_outbound_bytes, "an outbound buffer over its bound");
    ++world_.deliveries;
    const auto id = model::MessageId::parse(text_after(bytes, "\"messageId\":\"", 36));
    require(id && connection.expected.contains(*id), "a frame for somebody else");
    auto& expected = connection.expected.at(*id);
    require(++expected.accepted <= expected.sent, "a frame twice on one connection");
    const model::Target& target = frame.run->target;
    require(expected.target == target, "a frame in another target's run");
    require(!target.is_chat() || !world_.oracle.is_revoked({connection.user.str(), target.id}),
            "a revoked user got a frame after the answer");
    const auto number = text_after(bytes, "\"queueSequenceNumber\":\"", 20);
    if (number.empty()) return;
    const Position position = std::stoull(std::string(number));
    const auto group = text_after(bytes, "\"messageGroupId\":\"", 2);
    Position& last = connection.last_of_group[std::string(group)];
    require(position > last, "order broken in a group");
    last = position;
  }

  static std::string_view text_after(std::string_view text, std::string_view name, std::size_t length) {
    const auto at = text.find(name);
    return at == std::string_view::npos ? std::string_view() : text.substr(at + name.size(), length);
  }

  void close(Connection& connection) {
    connection.open = false;
    closed_(connection.id);
  }

  World& world_;
  OutcomeSink outcomes_;
  CloseSink closed_;
  std::vector<std::shared_ptr<Connection>> connections_;
};

}  // namespace carillon::simulation
