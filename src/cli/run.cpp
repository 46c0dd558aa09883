#include "cli/run.hpp"

#include <iostream>

#include "base/bytes.hpp"
#include "cli/command_line.hpp"
#include "cli/message_printer.hpp"

namespace carillon::cli {
namespace {

struct Runner {
  Console& console;

  int operator()(const ServeOptions& options) { return serve(options); }
  int operator()(const TokenOptions& options) { return token(options, console); }
  int operator()(const PublishOptions& options) { return publish(options, console); }
  int operator()(const ListenOptions& options) { return listen(options, console); }
  int operator()(const PermissionsOptions& options) { return permissions(options, console); }
  int operator()(const ConnectionsOptions& options) { return connections(options, console); }
  int operator()(const QueuesOptions& options) { return queues(options, console); }
  int operator()(MessagesOptions options) {
    options.columns = terminal_columns();
    return messages(options, console);
  }
  int operator()(const TraceOptions& options) { return trace(options, console); }
  int operator()(const ConfigOptions& options) { return config(options, console); }
  int operator()(const BackupOptions& options) { return backup(options, console); }
  int operator()(const RestoreOptions& options) { return restore(options, console); }
  int operator()(const VerifyOptions& options) { return verify(options, console); }
  int operator()(const bench::Options& options) { return bench::run(options); }
};

}  // namespace

int run(int argc, char** argv) {
  try {
    const auto command =
        parse_command_line({argv + (argc > 0 ? 1 : 0), argv + argc}, server::process_environment());
    if (!command) {
      std::cout << command.error().out << std::flush;
      std::cerr << command.error().err;
      return command.error().status;
    }
    Console console{std::cout, std::cerr};
    const int status = std::visit(Runner{console}, *command);
    std::cout.flush();
    return status;
  } catch (const std::exception& failure) {
    std::cerr << "carillon: " << base::printable(failure.what()) << '\n';
    return 1;
  }
}

}  // namespace carillon::cli
