#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bench/driver.hpp"
#include "cli/bench/ledger.hpp"
#include "cli/bench/marker.hpp"
#include "cli/bench/socket.hpp"

namespace carillon::cli::bench {

/// A connection that is subscribed to one channel.
struct Subscriber {
  enum class State : std::uint8_t { upgrading, greeting, ready, closing, closed };

  Descriptor fd;
  State state = State::upgrading;
  bool close_confirmed = false;  ///< the server answered our close frame
  std::uint32_t channel = 0;
  std::string kept;                     ///< the beginning of a frame whose rest has not come
  std::vector<StreamTracker> trackers;  ///< one per stream of the channel
};

/// Gets what subscribers receive.
class DeliveryHandler {
 public:
  virtual ~DeliveryHandler() = default;
  /// The messages of one read, in their order.
  virtual void on_deliveries(Subscriber& subscriber, std::span<const Marker> markers, std::uint64_t now) = 0;
};

/// All subscribing connections. Their poller tags are 0 to the number of connections.
class Subscribers {
 public:
  struct Plan {
    std::size_t connections = 0;
    std::size_t channels = 1;                ///< connection i is subscribed to channel i % channels
    std::size_t streams_per_connection = 1;  ///< trackers each gets
  };
  /// What is passed in outlives this.
  Subscribers(const Driver& driver, const Endpoint& endpoint, Poller& poller, ReadBuffer& buffer, Plan plan);

  void deliver_to(const MarkerCodec& codec, DeliveryHandler& handler) {
    codec_ = &codec;
    handler_ = &handler;
  }

  /// Starts the next connections, so that at most `at_once` of all are not ready yet.
  void connect_some(std::size_t at_once);
  void on_event(std::size_t number, std::uint32_t events);
  /// Sends a close frame (1000) on every connection that is ready.
  void close_all();

  std::size_t size() const { return plan_.connections; }
  std::size_t ready() const { return ready_; }
  std::size_t closed() const { return closed_; }                  ///< ended, by whichever side
  std::size_t closed_cleanly() const { return closed_cleanly_; }  ///< after close frames both ways
  std::size_t disconnected() const { return disconnected_; }      ///< ended while they were wanted
  std::uint64_t reads() const { return reads_; }                  ///< reads that brought messages
  const std::string& failure() const { return failure_; }         ///< why a connection did not come about

 private:
  void start(std::size_t number);
  bool send_first(Subscriber& subscriber);
  void on_readable(Subscriber& subscriber);
  std::size_t read_upgrade(Subscriber& subscriber, std::string_view bytes);
  bool on_frame(Subscriber& subscriber, const ServerFrame& frame);
  void become_ready(Subscriber& subscriber);
  void send(Subscriber& subscriber, std::string_view bytes);
  void end(Subscriber& subscriber, std::string_view why);

  const Driver& driver_;
  const Endpoint& endpoint_;
  Poller& poller_;
  ReadBuffer& buffer_;
  Plan plan_;
  const MarkerCodec* codec_ = nullptr;
  DeliveryHandler* handler_ = nullptr;
  std::vector<Subscriber> subscribers_;
  std::vector<Marker> markers_;
  std::string scratch_;
  std::string failure_;
  std::size_t started_ = 0;
  std::size_t ready_ = 0;
  std::size_t closed_ = 0;
  std::size_t closed_cleanly_ = 0;
  std::size_t disconnected_ = 0;
  std::uint64_t reads_ = 0;
};

}  // namespace carillon::cli::bench
