#include "authorizer/ticket_office.hpp"

#include <algorithm>
#include <utility>

#include "base/bytes.hpp"

namespace carillon::authorizer {
namespace {

constexpr std::size_t kTicketBytes = 32;
constexpr std::size_t kMaxTicketText = 64;

}  // namespace

model::Result<Ticket> TicketOffice::issue(model::IdentityPtr identity, Time now) {
  const auto lifetime = std::chrono::milliseconds(kLifetime).count();
  Ticket ticket{.value = base::random_token(kTicketBytes),
                .expires_at = std::min(now.wall + lifetime, identity->expires_at + leeway_.count())};
  std::string digest = base::sha256(ticket.value);
  const base::Monotonic valid_until = now.monotonic + kLifetime;
  const std::lock_guard lock(mutex_);
  forget_old(now.monotonic);
  if (tickets_.size() >= limits_.tickets)
    return std::unexpected(model::retry_later(model::errors::kOverloaded, lifetime));
  std::size_t& unused = per_user_[identity->user];
  if (unused >= limits_.tickets_per_user)
    return std::unexpected(
        model::retry_later(model::errors::kTooManyRequests, lifetime, "too many unused tickets"));
  ++unused;
  order_.push_back({digest, valid_until});
  tickets_.emplace(std::move(digest), Entry{std::move(identity), valid_until});
  return ticket;
}

model::Result<model::IdentityPtr> TicketOffice::redeem(std::string_view ticket, Time now) {
  const auto refuse = [](const char* why) { return base::fail(model::errors::kUnauthorized, why); };
  if (ticket.size() > kMaxTicketText) return refuse("unknown ticket");
  const std::string digest = base::sha256(ticket);
  const std::lock_guard lock(mutex_);
  auto node = tickets_.extract(digest);
  if (node.empty()) return refuse("unknown ticket");
  Entry& entry = node.mapped();
  count_down(entry.identity->user);
  if (now.monotonic >= entry.valid_until) return refuse("ticket expired");
  if (now.wall >= entry.identity->expires_at + leeway_.count()) return refuse("token expired");
  return std::move(entry.identity);
}

void TicketOffice::forget_old(base::Monotonic now) {
  while (!order_.empty() && order_.front().valid_until <= now) {
    if (const auto node = tickets_.extract(order_.front().digest); !node.empty())
      count_down(node.mapped().identity->user);
    order_.pop_front();
  }
  if (order_.size() >= 2 * limits_.tickets)
    std::erase_if(order_, [this](const Issued& each) { return !tickets_.contains(each.digest); });
}

void TicketOffice::count_down(const model::UserId& user) {
  const auto found = per_user_.find(user);
  if (--found->second == 0) per_user_.erase(found);
}

}  // namespace carillon::authorizer
