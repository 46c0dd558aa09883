#include "gateway/origin_policy.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace carillon::gateway {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
bool split_host(std::string_view text, std::string& host, std::optional<std::uint16_t>& port) {
  std::size_t end = text.find(':');
  if (text.starts_with('[')) {
    end = text.find(']');
    if (end == std::string_view::npos) return false;
    ++end;
    if (end < text.size() && text[end] != ':') return false;
  }
  end = std::min(end, text.size());
  host = lower(text.substr(0, end));
  if (host.empty() || host.find_first_of("/?#@ \t") != std::string::npos) return false;
  if (end == text.size()) return true;
  const std::string_view digits = text.substr(end + 1);
  std::uint16_t number = 0;
  const auto [rest, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (problem != std::errc() || rest != digits.data() + digits.size() || number == 0) return false;
  port = number;
  return true;
}

bool is_ipv4_loopback(std::string_view host) {
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos &&
         std::ranges::count(host, '.') == 3;
}

bool is_loopback_name(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost") || host == "[::1]" || is_ipv4_loopback(host);
}

}  // namespace

std::optional<WebOrigin> parse_origin(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  WebOrigin origin;
  origin.scheme = lower(text.substr(0, colon));
  if (origin.scheme != "http" && origin.scheme != "https") return std::nullopt;
  std::optional<std::uint16_t> port;
  if (!split_host(text.substr(colon + 3), origin.host, port)) return std::nullopt;
  origin.port = port.value_or(origin.scheme == "https" ? 443 : 80);
  return origin;
}

bool is_loopback_host(std::string_view text) {
  std::string host;
  std::optional<std::uint16_t> port;
  return split_host(text, host, port) && is_loopback_name(host);
}

OriginPolicy::OriginPolicy(const std::vector<std::string>& allowed, bool dev) : dev_(dev) {
  for (const std::string& text : allowed) {
    const auto origin = parse_origin(text);
    if (!origin)
      throw std::runtime_error("gateway.allowed_origins: " + text +
                               " is no origin such as https://example.com");
    allowed_.push_back(*origin);
  }
}

bool OriginPolicy::allows(std::string_view text, std::string_view host, bool secure) const {
  const auto origin = parse_origin(text);
  if (!origin) return false;
  if (dev_ && is_loopback_name(origin->host)) return true;
  if (std::ranges::find(allowed_, *origin) != allowed_.end()) return true;
  const auto own = parse_origin((secure ? "https://" : "http://") + std::string(host));
  return own && *own == *origin;
}

}  // namespace carillon::gateway
