#include "cli/socket_stream.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace carillon::cli {

using Deadline = std::chrono::steady_clock::time_point;

struct SocketStream::Tls {
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context{nullptr, SSL_CTX_free};
  std::unique_ptr<SSL, void (*)(SSL*)> session{nullptr, SSL_free};
};

namespace {

Deadline after(std::chrono::milliseconds timeout) {
  return std::chrono::steady_clock::now() + timeout;
}

std::string tls_failure(SSL* session) {
  const long verified = session == nullptr ? X509_V_OK : SSL_get_verify_result(session);
  if (verified != X509_V_OK)
    return std::string("the certificate was refused: ") + X509_verify_cert_error_string(verified);
  const char* reason = ERR_reason_error_string(ERR_get_error());
  return reason == nullptr ? "the TLS connection broke" : std::string("TLS: ") + reason;
}

}  // namespace

SocketStream::SocketStream(int socket, int interrupt) : socket_(socket), interrupt_(interrupt) {}

SocketStream::~SocketStream() {
  if (tls_ && tls_->session) SSL_shutdown(tls_->session.get());
  tls_.reset();
  ::close(socket_);
}

std::expected<std::unique_ptr<SocketStream>, std::string> SocketStream::connect(
    const Endpoint& endpoint, std::chrono::milliseconds timeout, int interrupt) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(endpoint.host.c_str(), endpoint.port.c_str(), &hints, &found))
    return std::unexpected(std::string("the host's name leads nowhere: ") + gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);
  const Deadline deadline = after(timeout);
  std::string reason = "no address";
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    const int socket = ::socket(each->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket < 0) continue;
    std::unique_ptr<SocketStream> stream(new SocketStream(socket, interrupt));
    int error = ::connect(socket, each->ai_addr, each->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      const Outcome outcome = stream->wait(POLLOUT, deadline, false);
      if (outcome == Outcome::interrupted) return std::unexpected("interrupted");
      error = ETIMEDOUT;
      socklen_t size = sizeof(error);
      if (outcome == Outcome::data) getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error != 0) {
      reason = std::strerror(error);
      continue;
    }
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (endpoint.tls)
      if (auto started = stream->start_tls(endpoint.host, deadline); !started)
        return std::unexpected(started.error());
    return stream;
  }
  return std::unexpected(reason);
}

std::expected<void, std::string> SocketStream::start_tls(const std::string& host, Deadline deadline) {
  ERR_clear_error();
  tls_ = std::make_unique<Tls>();
  tls_->context.reset(SSL_CTX_new(TLS_client_method()));
  if (!tls_->context || SSL_CTX_set_default_verify_paths(tls_->context.get()) != 1)
    return std::unexpected(tls_failure(nullptr));
  SSL_CTX_set_min_proto_version(tls_->context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(tls_->context.get(), SSL_VERIFY_PEER, nullptr);
  tls_->session.reset(SSL_new(tls_->context.get()));
  SSL* session = tls_->session.get();
  if (session == nullptr || SSL_set_fd(session, socket_) != 1) return std::unexpected(tls_failure(nullptr));
  // Names and addresses are looked for in different places of a certificate.
  std::array<unsigned char, 16> address{};
  const bool is_address = inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
                          inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
  const bool named = is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str()) == 1
                                : SSL_set1_host(session, host.c_str()) == 1 &&
                                      SSL_set_tlsext_host_name(session, host.c_str()) == 1;
  if (!named) return std::unexpected(tls_failure(nullptr));
  while (true) {
    const int done = SSL_connect(session);
    if (done == 1) return {};
    const int error = SSL_get_error(session, done);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
      return std::unexpected(tls_failure(session));
    const Outcome outcome = wait(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline, false);
    if (outcome != Outcome::data)
      return std::unexpected(outcome == Outcome::interrupted ? "interrupted"
                                                             : "the TLS handshake took too long");
  }
}

SocketStream::Outcome SocketStream::wait(short events, Deadline deadline, bool forever) {
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (!forever && left.count() <= 0) return Outcome::timed_out;
    pollfd entries[2] = {{socket_, events, 0}, {interrupt_, POLLIN, 0}};
    const int ready =
        ::poll(entries, 2, forever ? -1 : static_cast<int>(std::min<long>(left.count(), 60'000)));
    if (ready < 0 && errno != EINTR) {
      failure_ = std::strerror(errno);
      return Outcome::failed;
    }
    if (ready > 0 && entries[1].revents != 0) return Outcome::interrupted;
    if (ready > 0 && entries[0].revents != 0) return Outcome::data;
  }
}

SocketStream::Outcome SocketStream::read(std::string& out, std::chrono::milliseconds timeout) {
  const bool forever = timeout.count() < 0;
  const Deadline deadline = after(forever ? std::chrono::milliseconds(0) : timeout);
  std::array<char, 65536> bytes;
  while (true) {
    short events = POLLIN;
    if (tls_) {
      ERR_clear_error();
      const int got = SSL_read(tls_->session.get(), bytes.data(), static_cast<int>(bytes.size()));
      if (got > 0) return out.append(bytes.data(), static_cast<std::size_t>(got)), Outcome::data;
      const int error = SSL_get_error(tls_->session.get(), got);
      if (error == SSL_ERROR_ZERO_RETURN) return Outcome::ended;
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        return failure_ = tls_failure(tls_->session.get()), Outcome::failed;
      if (error == SSL_ERROR_WANT_WRITE) events = POLLOUT;
    } else {
      const ssize_t got = ::recv(socket_, bytes.data(), bytes.size(), 0);
      if (got > 0) return out.append(bytes.data(), static_cast<std::size_t>(got)), Outcome::data;
      if (got == 0) return Outcome::ended;
      if (errno != EAGAIN && errno != EINTR) return failure_ = std::strerror(errno), Outcome::failed;
    }
    if (const Outcome outcome = wait(events, deadline, forever); outcome != Outcome::data) return outcome;
  }
}

bool SocketStream::write(std::string_view bytes, std::chrono::milliseconds timeout) {
  const Deadline deadline = after(timeout);
  while (!bytes.empty()) {
    short events = POLLOUT;
    ssize_t sent = 0;
    if (tls_) {
      ERR_clear_error();
      sent = SSL_write(tls_->session.get(), bytes.data(), static_cast<int>(bytes.size()));
      if (sent <= 0) {
        const int error = SSL_get_error(tls_->session.get(), static_cast<int>(sent));
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
          return failure_ = tls_failure(tls_->session.get()), false;
        if (error == SSL_ERROR_WANT_READ) events = POLLIN;
      }
    } else {
      sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) return failure_ = std::strerror(errno), false;
    }
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (wait(events, deadline, false) != Outcome::data) {
      return failure_ = "the server takes nothing", false;
    }
  }
  return true;
}

}  // namespace carillon::cli
