#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "ports/http_client.hpp"

namespace carillon::outbound {

/// Where plain http may go; https may go anywhere that is not link-local.
enum class PlainHttp { everywhere, loopback_only };

struct ClientSettings {
  PlainHttp plain_http = PlainHttp::everywhere;
  std::size_t max_running = 256;
  std::size_t max_running_per_host = 32;  ///< a host that does not answer holds up no other
  std::size_t max_queued = 4096;
  std::size_t max_queued_per_host = 1024;
  std::size_t max_held_bytes = 64u << 20;  ///< bodies of everything queued and running
  std::string ca_file;                     ///< PEM file to trust; empty: the system's
};

/// HttpClient on libcurl with one thread of its own, on which completions run. Beside what the port promises:
/// no proxy from the environment, no cookies, certificates checked, answers' headers bounded to 64 KiB. A
/// request's timeout counts from send(), waiting for a free place included.
/// Refusals that are known at once (bad URL, over a limit, stopped) complete on the caller's thread: call
/// send() without a lock that the completion takes.
class CurlHttpClient final : public ports::HttpClient {
 public:
  /// Throws std::runtime_error when libcurl cannot be started.
  explicit CurlHttpClient(ClientSettings settings = {});
  ~CurlHttpClient() override;

  void send(ports::OutboundRequest request, ports::Completion<ports::OutboundResponse> done) override;
  /// Answers everything pending with an error and ends the thread. Not from a completion. Idempotent.
  void stop();

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace carillon::outbound
