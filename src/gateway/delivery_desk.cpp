#include "gateway/delivery_desk.hpp"

#include <iterator>
#include <utility>

#include "gateway/websocket_session.hpp"

namespace carillon::gateway {

void RunTally::whole(ShardMember& member) {
  ++whole_;
  if (named_count_ == named_.size()) return;
  for (std::uint32_t i = 0; i < named_count_; ++i)
    if (ConnectionShard::same_user(*named_[i], member)) return;
  named_[named_count_++] = &member;
}

ports::UserListPtr RunTally::list_users() const {
  if (named_count_ == 0) return nullptr;
  if (named_count_ == 1) return ConnectionShard::user_list(*named_[0]);
  std::vector<model::UserId> users;
  users.reserve(named_count_);
  for (std::uint32_t i = 0; i < named_count_; ++i)
    if (model::UserId user = ConnectionShard::user_of(*named_[i]); !user.empty())
      users.push_back(std::move(user));
  if (users.empty()) return nullptr;
  return std::make_shared<const std::vector<model::UserId>>(std::move(users));
}

ports::DeliveryOutcome& RunTally::frame(std::uint32_t index) {
  if (frames_.empty()) frames_.resize(run_.index.size());
  return frames_[index];
}

void RunTally::report(std::vector<ports::DeliveryOutcome>& out) {
  out.reserve(out.size() + run_.index.size());
  ports::UserListPtr users;
  for (std::size_t i = 0; i < run_.index.size(); ++i) {
    // Delivery 0 is an ephemeral message: nobody waits for its outcome.
    if (run_.index[i].delivery == 0) continue;
    ports::DeliveryOutcome outcome = frames_.empty() ? ports::DeliveryOutcome{} : std::move(frames_[i]);
    outcome.delivery = run_.index[i].delivery;
    outcome.first = true;
    outcome.delivered += whole_;
    if (!users) users = list_users();
    outcome.users = ports::joined(users, outcome.users);
    out.push_back(std::move(outcome));
  }
}

void DeliveryDesk::deliver(const std::vector<ports::DeliveryRunPtr>& runs) {
  for (const ports::DeliveryRunPtr& run : runs) {
    RunTally tally(*run);
    std::vector<std::shared_ptr<WebSocketSession>> given_up;
    shard_.for_each_recipient(*run, [&](ShardMember& member) {
      auto& session = static_cast<WebSocketSession&>(member);
      if (!session.deliver(run, tally)) given_up.push_back(session.self());
    });
    tally.report(outcomes_);
    // Closing takes a connection out of the shard, which must not happen while it is walked.
    for (const auto& session : given_up) session->close_slow();
  }
}

void DeliveryDesk::add_targets(const model::ConnectionId& connection,
                               const std::vector<model::Target>& targets) {
  ShardMember* const member = shard_.find(connection);
  if (!member) return;
  for (const model::Target& target : targets) shard_.subscribe(*member, target);
}

void DeliveryDesk::remove_targets(const model::ConnectionId& connection,
                                  const std::vector<model::Target>& targets,
                                  std::vector<std::string> notices) {
  WebSocketSession* const session = find(connection);
  if (!session) return;
  const auto alive = session->self();
  for (const model::Target& target : targets) {
    shard_.unsubscribe(*session, target);
    session->drop_waiting(target);
  }
  for (std::string& notice : notices) session->send_now(std::move(notice));
}

WebSocketSession* DeliveryDesk::find(const model::ConnectionId& connection) const {
  return static_cast<WebSocketSession*>(shard_.find(connection));
}

void DeliveryDesk::changed(std::vector<ports::DeliveryOutcome> changes) {
  changes_.insert(changes_.end(), std::make_move_iterator(changes.begin()),
                  std::make_move_iterator(changes.end()));
}

void DeliveryDesk::watch(const std::shared_ptr<WebSocketSession>& session) {
  waiting_.push_back(session);
}

void DeliveryDesk::retry_waiting(base::Monotonic now) {
  std::vector<std::weak_ptr<WebSocketSession>> due;
  due.swap(waiting_);
  for (auto& each : due) {
    const auto session = each.lock();
    if (session && session->retry_waiting(now)) waiting_.push_back(std::move(each));
  }
}

std::vector<ports::DeliveryOutcome> DeliveryDesk::take_outcomes() {
  std::vector<ports::DeliveryOutcome> all = std::exchange(outcomes_, {});
  std::vector<ports::DeliveryOutcome> changes = std::exchange(changes_, {});
  all.insert(all.end(), std::make_move_iterator(changes.begin()), std::make_move_iterator(changes.end()));
  return all;
}

}  // namespace carillon::gateway
