#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bench/bench.hpp"
#include "cli/bench/socket.hpp"

namespace carillon::cli::bench {

/// One message to publish.
struct Item {
  std::size_t channel;
  std::string content;
};

/// The answer to one publish, in the order of the publishes on a connection.
struct Answer {
  std::size_t refused = 0;   ///< how many of the publish's messages; SIZE_MAX: all
  std::string_view details;  ///< what the server said of a refusal; holds until the bytes are gone
};

/// What is sent to one kind of server, and how its answers are told from one another. No I/O.
class Driver {
 public:
  virtual ~Driver() = default;

  /// What a subscriber of `channel` sends first: an upgrade request, if upgrades().
  virtual void append_subscribe(std::string& out, std::size_t channel) const = 0;
  virtual bool upgrades() const { return true; }
  /// What follows the 101; with nothing, the subscription is in force then.
  virtual void append_greeting(std::string& /*out*/, std::size_t /*channel*/) const {}
  /// Whether a frame that came after the greeting says that the subscription is in force.
  virtual bool confirms(std::string_view /*payload*/) const { return true; }
  /// What the server wants to hear about a short frame (a ping of its own protocol), or nothing.
  virtual std::string_view reply_to(std::string_view /*payload*/) const { return {}; }

  /// What a publishing connection sends first.
  virtual void append_publisher_greeting(std::string& /*out*/) const {}
  /// How many answers the greeting itself gets.
  virtual std::size_t greeting_answers() const { return 0; }
  /// One publish; of several messages only where batches() holds.
  virtual void append_publish(std::string& out, std::span<const Item> items) const = 0;
  virtual bool batches() const { return false; }
  /// Whether each publish is answered.
  virtual bool answers() const { return true; }
  /// Takes the whole answers at the front of `bytes`; how many bytes they were, or nothing when this is no
  /// answer. `reply` gets what must be sent back.
  virtual std::optional<std::size_t> read_answers(std::string_view bytes, std::vector<Answer>& out,
                                                  std::string& reply) const = 0;
};

/// `run` becomes part of the channels' names, so that runs do not meet.
std::unique_ptr<Driver> make_driver(const Options& options, std::uint32_t run, const Endpoint& subscribe,
                                    const Endpoint& publish);

}  // namespace carillon::cli::bench
