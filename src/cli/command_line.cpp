#include "cli/command_line.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <sstream>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "base/clock.hpp"
#include "base/version.hpp"
#include "cli/argument_checks.hpp"
#include "cli/bench_flags.hpp"
#include "model/message.hpp"

namespace carillon::cli {
namespace {

using Environment = std::map<std::string, std::string>;

CLI::Validator checked(const char* allowed, bool (*valid)(const std::string&)) {
  return CLI::Validator(
      [=](std::string& text) { return valid(text) ? std::string() : std::string("must be ") + allowed; }, "");
}

/// What is wrong with the flags that all client commands have; also when they come from the environment.
struct ClientMistake {
  std::string operator()(const auto& options) const {
    if constexpr (requires { options.client; }) {
      if (!parse_endpoint(options.client.url))
        return "--url (or CARILLON_URL): must be an http:// or https:// URL without user, query and fragment";
      if (!valid_token(options.client.token))
        return "--token (or CARILLON_TOKEN): must be visible ASCII characters, at most 16384";
    }
    return {};
  }
};

/// Adds commands to the program; each leaves behind how to make its Command once the flags are read.
class Grammar {
 public:
  explicit Grammar(const Environment& environment);
  std::expected<Command, UsageExit> parse(std::vector<std::string> arguments);

 private:
  CLI::App* add(CLI::App* parent, const char* name, const char* description);
  void add_serve();
  void add_token();
  void add_publish();
  void add_listen();
  void add_permissions();
  void add_connections();
  void add_queues();
  void add_messages();
  void add_trace();
  void add_config();
  void add_upkeep();
  void add_bench();

  void add_json(CLI::App* command, bool& json);
  /// The variable's value, when it has one.
  void fall_back(const char* name, std::string& value) const;
  void add_client(CLI::App* command, ClientOptions& client);
  /// A flag that may come again and takes one value each time.
  CLI::Option* add_list(CLI::App* command, const char* flag, std::vector<std::string>& list,
                        const char* description);
  server::SettingsSources sources(const std::string& file, std::vector<server::FlagOverride> flags) const;

  template <typename Make>
  void on(CLI::App* command, Make make) {
    command->callback([this, make] { command_ = make(); });
  }

  const Environment& environment_;
  CLI::App app_{"Carillon: a self-hosted real-time notification service", "carillon"};
  std::optional<Command> command_;
};

Grammar::Grammar(const Environment& environment) : environment_(environment) {
  app_.set_version_flag("--version", std::string("carillon ") + base::kVersion);
  app_.require_subcommand(1);
  app_.set_help_flag("-h,--help", "Print this help and exit");
  add_serve();
  add_token();
  add_publish();
  add_listen();
  add_permissions();
  add_connections();
  add_queues();
  add_messages();
  add_trace();
  add_config();
  add_upkeep();
  add_bench();
}

CLI::App* Grammar::add(CLI::App* parent, const char* name, const char* description) {
  CLI::App* command = parent->add_subcommand(name, description);
  command->set_version_flag("--version", std::string("carillon ") + base::kVersion);
  return command;
}

void Grammar::add_json(CLI::App* command, bool& json) {
  command->add_flag("--json", json, "Print JSON, for programs");
}

void Grammar::fall_back(const char* name, std::string& value) const {
  const auto found = environment_.find(name);
  if (found != environment_.end() && !found->second.empty()) value = found->second;
}

void Grammar::add_client(CLI::App* command, ClientOptions& client) {
  fall_back("CARILLON_URL", client.url);
  fall_back("CARILLON_TOKEN", client.token);
  command
      ->add_option("--url", client.url, "Where the server is (or CARILLON_URL; else http://127.0.0.1:8080)")
      ->type_name("URL");
  command->add_option("--token", client.token, "Who is asking (or CARILLON_TOKEN)")->type_name("TOKEN");
  add_json(command, client.json);
}

CLI::Option* Grammar::add_list(CLI::App* command, const char* flag, std::vector<std::string>& list,
                               const char* description) {
  return command->add_option(flag, list, description)->type_size(1)->allow_extra_args(false);
}

server::SettingsSources Grammar::sources(const std::string& file,
                                         std::vector<server::FlagOverride> flags) const {
  server::SettingsSources sources{.file = file, .environment = environment_};
  for (server::FlagOverride& flag : flags)
    if (!flag.value.empty()) sources.flags.push_back(std::move(flag));
  return sources;
}

void Grammar::add_serve() {
  struct Flags {
    std::string config, listen, data, level;
    bool dev = false;
  };
  CLI::App* command = add(&app_, "serve", "Run the service");
  const auto flags = std::make_shared<Flags>();
  command->add_option("--config", flags->config, "Configuration file (TOML)")->type_name("FILE");
  command->add_option("--listen", flags->listen, "Address and port (127.0.0.1:8080)")->type_name("HOST:PORT");
  command->add_option("--data", flags->data, "Data directory (./carillon-data)")->type_name("DIR");
  command->add_option("--log-level", flags->level, "debug, info, warn, error or off")->type_name("LEVEL");
  command->add_flag("--dev", flags->dev,
                    "Try it out: trusts a key made in the data directory, prints a token, loopback only");
  on(command, [this, flags] {
    ServeOptions options{sources(flags->config, {{"--listen", "gateway.listen", flags->listen},
                                                 {"--data", "store.data_dir", flags->data},
                                                 {"--log-level", "log.level", flags->level}})};
    options.sources.dev = flags->dev;
    return options;
  });
}

void Grammar::add_token() {
  struct Flags {
    TokenOptions options;
    std::vector<std::string> claims;
    std::string lifetime = "1h", data, config;
  };
  CLI::App* command = add(&app_, "token", "Make a token, signed by the key that `serve --dev` trusts");
  const auto flags = std::make_shared<Flags>();
  command->add_option("--user", flags->options.user, "Whose it is")->required()->type_name("ID");
  add_list(command, "--scope", flags->options.scopes,
           "carillon/publish, carillon/admin or carillon/metrics; may come again")
      ->type_name("S");
  add_list(command, "--group", flags->options.groups, "The same as a group; may come again")->type_name("G");
  add_list(command, "--claim", flags->claims, "A further claim; the same name again makes a list")
      ->type_name("K=V")
      ->check(checked("NAME=VALUE", is_pair));
  command->add_option("--ttl", flags->lifetime, "How long it is valid (1h)")
      ->type_name("DURATION")
      ->check(checked("a duration of at least 1s such as 30m, 1h or 7d", is_lifetime));
  auto* data = command->add_option("--data", flags->data, "Data directory of the server (./carillon-data)")
                   ->type_name("DIR");
  command->add_option("--config", flags->config, "Sign with this configuration's auth.hs256_secret instead")
      ->type_name("FILE")
      ->excludes(data);
  add_json(command, flags->options.json);
  on(command, [this, flags] {
    TokenOptions options = flags->options;
    options.claims = pairs_of(flags->claims);
    options.lifetime = *base::parse_duration(flags->lifetime);
    options.sources = sources(flags->config, {{"--data", "store.data_dir", flags->data}});
    return options;
  });
}

void Grammar::add_publish() {
  struct Flags {
    PublishOptions options;
    std::vector<std::string> attributes;
    std::uint64_t sequence = 0;
  };
  CLI::App* command = add(&app_, "publish", "Publish a message");
  const auto flags = std::make_shared<Flags>();
  PublishOptions& options = flags->options;
  auto* target = command->add_option_group("target", "For whom it is")->require_option(1);
  target->add_option("--chat", options.chat, "A chat")->type_name("ID");
  target->add_option("--target", options.target, "user:ID, org:ID, hub:ID, project:ID, chat:ID or all")
      ->type_name("CLASS:ID")
      ->check(checked("user:ID, org:ID, hub:ID, project:ID, chat:ID or all", is_publish_target));
  command->add_option("--content", options.content, "What it says")->required()->type_name("TEXT");
  command->add_flag("--json-content", options.json_content, "The content is JSON, not a text");
  command->add_option("--type", options.type, "standard (default), fifo or ephemeral")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"standard", "fifo", "ephemeral"}));
  command->add_option("--event-type", options.event_type, "eventType of the payload (chat)")->type_name("T");
  command->add_option("--group", options.group, "Message group of a fifo message")->type_name("G");
  command->add_option("--channel", options.channel, "targetChannel (WebSocket)")->type_name("C");
  command->add_option("--dedup-id", options.deduplication_id, "Deduplication id; a fresh one when left out")
      ->type_name("ID");
  command->add_option("--correlation-id", options.correlation_id, "Correlation id")->type_name("ID");
  add_list(command, "--attribute", flags->attributes, "Attribute for filter policies; may come again")
      ->type_name("K=V")
      ->check(checked("NAME=VALUE", is_pair));
  auto* sequence = command->add_option("--sequence", flags->sequence, "Carry this sequence number")
                       ->type_name("N")
                       ->check(CLI::Range(std::uint64_t{1}, model::kMaxSequenceNumber));
  command->add_flag("--no-sequence", options.no_sequence, "Take no sequence number")->excludes(sequence);
  command->add_flag("--exclude-sender", options.exclude_sender, "Not to the sender's own connections");
  add_client(command, options.client);
  on(command, [flags] {
    PublishOptions made = flags->options;
    made.attributes = pairs_of(flags->attributes);
    if (flags->sequence != 0) made.sequence = flags->sequence;
    return made;
  });
}

void Grammar::add_listen() {
  CLI::App* command = add(&app_, "listen", "Connect and print every frame as a JSON line");
  const auto options = std::make_shared<ListenOptions>();
  add_list(command, "--chat", options->chats, "A chat; may come again; * for all of the user's")
      ->type_name("ID");
  command->add_option("--org", options->org, "The org to listen for")->type_name("ID");
  command->add_option("--hub", options->hub, "The hub to listen for")->type_name("ID");
  command->add_option("--project", options->project, "The project to listen for")->type_name("ID");
  add_client(command, options->client);
  on(command, [options] { return *options; });
}

void Grammar::add_permissions() {
  using Action = PermissionsOptions::Action;
  CLI::App* parent = add(&app_, "permissions", "Who may read and write where");
  parent->require_subcommand(1);
  for (const auto& [name, action, description] :
       {std::tuple("grant", Action::grant, "Give a user a role in a chat, org, hub or project"),
        std::tuple("revoke", Action::revoke, "Take it away"),
        std::tuple("list", Action::list, "What a user has, or who has something there")}) {
    CLI::App* command = add(parent, name, description);
    const auto options = std::make_shared<PermissionsOptions>();
    options->action = action;
    CLI::Option_group* where = command->add_option_group("where", "Where");
    CLI::App* who = action == Action::list ? static_cast<CLI::App*>(where) : command;
    auto* user = who->add_option("--user", options->user, "The user")->type_name("ID");
    if (action != Action::list) user->required();
    where->require_option(1);
    where->add_option("--chat", options->chat, "The chat")->type_name("ID");
    where->add_option("--target", options->target, "org:ID, hub:ID, project:ID or chat:ID")
        ->type_name("CLASS:ID")
        ->check(checked("org:ID, hub:ID, project:ID or chat:ID", is_entry_target));
    if (action == Action::grant)
      command->add_option("--role", options->role, "viewer, member (default), admin or owner")
          ->type_name("R")
          ->check(CLI::IsMember({"viewer", "member", "admin", "owner"}));
    add_client(command, options->client);
    on(command, [options] { return *options; });
  }
}

void Grammar::add_connections() {
  CLI::App* command = add(&app_, "connections", "Who is connected");
  const auto options = std::make_shared<ConnectionsOptions>();
  command->add_option("--user", options->user, "Only this user's connections")->type_name("ID");
  command->add_option("--chat", options->chat, "Only connections subscribed to this chat")->type_name("ID");
  add_client(command, options->client);
  on(command, [options] { return *options; });
}

void Grammar::add_queues() {
  using Action = QueuesOptions::Action;
  CLI::App* parent = add(&app_, "queues", "Look into queues and dead letter queues");
  parent->require_subcommand(1);
  for (const auto& [name, action, description] :
       {std::tuple("list", Action::list, "All queues and what waits in them"),
        std::tuple("peek", Action::peek, "Show the oldest messages of a queue"),
        std::tuple("redrive", Action::redrive, "Queue dead letters again"),
        std::tuple("purge", Action::purge, "Delete what waits in a queue")}) {
    CLI::App* command = add(parent, name, description);
    const auto options = std::make_shared<QueuesOptions>();
    options->action = action;
    if (action != Action::list) command->add_option("NAME", options->name, "The queue")->required();
    if (action == Action::peek)
      command->add_option("--limit", options->limit, "How many (10)")
          ->type_name("N")
          ->check(CLI::Range(1, 1000));
    if (action == Action::redrive)
      add_list(command, "--message-id", options->message_ids, "Only this message; may come again")
          ->type_name("ID");
    add_client(command, options->client);
    on(command, [options] { return *options; });
  }
}

void Grammar::add_messages() {
  CLI::App* command = add(&app_, "messages", "Show what was published and is kept, the newest at the bottom");
  const auto options = std::make_shared<MessagesOptions>();
  auto* target = command->add_option_group("target", "Whose history")->require_option(1);
  auto* chat = target->add_option("--chat", options->chat, "A chat's")->type_name("ID");
  target->add_option("--target", options->target, "user:ID, org:ID, hub:ID, project:ID, chat:ID or all")
      ->type_name("CLASS:ID")
      ->check(checked("user:ID, org:ID, hub:ID, project:ID, chat:ID or all", is_publish_target));
  auto* limit = command->add_option("--limit", options->limit, "How many, from the newest on (50)")
                    ->type_name("N")
                    ->check(CLI::Range(1, 1000));
  auto* all = command->add_flag("--all", options->all, "All there are")->excludes(limit);
  auto* first = command->add_flag("--asc", options->oldest_first, "From the oldest on instead");
  const auto time = checked("a time such as 2026-01-01T00:00:00Z", is_time);
  auto* from = command->add_option("--from", options->from, "Published at this time or later")
                   ->type_name("TIME")
                   ->check(time);
  auto* to = command->add_option("--to", options->to, "Published at this time or earlier")
                 ->type_name("TIME")
                 ->check(time);
  auto* numbers = command->add_option("--sequences", options->sequences, "These sequence numbers of a chat")
                      ->type_name("LIST")
                      ->check(checked("at most 1000 numbers and ranges such as 3,5-9", is_sequence_list))
                      ->needs(chat)
                      ->excludes(limit);
  auto* follow = command->add_flag("--follow", options->follow, "Go on with what comes, until interrupted");
  for (CLI::Option* other : {all, first, from, to}) {
    numbers->excludes(other);
    follow->excludes(other);
  }
  follow->excludes(numbers);
  add_client(command, options->client);
  on(command, [options] { return *options; });
}

void Grammar::add_trace() {
  CLI::App* command = add(&app_, "trace", "Where a message is, who got it, who did not and why");
  const auto options = std::make_shared<TraceOptions>();
  command->add_option("MESSAGE_ID", options->message_id, "The message")
      ->required()
      ->check(checked("a message id", is_message_id));
  add_client(command, options->client);
  on(command, [options] { return *options; });
}

void Grammar::add_config() {
  struct Flags {
    std::string file;
    bool dev = false, json = false;
  };
  using Action = ConfigOptions::Action;
  CLI::App* parent = add(&app_, "config", "Look at a configuration");
  parent->require_subcommand(1);
  for (const auto& [name, action, description] :
       {std::tuple("check", Action::check, "Say whether a server would start with it"),
        std::tuple("print", Action::print, "Print every key with its value, secrets redacted")}) {
    CLI::App* command = add(parent, name, description);
    const auto flags = std::make_shared<Flags>();
    command->add_option("--config", flags->file, "Configuration file (TOML); the environment counts too")
        ->type_name("FILE");
    if (action == Action::check) command->add_flag("--dev", flags->dev, "As for `serve --dev`");
    add_json(command, flags->json);
    on(command, [this, flags, action = action] {
      ConfigOptions options{action, sources(flags->file, {}), flags->json};
      options.sources.dev = flags->dev;
      return options;
    });
  }
}

void Grammar::add_upkeep() {
  const auto directory = [](CLI::App* command, const char* flag, std::string& value,
                            const char* description) {
    command->add_option(flag, value, description)->required()->type_name("DIR");
  };
  CLI::App* command = add(&app_, "backup", "Back up a store, while its server runs or not");
  const auto backup = std::make_shared<BackupOptions>();
  directory(command, "--data", backup->data, "The data directory");
  directory(command, "--out", backup->out, "Where the backups are; only what is new is copied");
  command->add_option("--keep", backup->keep, "Remove older backups than the newest N (0: none)")
      ->type_name("N")
      ->check(CLI::Range(0, 1000000));
  add_json(command, backup->json);
  on(command, [backup] { return *backup; });

  command = add(&app_, "restore", "Put a backup into an empty data directory");
  const auto restore = std::make_shared<RestoreOptions>();
  directory(command, "--in", restore->in, "Where the backups are");
  directory(command, "--data", restore->data, "The data directory to be: absent or empty");
  command->add_option("--backup", restore->backup, "Which one (the newest)")->type_name("ID");
  add_json(command, restore->json);
  on(command, [restore] { return *restore; });

  command = add(&app_, "verify", "Read a whole store and say what is wrong with it");
  const auto verify = std::make_shared<VerifyOptions>();
  directory(command, "--data", verify->data, "The data directory");
  add_json(command, verify->json);
  on(command, [verify] { return *verify; });
}

void Grammar::add_bench() {
  using bench::Workload;
  CLI::App* parent = add(&app_, "bench", "Generate load and measure");
  parent->require_subcommand(1);
  for (const auto& [name, workload, description] :
       {std::tuple("fanout", Workload::fanout, "One chat, many subscribers"),
        std::tuple("one-to-one", Workload::one_to_one, "Many chats, one subscriber each"),
        std::tuple("idle", Workload::idle, "Connections that do nothing"),
        std::tuple("publish", Workload::publish, "Publishes without subscribers")}) {
    CLI::App* command = add(parent, name, description);
    const auto options = std::make_shared<bench::Options>();
    options->workload = workload;
    fall_back("CARILLON_URL", options->url);
    fall_back("CARILLON_TOKEN", options->token);
    for (const BenchFlag& flag : bench_flags(*options)) {
      const auto set = [flag](const std::vector<std::string>& values) {
        for (const std::string& value : values)
          if (!flag.set(value)) throw CLI::ValidationError(flag.name, "must be " + flag.allowed);
      };
      auto* option = command->add_option_function<std::vector<std::string>>(flag.name, set, flag.description)
                         ->type_name(flag.type)
                         ->type_size(1)
                         ->allow_extra_args(false);
      if (!flag.repeatable) option->expected(1);
    }
    add_json(command, options->json);
    on(command, [options] { return *options; });
  }
}

std::expected<Command, UsageExit> Grammar::parse(std::vector<std::string> arguments) {
  std::ranges::reverse(arguments);  // as CLI11 wants them
  try {
    app_.parse(std::move(arguments));
    if (!command_) return std::unexpected(UsageExit{2, {}, app_.help()});
    if (const std::string mistake = std::visit(ClientMistake(), *command_); !mistake.empty())
      return std::unexpected(UsageExit{2, {}, mistake + '\n'});
    return std::move(*command_);
  } catch (const CLI::RequiredError& error) {
    // A command that does not exist is what is left over when one is missing.
    std::string what = error.what();
    if (const std::vector<std::string> rest = app_.remaining(true);
        !rest.empty() && what == CLI::RequiredError::Subcommand(1).what())
      what = "There is no command `" + rest.front() + '`';
    return std::unexpected(UsageExit{2, {}, what + "\nRun with --help for more information.\n"});
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, err;
    const int status = app_.exit(error, out, err);
    return std::unexpected(UsageExit{status == 0 ? 0 : 2, out.str(), err.str()});
  }
}

}  // namespace

std::expected<Command, UsageExit> parse_command_line(std::vector<std::string> arguments,
                                                     const Environment& environment) {
  Grammar grammar(environment);
  return grammar.parse(std::move(arguments));
}

}  // namespace carillon::cli
