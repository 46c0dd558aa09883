#pragma once

#include <functional>
#include <memory>
#include <string>

#include "server/settings.hpp"

namespace carillon::server {

/// The whole service: chooses the backend, makes the rooms and joins them. Nowhere else are rooms joined.
/// One thread calls it, the one that made it.
class Server {
 public:
  /// Throws std::runtime_error with one line for the operator when it cannot start (store, keys, address).
  explicit Server(Settings settings);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  /// A token for the user `dev` with all scopes. `--dev` only.
  std::string dev_token() const;

  /// SIGHUP: TLS certificates, JWKS, log level, rate limits and filter policies of `settings` (CONTRACT §1).
  void reload(const Settings& settings);
  /// Begins to drain (CONTRACT §12); `done` runs on another thread when the connections are gone.
  void drain(std::function<void()> done);
  /// Ends everything; what was acknowledged is on disk when it returns.
  void stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace carillon::server
