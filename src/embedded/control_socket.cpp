#include "embedded/control_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <optional>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "model/errors.hpp"

namespace carillon::embedded {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kWaitingClients = 8;
constexpr std::size_t kMaxRequestBytes = 32u << 10;
constexpr milliseconds kRequestTime{5000};
constexpr int kSendMs = 5000;
constexpr milliseconds kReportEvery{200};

base::Result<void> failure(std::string_view doing) {
  return model::fail(model::errors::kUnavailable,
                     fmt::format("cannot {} the control socket: {}", doing, strerror(errno)));
}

/// Whoever may read the data directory anyway: this user, and root.
bool trusted(int client) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == ::geteuid() || peer.uid == 0);
}

/// The request line; nothing when it is too long or does not come.
std::optional<std::string> read_request(int client, const std::stop_token& stop) {
  std::string line;
  const auto deadline = steady_clock::now() + kRequestTime;
  while (line.find('\n') == std::string::npos) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0 || line.size() > kMaxRequestBytes || stop.stop_requested()) return std::nullopt;
    // In slices, so that a silent client does not hold up the end of the server.
    if (!wait_for(client, POLLIN, static_cast<int>(std::min(left, milliseconds(100)).count()))) continue;
    char bytes[4096];
    const ssize_t got = ::recv(client, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return std::nullopt;
    if (got > 0) line.append(bytes, static_cast<std::size_t>(got));
  }
  return line.substr(0, line.find('\n'));
}

}  // namespace

ControlSocket::ControlSocket(std::filesystem::path directory, Handler handler)
    : directory_(std::move(directory)), handler_(std::move(handler)) {}

base::Result<void> ControlSocket::start() {
  const auto address = ControlAddress::in(directory_);
  if (!address) return std::unexpected(address.error());
  ::unlink(address->path());
  wake_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!wake_ || !listener) return failure("make");
  // Nobody else gets into the directory, so nobody connects before the mode is set.
  const auto* const to = reinterpret_cast<const sockaddr*>(&address->get());
  if (::bind(listener.get(), to, sizeof(sockaddr_un)) != 0 || ::chmod(address->path(), 0600) != 0 ||
      ::listen(listener.get(), kWaitingClients) != 0)
    return failure("open");
  listener_ = std::move(listener);
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "control");
    serve();
  });
  return {};
}

void ControlSocket::stop() {
  if (!thread_.joinable()) return;
  stopping_.request_stop();
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
  if (const auto address = ControlAddress::in(directory_)) ::unlink(address->path());
}

void ControlSocket::serve() {
  while (!stopping_.stop_requested()) {
    pollfd waiting[2] = {{listener_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR) return;
    if (stopping_.stop_requested() || !(waiting[0].revents & POLLIN)) continue;
    const FileDescriptor client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client)
      wait_for(wake_.get(), POLLIN, 100);  // no descriptor left, perhaps
    else if (trusted(client.get()))
      serve_client(client.get());
  }
}

void ControlSocket::serve_client(int client) {
  const auto request = read_request(client, stopping_.get_token());
  if (!request) return;
  std::stop_source stop;
  const std::stop_callback on_stop(stopping_.get_token(), [&] { stop.request_stop(); });
  std::mutex mutex;
  auto last = steady_clock::now() - kReportEvery;
  const UpkeepProgress progress = [&](std::string_view phase, std::uint64_t done) {
    const std::lock_guard lock(mutex);
    if (steady_clock::now() - last < kReportEvery) return;
    last = steady_clock::now();
    const boost::json::object line{{"phase", phase}, {"done", done}};
    if (!send_all(client, boost::json::serialize(line) + '\n', kSendMs)) stop.request_stop();
  };
  const auto answer = handler_(*request, progress, stop.get_token());
  const std::string line = answer ? "{\"result\":" + *answer + "}\n"
                                  : "{\"error\":" + base::json_string(answer.error().details()) + "}\n";
  send_all(client, line, kSendMs);
}

}  // namespace carillon::embedded
