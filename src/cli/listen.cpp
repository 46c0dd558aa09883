#include "cli/listen.hpp"

#include <boost/json/parse.hpp>

#include "base/bytes.hpp"
#include "base/terminal.hpp"
#include "cli/interrupts.hpp"

namespace carillon::cli {
namespace {

constexpr const char* kSubprotocol = "carillon.v1";
constexpr std::uint16_t kNormalClosure = 1000;

bool is_json(const std::string& text) {
  boost::system::error_code error;
  boost::json::parse(text, error);
  return !error;
}

void explain_close(const ServerEvent& close, std::ostream& err) {
  err << "carillon listen: closed by the server, code " << close.code;
  if (!close.payload.empty()) err << ": " << base::printable(close.payload);
  err << '\n';
  if (close.code == 4401) err << "The token has expired: take a new one.\n";
  if (close.code == 1001) err << "The server is stopping: connect again.\n";
  if (close.code == 1013) err << "Messages came faster than they were read here.\n";
}

}  // namespace

std::string listen_target(const ListenOptions& options) {
  std::vector<std::pair<std::string, std::string>> parameters;
  parameters.reserve(options.chats.size() + 3);
  for (const std::string& chat : options.chats) parameters.emplace_back("chatId", chat);
  parameters.emplace_back("orgId", options.org);
  parameters.emplace_back("hubId", options.hub);
  parameters.emplace_back("projectId", options.project);
  return target_with("/ws", parameters);
}

std::string listen_line(const ServerEvent& message) {
  if (message.opcode == model::Opcode::binary)
    return "{\"type\":\"binary\",\"base64\":\"" + base::base64_encode(message.payload) + "\"}";
  return base::printable_json(is_json(message.payload) ? message.payload
                                                       : base::json_string(message.payload));
}

int listen(const ListenOptions& options, Console& console) {
  Interrupts interrupts;
  const auto endpoint = parse_endpoint(options.client.url);
  if (!endpoint) {
    explain_failure(options.client, "--url is no http://, https://, ws:// or wss:// URL", console.err);
    return 2;
  }
  auto client = WebSocketClient::connect({.endpoint = *endpoint,
                                          .target = listen_target(options),
                                          .token = options.client.token,
                                          .subprotocol = kSubprotocol,
                                          .interrupt = interrupts.fd()});
  if (!client) {
    if (interrupts.take()) return 0;
    if (client.error().reply.status != 0)
      explain_refusal(options.client, client.error().reply, console.err);
    else
      explain_failure(options.client, client.error().reason, console.err);
    return 1;
  }
  while (true) {
    const WebSocketClient::Event event = client->next();
    switch (event.ending) {
      case WebSocketClient::Ending::none:
        console.out << listen_line(event.message) << std::endl;
        if (console.out) break;
        client->close(kNormalClosure);
        return 1;
      case WebSocketClient::Ending::interrupted:
        interrupts.take();
        client->close(kNormalClosure);
        return 0;
      case WebSocketClient::Ending::closed:
        explain_close(event.message, console.err);
        return 1;
      case WebSocketClient::Ending::lost:
        console.err << "carillon listen: connection lost: " << base::printable(event.reason) << '\n';
        return 1;
    }
  }
}

}  // namespace carillon::cli
