#pragma once

#include <boost/asio/steady_timer.hpp>

#include "base/event_loop.hpp"
#include "embedded/control_socket.hpp"
#include "embedded/store_upkeep.hpp"

namespace carillon::embedded {

/// Upkeep of a node's store while it runs: the control socket, and the disk that follows retention. Two
/// threads, as either may take long.
class NodeUpkeep {
 public:
  explicit NodeUpkeep(const Store& store);

  /// Without a control socket the node does its work all the same; the log says so.
  void start();
  /// Stops what is under way and ends the threads.
  void stop();
  /// Whether the log should be trimmed of the little that it holds, as the time for it has come. Bus loop.
  bool trim_due();

 private:
  void follow_retention();

  const Store& store_;
  StoreUpkeep upkeep_;
  ControlSocket control_;
  base::EventLoop loop_{"upkeep"};
  boost::asio::steady_timer timer_{loop_.io()};
  std::stop_source stopping_;
  base::Monotonic trimmed_at_ = base::monotonic_now();
};

}  // namespace carillon::embedded
