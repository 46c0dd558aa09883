#include "gateway/transport.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace carillon::gateway {
namespace {

constexpr std::size_t kTlsRecord = 16384;
constexpr std::size_t kSlicesPerWrite = 64;

}  // namespace

void Transport::FreeSsl::operator()(SSL* ssl) const {
  SSL_free(ssl);
}

Transport::Transport(int fd, const TlsContext& context) : fd_(fd) {
  if (!context) return;
  ssl_.reset(SSL_new(context.get()));
  if (!ssl_ || SSL_set_fd(ssl_.get(), fd) != 1) throw std::bad_alloc();
  SSL_set_accept_state(ssl_.get());
}

Transport::Read Transport::read(std::span<char> room) {
  return ssl_ ? read_tls(room) : read_plain(room);
}

Transport::Status Transport::write(OutboundQueue& queue) {
  if (queue.empty()) return Status::done;
  return ssl_ ? write_tls(queue) : write_plain(queue);
}

Transport::Read Transport::read_plain(std::span<char> room) {
  for (;;) {
    const ssize_t count = ::recv(fd_, room.data(), room.size(), 0);
    if (count > 0) return {Status::done, static_cast<std::size_t>(count)};
    if (count == 0) return {Status::ended};
    if (errno == EINTR) continue;
    return {errno == EAGAIN || errno == EWOULDBLOCK ? Status::blocked : Status::failed};
  }
}

Transport::Read Transport::read_tls(std::span<char> room) {
  std::size_t filled = 0;
  while (filled < room.size()) {
    ERR_clear_error();
    const int wanted = static_cast<int>(std::min<std::size_t>(room.size() - filled, INT_MAX));
    const int count = SSL_read(ssl_.get(), room.data() + filled, wanted);
    if (count > 0) {
      filled += static_cast<std::size_t>(count);
      continue;
    }
    switch (SSL_get_error(ssl_.get(), count)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return {Status::blocked, filled};
      case SSL_ERROR_ZERO_RETURN:
        return {Status::ended, filled};
      default:
        // A fatal error forbids SSL_shutdown later.
        ERR_clear_error();
        SSL_set_quiet_shutdown(ssl_.get(), 1);
        return {Status::failed, filled};
    }
  }
  return {Status::done, filled};
}

Transport::Status Transport::write_plain(OutboundQueue& queue) {
  std::array<iovec, kSlicesPerWrite> slices;
  while (!queue.empty()) {
    msghdr message{};
    message.msg_iov = slices.data();
    message.msg_iovlen = queue.gather(slices);
    const ssize_t count = ::sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      queue.consume(static_cast<std::size_t>(count));
      continue;
    }
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? Status::blocked : Status::failed;
  }
  return Status::done;
}

Transport::Status Transport::write_tls(OutboundQueue& queue) {
  // After a write that blocked, OpenSSL wants the same bytes again: the front of the queue does not change.
  thread_local std::array<char, kTlsRecord> record;
  while (!queue.empty()) {
    const std::size_t size = queue.peek(record.data(), record.size());
    ERR_clear_error();
    const int count = SSL_write(ssl_.get(), record.data(), static_cast<int>(size));
    if (count > 0) {
      queue.consume(static_cast<std::size_t>(count));
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), count);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return Status::blocked;
    ERR_clear_error();
    SSL_set_quiet_shutdown(ssl_.get(), 1);
    return Status::failed;
  }
  return Status::done;
}

void Transport::shutdown_write() {
  if (ssl_ && SSL_is_init_finished(ssl_.get())) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  ::shutdown(fd_, SHUT_WR);
}

bool Transport::established() const {
  return !ssl_ || SSL_is_init_finished(ssl_.get()) == 1;
}

void Transport::close() {
  if (fd_ < 0) return;
  ssl_.reset();
  ::close(fd_);
  fd_ = -1;
}

}  // namespace carillon::gateway
