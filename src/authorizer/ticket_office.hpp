#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "authorizer/time.hpp"
#include "model/errors.hpp"
#include "model/identity.hpp"

namespace carillon::authorizer {

/// A ticket just issued. Never logged.
struct Ticket {
  std::string value;
  base::EpochMs expires_at = 0;
};

/// Single-use tickets that stand for a token for 30 seconds, so that no long-lived token is ever in a URL
/// (CONTRACT §3). They live in this process only, by their hash. Time is an argument. Any thread.
class TicketOffice {
 public:
  static constexpr std::chrono::seconds kLifetime{30};

  struct Limits {
    std::size_t tickets = 65536;  ///< unused ones
    std::size_t tickets_per_user = 64;
  };

  /// `leeway` as for tokens: how long after its `exp` an identity still counts.
  explicit TicketOffice(std::chrono::seconds leeway) : TicketOffice(leeway, Limits()) {}
  TicketOffice(std::chrono::seconds leeway, Limits limits) : leeway_(leeway), limits_(limits) {}

  /// Errors: too_many_requests (this user's unused tickets), overloaded (everybody's).
  model::Result<Ticket> issue(model::IdentityPtr identity, Time now);
  /// The identity that bought the ticket; the ticket is used up, whatever the answer. Errors: unauthorized.
  model::Result<model::IdentityPtr> redeem(std::string_view ticket, Time now);

 private:
  struct Entry {
    model::IdentityPtr identity;
    base::Monotonic valid_until;
  };
  struct Issued {
    std::string digest;
    base::Monotonic valid_until;
  };

  void forget_old(base::Monotonic now);
  void count_down(const model::UserId& user);

  const std::chrono::milliseconds leeway_;
  const Limits limits_;
  std::mutex mutex_;
  std::unordered_map<std::string, Entry> tickets_;  ///< by SHA-256 of the ticket
  std::deque<Issued> order_;                        ///< the oldest first; also those redeemed since
  std::unordered_map<model::UserId, std::size_t> per_user_;
};

}  // namespace carillon::authorizer
