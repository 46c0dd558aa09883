#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// `carillon bench`: a load generator of one thread, made to cost as little as possible itself, so that
/// what is measured is the server. It drives any server that takes a WebSocket and a POST, and NATS.
namespace carillon::cli::bench {

enum class Workload { fanout, one_to_one, idle, publish };

/// How a server is subscribed to and published to.
enum class Protocol {
  carillon,  ///< WebSocket with `chatId`; `POST /publish`
  nchan,     ///< WebSocket on `subscribe_path`; `POST` of the bare content to `publish_path`
  nats,      ///< NATS protocol in binary WebSocket frames; published over plain TCP at `publish_url`
  bare,      ///< a send loop of our own in a forked process: the floor that loopback TCP sets
};

enum class BareWrites {
  each,  ///< one send per message and connection
  turn,  ///< the messages of one turn joined: one send per connection
};

/// Zero in a number that says so: the workload's own default. Sizes in bytes.
struct Options {
  Workload workload = Workload::fanout;           ///< positional: fanout|one-to-one|idle|publish
  Protocol protocol = Protocol::carillon;         ///< --protocol carillon|nchan|nats|bare
  std::string url = "http://127.0.0.1:8080";      ///< --url; http:// or ws://, no TLS
  std::string publish_url;                        ///< --publish-url; empty: `url`
  std::string token;                              ///< --token; scope carillon/admin
  std::string subscribe_path = "/sub/{channel}";  ///< --subscribe-path, nchan
  std::string publish_path = "/pub/{channel}";    ///< --publish-path, nchan
  std::string message_type = "standard";          ///< --type standard|fifo|ephemeral, carillon
  std::size_t connections = 0;  ///< --connections; 0: 1000, idle 10000, publish 64 (its senders)
  std::size_t messages = 0;     ///< --messages, warm-up apart; 0: fanout 5000, others 100000
  std::size_t in_flight = 0;    ///< --in-flight; 0: fanout 16, one-to-one 64, publish one per sender
  std::size_t size = 128;       ///< --size of the content; at least kMinContentBytes
  std::size_t publishers = 0;   ///< --publishers; publishing connections; 0: fanout 1, one-to-one 4
  std::size_t batch = 1;        ///< --batch, publish with carillon: messages per `POST /publish/batch`, ≤100
  double rate = 0;              ///< --rate, messages per second (open loop); 0: as fast as `in_flight` lets
  std::size_t warmup = SIZE_MAX;      ///< --warmup, messages sent before measuring; SIZE_MAX: a tenth
  std::chrono::seconds timeout{120};  ///< --timeout of the whole run, and
  std::chrono::seconds stall{10};     ///< --stall: without any progress it ends and counts losses
  std::vector<int> server_pids;       ///< --server-pid, repeatable: CPU and memory are read from /proc
  BareWrites bare_writes = BareWrites::turn;  ///< --bare each|turn
  int server_core = -1;  ///< --server-core, bare: where the forked server runs; -1: anywhere
  bool json = false;     ///< --json: one object instead of a table

  static constexpr std::size_t kMinContentBytes = 40;
};

/// Runs one measurement and prints it on stdout, with a progress line on stderr when that is a terminal.
/// Blocks; ends within `timeout` and a few seconds. Raises the soft limit of open files.
/// Returns the exit status: 0; 1 when anything was lost, refused or cut off, or the server is not there;
/// 2 when the options make no sense (said on stderr).
int run(const Options& options);

}  // namespace carillon::cli::bench
