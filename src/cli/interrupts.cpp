#include "cli/interrupts.hpp"

#include <csignal>

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace carillon::cli {

Interrupts::Interrupts() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  fd_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

Interrupts::~Interrupts() {
  ::close(fd_);
}

bool Interrupts::take() {
  signalfd_siginfo info;
  bool any = false;
  while (::read(fd_, &info, sizeof(info)) > 0) any = true;
  return any;
}

bool Interrupts::wait(std::chrono::milliseconds time) {
  pollfd waiting{fd_, POLLIN, 0};
  return ::poll(&waiting, 1, static_cast<int>(time.count())) > 0;
}

}  // namespace carillon::cli
