#include "cli/client.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <curl/curl.h>

#include "base/bytes.hpp"
#include "base/terminal.hpp"
#include "base/version.hpp"

namespace carillon::cli {
namespace {

constexpr std::size_t kMaxToken = 16384;
constexpr std::size_t kMaxReply = 64u << 20;
constexpr long kConnectTimeoutMs = 10'000;
constexpr long kTimeoutMs = 35'000;

std::size_t append_reply(char* data, std::size_t, std::size_t size, void* reply) {
  std::string& body = static_cast<HttpReply*>(reply)->body;
  if (body.size() + size > kMaxReply) return 0;
  body.append(data, size);
  return size;
}

std::string text_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(boost::json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_string()) return {};
  const auto& text = value->get_string();
  return base::printable({text.data(), text.size()});
}

std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool valid_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0 && port <= 65535;
}

}  // namespace

std::string Endpoint::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : '[' + host + ']';
  return port == (tls ? "443" : "80") ? name : name + ':' + port;
}

std::optional<Endpoint> parse_endpoint(std::string_view url) {
  const auto parsed = boost::urls::parse_uri(boost::urls::string_view(url.data(), url.size()));
  if (!parsed || parsed->host().empty() || parsed->has_userinfo() || parsed->has_query() ||
      parsed->has_fragment())
    return std::nullopt;
  Endpoint endpoint;
  using boost::urls::scheme;
  const scheme kind = parsed->scheme_id();
  if (kind != scheme::http && kind != scheme::https && kind != scheme::ws && kind != scheme::wss)
    return std::nullopt;
  endpoint.tls = kind == scheme::https || kind == scheme::wss;
  endpoint.host = parsed->host_address();
  endpoint.port = parsed->has_port() ? std::string(parsed->port()) : endpoint.tls ? "443" : "80";
  if (!valid_port(endpoint.port)) return std::nullopt;
  const auto path = parsed->encoded_path();
  // Boost 1.81 reads `http://127.0.0.1.example` as the host 127.0.0.1 and the path `.example`.
  if (!path.empty() && !path.starts_with('/')) return std::nullopt;
  endpoint.path.assign(path.data(), path.size());
  while (endpoint.path.ends_with('/')) endpoint.path.pop_back();
  return endpoint;
}

bool valid_token(std::string_view token) {
  return token.size() <= kMaxToken && std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7f; });
}

std::expected<HttpReply, std::string> send_http(const ClientOptions& options, const HttpCall& call) {
  const auto endpoint = parse_endpoint(options.url);
  if (!endpoint) return std::unexpected("--url is no http:// or https:// URL");
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  if (!curl) return std::unexpected("out of memory");
  curl_slist* list = nullptr;
  const auto add = [&list](const std::string& line) { list = curl_slist_append(list, line.c_str()); };
  if (!options.token.empty()) add("Authorization: Bearer " + options.token);
  if (!call.body.empty()) add("Content-Type: application/json");
  add("Expect:");
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(list, curl_slist_free_all);

  HttpReply reply;
  char reason[CURL_ERROR_SIZE] = "";
  const std::string url =
      (endpoint->tls ? "https://" : "http://") + endpoint->authority() + endpoint->path + call.target;
  const std::string agent = std::string("carillon/") + base::kVersion;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, call.method.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, agent.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  // As OpenSSL itself does for `listen`: an authority of one's own.
  if (const char* authorities = std::getenv("SSL_CERT_FILE"))
    curl_easy_setopt(curl.get(), CURLOPT_CAINFO, authorities);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append_reply);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &reply);
  if (!call.body.empty() || call.method == "POST") {
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, call.body.c_str());
  }
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) return std::unexpected(reason[0] != '\0' ? reason : curl_easy_strerror(code));
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  return reply;
}

std::string target_with(std::string_view path,
                        const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string out(path);
  char separator = '?';
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;
    out += separator + name + '=' + base::percent_encode(value);
    separator = '&';
  }
  return out;
}

std::expected<boost::json::value, int> fetch(const ClientOptions& options, const HttpCall& call,
                                             Console& console) {
  const auto reply = console.send(options, call);
  if (!reply) {
    explain_failure(options, reply.error(), console.err);
    return std::unexpected(1);
  }
  boost::system::error_code error;
  boost::json::value answer = boost::json::parse(reply->body, error);
  if (reply->status < 200 || reply->status > 299 || error) {
    explain_refusal(options, *reply, console.err);
    return std::unexpected(1);
  }
  if (options.json) console.out << base::printable_json(reply->body) << '\n';
  return answer;
}

int run_call(const ClientOptions& options, const HttpCall& call, Console& console,
             const std::function<void(const boost::json::value&)>& show) {
  const auto answer = fetch(options, call, console);
  if (!answer) return answer.error();
  if (!options.json) show(*answer);
  return 0;
}

void explain_refusal(const ClientOptions& options, const HttpReply& reply, std::ostream& err) {
  boost::system::error_code failed;
  const boost::json::value answer = boost::json::parse(reply.body, failed);
  const bool is_error = !failed && answer.is_object() && answer.get_object().contains("error");
  if (options.json && is_error) {
    err << base::printable_json(reply.body) << '\n';
    return;
  }
  err << "carillon: ";
  std::string text;
  if (is_error) {
    const boost::json::object& object = answer.get_object();
    text = text_of(object, "error");
    err << text << " (" << reply.status << ')';
    if (const std::string details = text_of(object, "details"); !details.empty()) err << ": " << details;
    if (const auto* delay = object.if_contains("retryAfterMs"))
      err << "; try again in " << boost::json::serialize(*delay) << " ms";
    if (const auto* channels = object.if_contains("channels"))
      err << "; there are " << base::printable_json(boost::json::serialize(*channels));
  } else {
    err << "HTTP status " << reply.status << " and no JSON that says more: is "
        << base::printable(options.url) << " a Carillon server?";
  }
  err << '\n';
  if (reply.status == 401 && options.token.empty())
    err << "Pass --token or set CARILLON_TOKEN; `carillon token --user ID` makes one for `serve --dev`.\n";
  else if (reply.status == 401)
    err << "The token was refused: pass another with --token or CARILLON_TOKEN.\n";
  else if (text == "Forbidden - No chat access")
    err << "An admin grants access with `carillon permissions grant --user ID --chat ID`.\n";
}

void explain_failure(const ClientOptions& options, std::string_view reason, std::ostream& err) {
  err << "carillon: no answer from " << base::printable(options.url) << ": " << base::printable(reason)
      << '\n';
  if (reason.find("refused") != std::string_view::npos || reason.find("connect to") != std::string_view::npos)
    err << "Is the server running? Start it with script/run, or `carillon serve --dev`.\n";
}

std::string shown_member(const boost::json::value& object, std::string_view name) {
  const auto* members = object.if_object();
  const auto* value =
      members == nullptr ? nullptr : members->if_contains(boost::json::string_view(name.data(), name.size()));
  if (value == nullptr || value->is_null()) return "-";
  if (const auto* text = value->if_string()) return base::printable({text->data(), text->size()});
  return base::printable_json(boost::json::serialize(*value));
}

const boost::json::array& entries_of(const boost::json::value& answer, std::string_view name) {
  static const boost::json::array kNone;
  if (answer.is_array()) return answer.get_array();
  const auto* members = answer.if_object();
  const auto* value =
      members == nullptr ? nullptr : members->if_contains(boost::json::string_view(name.data(), name.size()));
  return value != nullptr && value->is_array() ? value->get_array() : kNone;
}

void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out << row[i];
      if (i + 1 < row.size()) out << std::string(widths[i] - width(row[i]) + 2, ' ');
    }
    out << '\n';
  }
}

}  // namespace carillon::cli
