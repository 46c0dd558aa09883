#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "embedded/backup.hpp"
#include "embedded/control_path.hpp"

namespace carillon::embedded {

/// The server's end of `control` in the data directory: a stream socket of mode 0600 for this user and root,
/// one request line per connection, answered by any number of {"phase","done"} lines and one of {"result"} or
/// {"error"}. A thread of its own serves one client at a time; a few more wait. A client that goes away stops
/// its request.
class ControlSocket {
 public:
  /// Answers one request, on the socket's thread: JSON, or what is wrong.
  using Handler = std::function<base::Result<std::string>(
      std::string_view request, const UpkeepProgress& progress, std::stop_token stop)>;

  /// The directory's lock is held by this process: a socket that lies there is stale.
  ControlSocket(std::filesystem::path directory, Handler handler);
  ~ControlSocket() { stop(); }
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  /// Errors: unavailable.
  base::Result<void> start();
  /// Stops the request under way, ends the thread, removes the socket.
  void stop();

 private:
  void serve();
  void serve_client(int client);

  std::filesystem::path directory_;
  Handler handler_;
  FileDescriptor listener_, wake_;
  std::stop_source stopping_;
  std::thread thread_;
};

}  // namespace carillon::embedded
