#include "outbound/address_rules.hpp"

#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace carillon::outbound {
namespace {

class Address {
 public:
  explicit Address(const std::string& text) {
    if (text.find(':') == std::string::npos) {
      auto* v4 = reinterpret_cast<sockaddr_in*>(&storage_);
      v4->sin_family = AF_INET;
      EXPECT_EQ(inet_pton(AF_INET, text.c_str(), &v4->sin_addr), 1) << text;
    } else {
      auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage_);
      v6->sin6_family = AF_INET6;
      EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr), 1) << text;
    }
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }

 private:
  sockaddr_storage storage_{};
};

TEST(AddressRules, link_local_is_forbidden_however_it_is_written) {
  for (const char* text :
       {"169.254.0.0", "169.254.169.254", "169.254.255.255", "fe80::1", "febf::1", "::ffff:169.254.169.254",
        "::169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1", "fd00:ec2::254"})
    EXPECT_TRUE(is_forbidden(Address(text).get())) << text;
}

TEST(AddressRules, other_addresses_are_allowed) {
  for (const char* text :
       {"169.253.255.255", "169.255.0.0", "127.0.0.1", "10.0.0.1", "192.0.2.1", "::1", "fe7f::1", "fec0::1",
        "fd00:ec2::253", "::ffff:10.0.0.1", "2001:db8::1", "2002:a9fd:1::"})
    EXPECT_FALSE(is_forbidden(Address(text).get())) << text;
}

TEST(AddressRules, families_other_than_internet_are_forbidden) {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  EXPECT_TRUE(is_forbidden(reinterpret_cast<const sockaddr*>(&local)));
}

TEST(AddressRules, loopback_addresses) {
  for (const char* text : {"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(is_loopback(Address(text).get())) << text;
  for (const char* text :
       {"126.255.255.255", "128.0.0.1", "0.0.0.0", "::", "::2", "::127.0.0.1", "::ffff:10.0.0.1"})
    EXPECT_FALSE(is_loopback(Address(text).get())) << text;
}

TEST(AddressRules, loopback_names) {
  for (const char* host : {"localhost", "LocalHost", "127.0.0.1", "127.1.2.3", "[::1]"})
    EXPECT_TRUE(names_loopback(host)) << host;
  for (const char* host :
       {"", "localhost.example.com", "127.0.0.1.example.com", "example.com", "10.0.0.1", "[::2]", "[]"})
    EXPECT_FALSE(names_loopback(host)) << host;
}

}  // namespace
}  // namespace carillon::outbound
