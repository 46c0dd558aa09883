#include "gateway/connection_shard.hpp"

#include <algorithm>

namespace carillon::gateway {

void ConnectionShard::remove(ShardMember& member) {
  while (!member.links_.empty()) unlink(member, static_cast<std::uint32_t>(member.links_.size() - 1));
  std::vector<ShardMember::Link>().swap(member.links_);
  if (member.everybody_ != ShardMember::kNowhere) {
    ShardMember* last = everybody_.back();
    everybody_[member.everybody_] = last;
    last->everybody_ = member.everybody_;
    everybody_.pop_back();
    member.everybody_ = ShardMember::kNowhere;
  }
  by_id_.erase(member.id().str());
}

ShardMember* ConnectionShard::find(const model::ConnectionId& id) const {
  const auto found = by_id_.find(id.str());
  return found == by_id_.end() ? nullptr : found->second;
}

void ConnectionShard::subscribe(ShardMember& member, const model::Target& target) {
  if (member.everybody_ == ShardMember::kNowhere) {
    member.everybody_ = static_cast<std::uint32_t>(everybody_.size());
    everybody_.push_back(&member);
  }
  if (target.target_class == model::TargetClass::all || subscribed(member, target)) return;
  const auto [found, added] = by_target_.try_emplace(target);
  Subscribers& subscribers = found->second;
  if (added) subscribers.target = &found->first;
  member.links_.push_back({&subscribers, static_cast<std::uint32_t>(subscribers.entries.size())});
  subscribers.entries.push_back({&member, static_cast<std::uint32_t>(member.links_.size() - 1)});
  if (target.target_class == model::TargetClass::user) set_user(member, &subscribers);
}

void ConnectionShard::unsubscribe(ShardMember& member, const model::Target& target) {
  const auto found = by_target_.find(target);
  if (found == by_target_.end()) return;
  for (std::uint32_t i = 0; i < member.links_.size(); ++i) {
    if (member.links_[i].subscribers != &found->second) continue;
    unlink(member, i);
    return;
  }
}

bool ConnectionShard::subscribed(const ShardMember& member, const model::Target& target) const {
  if (target.target_class == model::TargetClass::all) return member.everybody_ != ShardMember::kNowhere;
  const auto found = by_target_.find(target);
  if (found == by_target_.end()) return false;
  const Subscribers* const wanted = &found->second;
  if (wanted->entries.size() < member.links_.size())
    return std::ranges::any_of(wanted->entries, [&](const auto& entry) { return entry.member == &member; });
  return std::ranges::any_of(member.links_, [&](const auto& link) { return link.subscribers == wanted; });
}

model::UserId ConnectionShard::user_of(const ShardMember& member) {
  return member.user_ ? model::UserId(member.user_->target->id) : model::UserId();
}

const ports::UserListPtr& ConnectionShard::user_list(ShardMember& member) {
  if (!member.user_list_) member.user_list_ = ports::list_of(user_of(member));
  return member.user_list_;
}

void ConnectionShard::set_user(ShardMember& member, const Subscribers* user) {
  member.user_ = user;
  member.user_list_.reset();
}

std::vector<ShardMember*> ConnectionShard::chosen(const ports::DeliveryRun& run) const {
  std::vector<ShardMember*> members;
  for (const model::UserId& user : run.only) {
    const Subscribers* connections = user == run.except ? nullptr : of_user(user);
    if (!connections) continue;
    for (const Subscribers::Entry& entry : connections->entries)
      if (subscribed(*entry.member, run.target)) members.push_back(entry.member);
  }
  std::ranges::sort(members);
  members.erase(std::ranges::unique(members).begin(), members.end());
  return members;
}

const Subscribers* ConnectionShard::of_user(const model::UserId& user) const {
  const auto found = by_target_.find(model::Target::user(user.str()));
  return found == by_target_.end() ? nullptr : &found->second;
}

void ConnectionShard::unlink(ShardMember& member, std::uint32_t link) {
  const ShardMember::Link gone = member.links_[link];
  std::vector<Subscribers::Entry>& entries = gone.subscribers->entries;
  // The last entry takes the free place, on both sides.
  if (gone.entry + 1 != entries.size()) {
    entries[gone.entry] = entries.back();
    entries[gone.entry].member->links_[entries[gone.entry].link].entry = gone.entry;
  }
  entries.pop_back();
  if (link + 1 != member.links_.size()) {
    member.links_[link] = member.links_.back();
    const ShardMember::Link& moved = member.links_[link];
    moved.subscribers->entries[moved.entry].link = link;
  }
  member.links_.pop_back();
  if (member.user_ == gone.subscribers) set_user(member, nullptr);
  if (entries.empty()) by_target_.erase(*gone.subscribers->target);
}

}  // namespace carillon::gateway
