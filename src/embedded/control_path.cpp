#include "embedded/control_path.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "model/errors.hpp"

namespace carillon::embedded {

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (file_ >= 0) ::close(file_);
}

base::Result<ControlAddress> ControlAddress::in(const std::filesystem::path& directory) {
  ControlAddress address;
  address.directory_ = FileDescriptor(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!address.directory_)
    return model::fail(model::errors::kUnavailable,
                       fmt::format("cannot open {}: {}", directory.string(), strerror(errno)));
  address.address_.sun_family = AF_UNIX;
  const auto end = fmt::format_to_n(address.address_.sun_path, sizeof address.address_.sun_path - 1,
                                    "/proc/self/fd/{}/control", address.directory_.get());
  *end.out = '\0';
  return address;
}

bool wait_for(int socket, short events, int milliseconds) {
  pollfd waiting{socket, events, 0};
  int ready;
  do {
    ready = ::poll(&waiting, 1, milliseconds);
  } while (ready < 0 && errno == EINTR);
  return ready == 1 && (waiting.revents & events) != 0;
}

bool send_all(int socket, std::string_view text, int milliseconds) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    const bool blocked = sent < 0 && (errno == EAGAIN || errno == EINTR);
    if (!blocked || !wait_for(socket, POLLOUT, milliseconds)) return false;
  }
  return true;
}

}  // namespace carillon::embedded
