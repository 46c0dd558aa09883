#include "authorizer/ticket_office.hpp"

#include <atomic>
#include <set>
#include <thread>

#include <gtest/gtest.h>

namespace carillon::authorizer {
namespace {

using namespace std::chrono_literals;

constexpr base::EpochMs kWall = 1'750'000'000'000;

class TicketOfficeTest : public testing::Test {
 protected:
  static model::IdentityPtr someone(const std::string& user, base::EpochMs expires_at = kWall + 3'600'000) {
    auto identity = std::make_shared<model::Identity>();
    identity->user = model::UserId(user);
    identity->expires_at = expires_at;
    return identity;
  }
  std::string buy(const std::string& user = "alice") {
    auto ticket = office.issue(someone(user), now);
    EXPECT_TRUE(ticket);
    return ticket ? ticket->value : "";
  }
  std::string redeem(std::string_view ticket) {
    const auto identity = office.redeem(ticket, now);
    if (identity) return (*identity)->user.str();
    EXPECT_TRUE(identity.error().is(model::errors::kUnauthorized));
    return identity.error().details();
  }
  void pass(base::milliseconds time) {
    now.wall += time.count();
    now.monotonic += time;
  }

  Time now{kWall, base::Monotonic(1000h)};
  TicketOffice office{60s, {.tickets = 10, .tickets_per_user = 3}};
};

TEST_F(TicketOfficeTest, a_ticket_carries_the_identity_that_bought_it) {
  const auto identity = someone("alice");
  const auto ticket = office.issue(identity, now);
  ASSERT_TRUE(ticket);
  EXPECT_EQ(ticket->expires_at, kWall + 30'000);
  const auto redeemed = office.redeem(ticket->value, now);
  ASSERT_TRUE(redeemed);
  EXPECT_EQ(*redeemed, identity);
}

TEST_F(TicketOfficeTest, a_ticket_is_used_once) {
  const std::string ticket = buy();
  EXPECT_EQ(redeem(ticket), "alice");
  EXPECT_EQ(redeem(ticket), "unknown ticket");
}

TEST_F(TicketOfficeTest, a_ticket_is_good_for_thirty_seconds) {
  const std::string first = buy();
  const std::string second = buy();
  pass(30s - 1ms);
  EXPECT_EQ(redeem(first), "alice");
  pass(1ms);
  EXPECT_EQ(redeem(second), "ticket expired");
  EXPECT_EQ(redeem(second), "unknown ticket");
}

TEST_F(TicketOfficeTest, the_wall_clock_does_not_stretch_it) {
  const std::string ticket = buy();
  now.monotonic += 30s;
  now.wall -= 10'000;
  EXPECT_EQ(redeem(ticket), "ticket expired");
}

TEST_F(TicketOfficeTest, a_ticket_does_not_outlive_its_token) {
  const auto ticket = office.issue(someone("alice", kWall - 50'000), now);
  ASSERT_TRUE(ticket);
  EXPECT_EQ(ticket->expires_at, kWall + 10'000) << "expiry and leeway";
  pass(10s);
  EXPECT_EQ(redeem(ticket->value), "token expired");
}

TEST_F(TicketOfficeTest, other_texts_are_no_tickets) {
  const std::string ticket = buy();
  for (const std::string& text :
       {std::string(), std::string("x"), ticket.substr(1), ticket + "A", std::string(100'000, 'x')})
    EXPECT_EQ(redeem(text), "unknown ticket");
  EXPECT_EQ(redeem(ticket), "alice");
}

TEST_F(TicketOfficeTest, tickets_are_long_and_all_different) {
  TicketOffice roomy{60s};
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto ticket = roomy.issue(someone(std::to_string(i)), now);
    ASSERT_TRUE(ticket);
    EXPECT_EQ(ticket->value.size(), 43u) << "256 bits";
    EXPECT_TRUE(seen.insert(ticket->value).second);
  }
}

TEST_F(TicketOfficeTest, bounded_per_user) {
  const std::string first = buy("alice");
  for (int i = 0; i < 2; ++i) buy("alice");
  const auto refused = office.issue(someone("alice"), now);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(model::errors::kTooManyRequests));
  EXPECT_GT(refused.error().retry_after_ms(), 0);
  buy("bob");
  EXPECT_EQ(redeem(first), "alice");
  buy("alice");
  EXPECT_FALSE(office.issue(someone("alice"), now));
  pass(30s);
  for (int i = 0; i < 3; ++i) buy("alice");
  EXPECT_FALSE(office.issue(someone("alice"), now));
}

TEST_F(TicketOfficeTest, bounded_in_all) {
  std::vector<std::string> tickets;
  for (int i = 0; i < 10; ++i) tickets.push_back(buy("user-" + std::to_string(i)));
  const auto refused = office.issue(someone("late"), now);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(model::errors::kOverloaded));
  EXPECT_EQ(redeem(tickets[5]), "user-5");
  buy("late");
  pass(30s);
  for (int i = 0; i < 10; ++i) buy("user-" + std::to_string(i));
}

TEST_F(TicketOfficeTest, tickets_in_steady_use_never_fill_it) {
  const std::string oldest = buy("bob");
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(redeem(buy("alice")), "alice") << i;
  EXPECT_EQ(redeem(oldest), "bob");
}

TEST_F(TicketOfficeTest, one_of_many_gets_it) {
  TicketOffice roomy{60s};
  for (int round = 0; round < 50; ++round) {
    const auto ticket = roomy.issue(someone("alice"), now);
    ASSERT_TRUE(ticket);
    std::atomic<int> let_in{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        if (roomy.redeem(ticket->value, now)) ++let_in;
      });
    for (auto& each : threads) each.join();
    EXPECT_EQ(let_in, 1);
  }
}

}  // namespace
}  // namespace carillon::authorizer
