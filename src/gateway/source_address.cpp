#include "gateway/source_address.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "gateway/header_value.hpp"

namespace carillon::gateway {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

IpAddress mapped(const void* v4) {
  IpAddress address;
  std::ranges::copy(kMapped, address.bytes.begin());
  std::memcpy(address.bytes.data() + kMapped.size(), v4, 4);
  return address;
}

/// The hops of a header that may stand several times, first to last.
std::vector<std::string_view> hops(const ports::HttpRequest& request, std::string_view name) {
  std::vector<std::string_view> all;
  for (const auto& [each, value] : request.headers) {
    if (each != name) continue;
    const auto parts = split(value, ',');
    all.insert(all.end(), parts.begin(), parts.end());
  }
  return all;
}

/// `for="[2001:db8::1]:4711";proto=https` → `"[2001:db8::1]:4711"` without quotes.
std::string_view forwarded_for(std::string_view element) {
  for (std::string_view pair : split(element, ';')) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || !iequals(trimmed(pair.substr(0, equals)), "for")) continue;
    std::string_view value = trimmed(pair.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    return value;
  }
  return {};
}

/// An address, perhaps in brackets, perhaps with a port.
std::optional<IpAddress> parse_hop(std::string_view text) {
  if (text.starts_with('['))
    return IpAddress::parse(text.substr(1, std::min(text.find(']'), text.size()) - 1));
  if (std::ranges::count(text, ':') == 1) text = text.substr(0, text.find(':'));
  return IpAddress::parse(text);
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  in_addr v4{};
  if (::inet_pton(AF_INET, copy.c_str(), &v4) == 1) return mapped(&v4);
  IpAddress address;
  if (::inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

IpAddress IpAddress::of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) return mapped(&reinterpret_cast<const sockaddr_in&>(address).sin_addr);
  IpAddress result;
  if (address.ss_family == AF_INET6)
    std::memcpy(result.bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, 16);
  return result;
}

bool IpAddress::is_v4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

std::string IpAddress::str() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4())
    ::inet_ntop(AF_INET, bytes.data() + kMapped.size(), text.data(), text.size());
  else
    ::inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  return text.data();
}

TrustedProxies::TrustedProxies(const std::vector<std::string>& blocks) {
  for (const std::string& text : blocks) {
    const auto refuse = [&] {
      throw std::runtime_error("gateway.trusted_proxies: " + text + " is no address or CIDR block");
    };
    const std::size_t slash = text.find('/');
    const auto address = IpAddress::parse(std::string_view(text).substr(0, slash));
    if (!address) refuse();
    int bits = 128;
    if (slash != std::string::npos) {
      const int most = address->is_v4() ? 32 : 128;
      const char* const end = text.data() + text.size();
      const auto [rest, problem] = std::from_chars(text.data() + slash + 1, end, bits);
      if (problem != std::errc() || rest != end || bits < 0 || bits > most) refuse();
      bits += 128 - most;
    }
    blocks_.push_back({*address, bits});
  }
}

bool TrustedProxies::contains(const IpAddress& address) const {
  return std::ranges::any_of(blocks_, [&](const Block& block) {
    const auto whole = static_cast<std::size_t>(block.bits / 8);
    if (std::memcmp(block.address.bytes.data(), address.bytes.data(), whole) != 0) return false;
    const int rest = block.bits % 8;
    return rest == 0 || ((block.address.bytes[whole] ^ address.bytes[whole]) >> (8 - rest)) == 0;
  });
}

IpAddress TrustedProxies::client(const IpAddress& peer, const ports::HttpRequest& request) const {
  if (blocks_.empty() || !contains(peer)) return peer;
  auto list = hops(request, "x-forwarded-for");
  if (list.empty())
    for (const std::string_view element : hops(request, "forwarded")) list.push_back(forwarded_for(element));
  IpAddress client = peer;
  for (auto hop = list.rbegin(); hop != list.rend(); ++hop) {
    const auto address = parse_hop(*hop);
    if (!address) break;
    client = *address;
    if (!contains(client)) break;
  }
  return client;
}

bool TrustedProxies::secure(const IpAddress& peer, const ports::HttpRequest& request, bool own) const {
  if (blocks_.empty() || !contains(peer)) return own;
  const auto list = hops(request, "x-forwarded-proto");
  return list.empty() ? own : iequals(list.back(), "https");
}

}  // namespace carillon::gateway
