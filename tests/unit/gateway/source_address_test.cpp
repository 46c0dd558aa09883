#include "gateway/source_address.hpp"

#include <gtest/gtest.h>

namespace carillon::gateway {
namespace {

std::string client(const std::vector<std::string>& trusted, std::string_view peer,
                   std::vector<std::pair<std::string, std::string>> headers) {
  ports::HttpRequest request;
  request.headers = std::move(headers);
  return TrustedProxies(trusted).client(IpAddress::parse(peer).value(), request).str();
}

TEST(SourceAddress, AddressesAreReadAndWritten) {
  for (const char* text : {"127.0.0.1", "255.255.255.255", "::1", "2001:db8::1", "::"})
    EXPECT_EQ(IpAddress::parse(text).value().str(), text);
  for (const char* text : {"", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.256", "::g", "1.2.3.4 "})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  EXPECT_EQ(IpAddress::parse("::ffff:1.2.3.4"), IpAddress::parse("1.2.3.4"));
}

TEST(SourceAddress, BlocksOfEveryWidth) {
  const auto inside = [](const char* block, const char* address) {
    return TrustedProxies({block}).contains(IpAddress::parse(address).value());
  };
  EXPECT_TRUE(inside("10.0.0.1", "10.0.0.1"));
  EXPECT_FALSE(inside("10.0.0.1", "10.0.0.2"));
  EXPECT_TRUE(inside("10.0.0.0/8", "10.255.1.2"));
  EXPECT_FALSE(inside("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(inside("192.168.4.0/22", "192.168.7.255"));
  EXPECT_FALSE(inside("192.168.4.0/22", "192.168.8.0"));
  EXPECT_TRUE(inside("0.0.0.0/0", "9.9.9.9"));
  EXPECT_FALSE(inside("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(inside("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(inside("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(inside("::/0", "1.2.3.4"));
  for (const char* bad : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "proxy", "10.0.0.0/8x"})
    EXPECT_THROW(TrustedProxies({bad}), std::runtime_error) << bad;
}

TEST(SourceAddress, TheRightmostUntrustedHopIsTheClient) {
  const std::vector<std::string> trusted{"10.0.0.0/8"};
  EXPECT_EQ(client(trusted, "9.9.9.9", {{"x-forwarded-for", "1.1.1.1"}}), "9.9.9.9") << "not from a proxy";
  EXPECT_EQ(client(trusted, "10.0.0.1", {}), "10.0.0.1");
  EXPECT_EQ(client(trusted, "10.0.0.1", {{"x-forwarded-for", "6.6.6.6, 1.1.1.1"}}), "1.1.1.1");
  EXPECT_EQ(client(trusted, "10.0.0.1", {{"x-forwarded-for", "6.6.6.6, 1.1.1.1, 10.0.0.2"}}), "1.1.1.1");
  EXPECT_EQ(client(trusted, "10.0.0.1", {{"x-forwarded-for", "1.1.1.1"}, {"x-forwarded-for", "10.0.0.2"}}),
            "1.1.1.1");
  EXPECT_EQ(client(trusted, "10.0.0.1", {{"x-forwarded-for", "10.0.0.3, 10.0.0.2"}}), "10.0.0.3");
  EXPECT_EQ(client(trusted, "10.0.0.1", {{"x-forwarded-for", "1.1.1.1, nonsense, 10.0.0.2"}}), "10.0.0.2");
  EXPECT_EQ(client(trusted, "10.0.0.1", {{"x-forwarded-for", "1.1.1.1:4711"}}), "1.1.1.1");
  EXPECT_EQ(client(trusted, "10.0.0.1", {{"x-forwarded-for", "[2001:db8::1]:4711"}}), "2001:db8::1");
  EXPECT_EQ(client(trusted, "10.0.0.1", {{"x-forwarded-for", "["}}), "10.0.0.1");
}

TEST(SourceAddress, ForwardedCountsWhereTheOtherIsMissing) {
  const std::vector<std::string> trusted{"10.0.0.0/8"};
  EXPECT_EQ(
      client(trusted, "10.0.0.1", {{"forwarded", "for=6.6.6.6, For=\"1.1.1.1:80\";proto=https;by=10.0.0.1"}}),
      "1.1.1.1");
  EXPECT_EQ(client(trusted, "10.0.0.1", {{"forwarded", "for=\"[2001:db8::1]\""}}), "2001:db8::1");
  EXPECT_EQ(client(trusted, "10.0.0.1", {{"forwarded", "for=unknown"}}), "10.0.0.1");
  EXPECT_EQ(client(trusted, "10.0.0.1", {{"forwarded", "for=6.6.6.6"}, {"x-forwarded-for", "1.1.1.1"}}),
            "1.1.1.1");
}

TEST(SourceAddress, TheSchemeIsTheProxysWord) {
  const TrustedProxies proxies({"10.0.0.0/8"});
  ports::HttpRequest request;
  request.headers = {{"x-forwarded-proto", "https"}};
  EXPECT_TRUE(proxies.secure(IpAddress::parse("10.0.0.1").value(), request, false));
  EXPECT_FALSE(proxies.secure(IpAddress::parse("9.9.9.9").value(), request, false));
  request.headers = {{"x-forwarded-proto", "https, http"}};
  EXPECT_FALSE(proxies.secure(IpAddress::parse("10.0.0.1").value(), request, true));
}

}  // namespace
}  // namespace carillon::gateway
