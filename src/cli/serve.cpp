#include "cli/serve.hpp"

#include <cstdio>
#include <iostream>
#include <stdexcept>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "server/server.hpp"

namespace carillon::cli {
namespace {

namespace log = base::log;

/// The signals that the service answers, blocked before any thread is made and then awaited by the main one.
sigset_t service_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int each : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, each);
  return set;
}

/// The soft limit of open files becomes the hard one: every connection is one.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  const bool raised = setrlimit(RLIMIT_NOFILE, &limit) == 0;
  log::info("open_files", "limit of open files",
            {{"before", before}, {"now", raised ? limit.rlim_max : before}});
}

std::string invoked_as() {
  std::string name;
  if (FILE* file = std::fopen("/proc/self/cmdline", "r")) {
    for (int c; (c = std::fgetc(file)) > 0;) name += static_cast<char>(c);
    std::fclose(file);
  }
  return name.empty() ? "carillon" : name;
}

/// `text` as one word of a shell command.
std::string shell_word(const std::string& text) {
  if (text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-") ==
      std::string::npos)
    return text;
  std::string out = "'";
  for (const char c : text) c == '\'' ? out += "'\\''" : out += c;
  return out + "'";
}

std::string authority(const server::Settings& settings, std::uint16_t port) {
  const auto listen = server::parse_listen(settings.gateway.listen);
  std::string host = listen ? listen->host : "127.0.0.1";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return host + ":" + std::to_string(port);
}

void print_dev_welcome(const server::Server& server, const server::Settings& settings) {
  const bool tls = !settings.gateway.tls_cert.empty();
  const std::string where = authority(settings, server.port());
  const std::string url = (tls ? "https://" : "http://") + where;
  const std::string program = shell_word(invoked_as());
  const std::string token = server.dev_token();
  const std::string with_token = "CARILLON_TOKEN=$(" + program +
                                 " token --user dev --scope carillon/admin --data " +
                                 shell_word(settings.data_dir) + ") ";
  std::cout
      << "\nCarillon " << base::kVersion << ", for development: this machine only, data in "
      << settings.data_dir << "\n\n  try it: " << url << "/try/#token=" << token << "\n\n  HTTP       " << url
      << "\n  WebSocket  " << (tls ? "wss://" : "ws://") << where << "/" << settings.gateway.stage
      << "\n\n  A token of user dev with all scopes, valid for 24 hours:\n\n  " << token
      << "\n\n  dashboard: " << url << "/dashboard/#token=" << token
      << "\n\nSee a message arrive: paste the first line into one terminal, the second into another.\n\n  "
      << with_token << program << " listen --url " << url << " --chat demo\n  " << with_token << program
      << " publish --url " << url << " --chat demo --content 'Hello!'\n\nCtrl-C stops it.\n"
      << std::endl;
}

void announce(const server::Server& server, const server::Settings& settings) {
  const std::string scheme = settings.gateway.tls_cert.empty() ? "http://" : "https://";
  std::cout << "listening " << scheme << authority(settings, server.port()) << std::endl;
  log::info("listening", "serving", {{"port", server.port()}, {"version", base::kVersion}});
  if (settings.gateway.dev) print_dev_welcome(server, settings);
}

void reload(server::Server& server, const server::SettingsSources& sources) {
  const auto loaded = server::load_settings(sources);
  if (!loaded)
    return log::error("configuration_refused", "configuration is as before", {{"reason", loaded.error()}});
  server.reload(loaded->settings);
}

/// Waits for signals until the service is to end: drained, or told twice.
void run_until_told(server::Server& server, const server::SettingsSources& sources, const sigset_t& signals) {
  bool draining = false;
  while (true) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal == SIGHUP) {
      reload(server, sources);
    } else if (draining) {
      return;  // the drain is over, or somebody is in a hurry
    } else {
      draining = true;
      log::info("draining", "stopping once connections are closed and everything is on disk");
      server.drain([main = pthread_self()] { pthread_kill(main, SIGTERM); });
    }
  }
}

}  // namespace

int serve(const ServeOptions& options) {
  const sigset_t signals = service_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

  const auto loaded = server::load_settings(options.sources);
  if (!loaded) return std::cerr << loaded.error() << std::endl, 1;
  if (const auto refusal = server::refusal_to_serve(loaded->settings))
    return std::cerr << *refusal << std::endl, 1;
  log::start(loaded->settings.log_level);
  for (const std::string& warning : loaded->warnings) log::warn("configuration_warning", warning);
  raise_file_limit();
  int status = 0;
  try {
    server::Server server(loaded->settings);
    announce(server, loaded->settings);
    run_until_told(server, options.sources, signals);
    server.stop();
    log::info("stopped", "everything acknowledged is on disk");
  } catch (const std::exception& error) {
    std::cerr << "carillon: " << base::printable(error.what()) << std::endl;
    status = 1;
  }
  log::stop();
  return status;
}

}  // namespace carillon::cli
