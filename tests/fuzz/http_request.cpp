// The HTTP request parser, and what is read out of a request: any bytes, cut anywhere, give the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "gateway/deflate.hpp"
#include "gateway/http_request_parser.hpp"
#include "gateway/origin_policy.hpp"
#include "gateway/source_address.hpp"
#include "gateway/upgrade.hpp"

namespace {

using carillon::gateway::HttpLimits;
using carillon::gateway::HttpRequestParser;
using State = HttpRequestParser::State;

void look_into(const HttpRequestParser& parser, const carillon::ports::HttpRequest& request) {
  static const carillon::gateway::TrustedProxies proxies({"10.0.0.0/8", "::/1"});
  static const carillon::gateway::OriginPolicy origins({"https://example.com"}, true);
  const auto peer = carillon::gateway::IpAddress::parse("10.0.0.1").value();
  proxies.client(peer, request);
  origins.allows(request.header("origin"), request.header("host"), proxies.secure(peer, request, false));
  carillon::gateway::is_loopback_host(request.header("host"));
  const auto offer = carillon::gateway::check_upgrade(request, parser.http_1_0(), parser.wants_websocket());
  if (offer) carillon::gateway::accept_deflate(offer->extensions);
  request.query_value("token");
}

std::vector<std::string> parse(const std::string& bytes, std::size_t step) {
  static const HttpLimits limits{.max_header_bytes = 512, .max_target_bytes = 64, .max_fields = 10};
  HttpRequestParser parser(limits);
  std::vector<std::string> seen;
  std::string unread;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    unread.append(bytes, at, step);
    while (!unread.empty()) {
      const State before = parser.state();
      const std::size_t used = parser.feed(unread);
      unread.erase(0, used);
      if (parser.state() == State::failed) return seen;
      if (before == State::head && parser.state() != State::head) parser.limit_body(256);
      if (parser.state() == State::complete) {
        const auto& request = parser.request();
        if (request.body.size() > 256 || request.path.empty()) std::abort();
        look_into(parser, request);
        seen.push_back(request.method + " " + request.path + "?" + request.query + " " + request.body);
        parser.reset();
      } else if (used == 0 && parser.state() == before) {
        break;
      }
    }
    if (unread.size() > 2048) std::abort();
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t step = data[0] % 64 + 1u;
  // Errors may show at another request when the bytes come at once; what both read is the same.
  const auto pieces = parse(bytes, step);
  const auto whole = parse(bytes, bytes.size() + 1);
  for (std::size_t i = 0; i < std::min(pieces.size(), whole.size()); ++i)
    if (pieces[i] != whole[i]) std::abort();
  return 0;
}
