#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/value.hpp>

/// What the commands that talk to a server have in common. Blocking, one thread.
namespace carillon::cli {

inline constexpr const char* kDefaultUrl = "http://127.0.0.1:8080";

struct ClientOptions {
  std::string url = kDefaultUrl;
  std::string token;
  bool json = false;  ///< print what the server answered, for programs
};

/// Where a server is, taken apart.
struct Endpoint {
  bool tls = false;
  std::string host;  ///< IPv6 addresses without brackets
  std::string port;
  std::string path;  ///< before every path of the service; empty, or `/…` without a slash at the end

  /// `host:port` for a header or URL, the port left out when it is the scheme's own.
  std::string authority() const;
};
/// http, https, ws or wss; without user, query and fragment.
std::optional<Endpoint> parse_endpoint(std::string_view url);

/// Whether the token can stand in a header: 1 to 16384 visible ASCII characters, or empty for none.
bool valid_token(std::string_view token);

struct HttpCall {
  std::string method = "GET";
  std::string target;  ///< path and query, encoded
  std::string body;    ///< JSON; sent when not empty
};
struct HttpReply {
  int status = 0;
  std::string body;
};
/// The error says why there is no answer.
using HttpSend = std::function<std::expected<HttpReply, std::string>(const ClientOptions&, const HttpCall&)>;

/// Sends over libcurl: no redirects, no proxy, http and https only, certificates verified (SSL_CERT_FILE
/// names other authorities), 35 s in all, an answer of at most 64 MiB.
std::expected<HttpReply, std::string> send_http(const ClientOptions& options, const HttpCall& call);

/// Where a command reads and writes.
struct Console {
  std::ostream& out;
  std::ostream& err;
  HttpSend send = send_http;
};

/// Builds `/path?a=b&c=d`, values encoded; parameters with an empty value are left out.
std::string target_with(std::string_view path,
                        const std::vector<std::pair<std::string, std::string>>& parameters);

/// Sends `call` and returns a 2xx answer's JSON, which it prints as one line with --json. Otherwise explains
/// on `err` and returns the exit status 1.
std::expected<boost::json::value, int> fetch(const ClientOptions& options, const HttpCall& call,
                                             Console& console);
/// The same for a command that is one call; `show` prints the answer for people. Returns the exit status.
int run_call(const ClientOptions& options, const HttpCall& call, Console& console,
             const std::function<void(const boost::json::value&)>& show);

/// Explains an answer that is no 2xx, and what may help.
void explain_refusal(const ClientOptions& options, const HttpReply& reply, std::ostream& err);
/// Explains why no answer came, and what may help.
void explain_failure(const ClientOptions& options, std::string_view reason, std::ostream& err);

/// The member as text that is safe on a terminal: strings without quotes, the rest as JSON; `-` when absent.
std::string shown_member(const boost::json::value& object, std::string_view name);

/// The array that `name` is, or an empty one; `answer` itself when it is an array.
const boost::json::array& entries_of(const boost::json::value& answer, std::string_view name);

/// Aligned columns, two spaces between them; the first row is the heading.
void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows);

}  // namespace carillon::cli
