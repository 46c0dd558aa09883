#include "cli/bench/bare_server.hpp"

#include <cerrno>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "model/websocket_frame.hpp"

namespace carillon::cli::bench {
namespace {

constexpr std::uint64_t kForever = 1'000'000'000'000;
constexpr std::size_t kRecordHeader = 8;

class BareLoop {
 public:
  BareLoop(Descriptor listener, BareWrites writes) : listener_(std::move(listener)), writes_(writes) {
    poller_.add(listener_.get(), EPOLLIN, static_cast<std::uint64_t>(listener_.get()));
  }

  [[noreturn]] void run() {
    while (true) {
      for (const auto& event : poller_.wait(kForever)) {
        const int fd = static_cast<int>(event.data.u64);
        if (fd == listener_.get()) {
          accept_all();
        } else {
          on_readable(fd);
        }
      }
    }
  }

 private:
  struct Connection {
    enum class Role : char { unknown, subscriber, publisher };
    Descriptor fd;
    Role role = Role::unknown;
    std::uint32_t channel = 0;
    std::string kept;
  };

  void accept_all() {
    while (true) {
      Descriptor fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!fd) return;
      const int on = 1;
      setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      poller_.add(fd.get(), EPOLLIN, static_cast<std::uint64_t>(fd.get()));
      const auto number = static_cast<std::size_t>(fd.get());
      if (connections_.size() <= number) connections_.resize(number + 1);
      connections_[number] = Connection{.fd = std::move(fd)};
    }
  }

  void on_readable(int fd) {
    auto& connection = connections_[static_cast<std::size_t>(fd)];
    const auto read = buffer_.read(fd, connection.kept);
    if (read.end == ReadEnd::closed) {
      if (connection.role == Connection::Role::subscriber) forget(connection.channel, fd);
      connection = {};
      return;
    }
    auto bytes = read.view;
    if (connection.role == Connection::Role::unknown) bytes.remove_prefix(greet(connection, bytes));
    if (connection.role == Connection::Role::publisher) {
      publish(connection, bytes);
    } else if (connection.role == Connection::Role::subscriber) {
      answer_close(connection, bytes);
    }
  }

  std::size_t greet(Connection& connection, std::string_view bytes) {
    if (bytes.starts_with('P')) {
      connection.role = Connection::Role::publisher;
      return 1;
    }
    if (bytes.size() < 5) return 0;
    connection.role = Connection::Role::subscriber;
    connection.channel = base::read_big_endian32(bytes.data() + 1);
    // From here on a full socket makes the loop wait, so that nothing is lost and nothing is kept.
    fcntl(connection.fd.get(), F_SETFL, 0);
    if (channels_.size() <= connection.channel) channels_.resize(connection.channel + 1);
    channels_[connection.channel].push_back(connection.fd.get());
    std::string frame;
    model::append_frame(frame, model::Opcode::text, "ready");
    write(connection.fd.get(), frame);
    return 5;
  }

  void publish(Connection& connection, std::string_view bytes) {
    while (bytes.size() >= kRecordHeader) {
      const char* const header = bytes.data();
      const auto channel = base::read_big_endian32(header);
      const auto size = base::read_big_endian32(header + 4);
      if (bytes.size() < kRecordHeader + size) break;
      auto& joined = turn_[channel];
      model::append_frame(joined, model::Opcode::text, bytes.substr(kRecordHeader, size));
      bytes.remove_prefix(kRecordHeader + size);
      if (writes_ == BareWrites::each) send_turn();
    }
    send_turn();
    connection.kept.assign(bytes);
  }

  void send_turn() {
    for (const auto& [channel, joined] : turn_) {
      if (channel >= channels_.size()) continue;
      for (const int fd : channels_[channel]) write(fd, joined);
    }
    turn_.clear();
  }

  void answer_close(Connection& connection, std::string_view bytes) {
    if (!bytes.starts_with('\x88')) return;
    std::string frame;
    model::append_frame(frame, model::Opcode::close, "\x03\xe8");
    write(connection.fd.get(), frame);
  }

  void forget(std::uint32_t channel, int fd) { std::erase(channels_[channel], fd); }

  static void write(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  Descriptor listener_;
  BareWrites writes_;
  Poller poller_;
  ReadBuffer buffer_;
  std::vector<Connection> connections_;
  std::vector<std::vector<int>> channels_;
  std::map<std::uint32_t, std::string> turn_;
};

Outcome<Descriptor> listen_on_loopback(int& port) {
  Descriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (!listener || bind(listener.get(), generic, size) != 0 || listen(listener.get(), SOMAXCONN) != 0 ||
      getsockname(listener.get(), generic, &size) != 0) {
    return std::unexpected(std::string("the bare loop cannot listen: ") + std::strerror(errno));
  }
  port = ntohs(address.sin_port);
  return listener;
}

}  // namespace

Outcome<BareServer> BareServer::start(BareWrites writes, int core) {
  int port = 0;
  auto listener = listen_on_loopback(port);
  if (!listener) return std::unexpected(listener.error());
  const int parent = getpid();
  const int pid = fork();
  if (pid < 0) return std::unexpected(std::string("fork: ") + std::strerror(errno));
  if (pid > 0) return BareServer(pid, port);

  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  if (core >= 0) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(static_cast<unsigned>(core), &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) != 0) _exit(1);
  }
  BareLoop(std::move(*listener), writes).run();
}

BareServer::BareServer(BareServer&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), port_(other.port_) {}

BareServer::~BareServer() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::string BareServer::url() const {
  return "tcp://127.0.0.1:" + std::to_string(port_);
}

}  // namespace carillon::cli::bench
