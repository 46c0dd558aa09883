#include <csignal>
#include <cstdlib>
#include <iostream>

#include <pthread.h>

#include "base/bytes.hpp"
#include "base/log.hpp"
#include "comments_api/application.hpp"

namespace {

namespace log = carillon::base::log;
namespace comments_api = carillon::comments_api;

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? std::optional<std::string>(value) : std::nullopt;
}

/// The signals that end the service, blocked before any thread is made and then awaited by the main one.
sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

int complain(std::string_view text) {
  std::cerr << "comments-api: " << carillon::base::printable(text) << std::endl;
  return 1;
}

int serve(const comments_api::Settings& settings, const sigset_t& signals) {
  comments_api::Application application(settings);
  const std::string host = settings.listen.substr(0, settings.listen.rfind(':'));
  std::cout << "listening http://" << host << ":" << application.port() << std::endl;
  if (settings.events_key.empty())
    log::warn("events_refused", "APP_EVENTS_SECRET is not set: connection events are refused");
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {
  }
  application.stop();
  log::info("stopped", "comments are on disk");
  return 0;
}

}  // namespace

int main(int argc, char**) {
  if (argc > 1) return complain("takes no arguments; its environment is in examples/comments/README.md"), 2;
  const auto settings = comments_api::read_settings(environment);
  if (!settings) return complain(settings.error());
  const sigset_t signals = ending_signals();
  log::start(log::Level::info);
  int status = 1;
  try {
    status = serve(*settings, signals);
  } catch (const std::exception& problem) {
    complain(problem.what());
  }
  log::stop();
  return status;
}
