#include "embedded/local_directory.hpp"

#include <algorithm>
#include <cassert>

namespace carillon::embedded {

std::vector<std::string> LocalDirectory::Entry::chat_ids() const {
  std::vector<std::string> ids;
  ids.reserve(chats);
  for (const Hold& hold : holds)
    if (hold.node->target->is_chat()) ids.push_back(hold.node->target->id);
  return ids;
}

std::vector<model::Target> LocalDirectory::Entry::targets() const {
  std::vector<model::Target> targets;
  targets.reserve(holds.size());
  for (const Hold& hold : holds) targets.push_back(*hold.node->target);
  return targets;
}

LocalDirectory::Entry& LocalDirectory::add(ports::ConnectionRecordPtr record, bool every_chat) {
  auto entry = std::make_unique<Entry>();
  Entry& added = *entry;
  added.every_chat = every_chat;
  const model::ConnectionId id = record->id;
  added.identity = record->identity;
  added.record = std::move(record);
  [[maybe_unused]] const bool fresh = entries_.emplace(id, std::move(entry)).second;
  assert(fresh);
  return added;
}

LocalDirectory::Entry* LocalDirectory::find(const model::ConnectionId& id) {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : found->second.get();
}

void LocalDirectory::remove(const model::ConnectionId& id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  Entry& entry = *found->second;
  while (!entry.holds.empty()) release(entry, entry.holds.size() - 1);
  entries_.erase(found);
}

bool LocalDirectory::join(Entry& entry, const model::Target& target) {
  if (holds(entry, target)) return false;
  const auto [found, fresh] = nodes_.try_emplace(target);
  Node& node = found->second;
  if (fresh) {
    node.target = &found->first;
    node.per_loop.resize(loops_);
  }
  entry.holds.push_back({&node, node.members.size()});
  entry.chats += target.is_chat();
  node.members.push_back(&entry);
  ++node.per_loop[entry.record->loop];
  return true;
}

bool LocalDirectory::leave(Entry& entry, const model::Target& target) {
  const auto hold =
      std::ranges::find_if(entry.holds, [&](const Hold& each) { return *each.node->target == target; });
  if (hold == entry.holds.end()) return false;
  release(entry, static_cast<std::size_t>(hold - entry.holds.begin()));
  return true;
}

bool LocalDirectory::holds(const Entry& entry, const model::Target& target) const {
  return std::ranges::any_of(entry.holds, [&](const Hold& each) { return *each.node->target == target; });
}

void LocalDirectory::release(Entry& entry, std::size_t hold) {
  Node& node = *entry.holds[hold].node;
  const std::size_t index = entry.holds[hold].index;
  Entry* last = node.members.back();
  node.members[index] = last;
  node.members.pop_back();
  for (Hold& each : last->holds)
    if (each.node == &node) each.index = index;
  --node.per_loop[entry.record->loop];
  entry.chats -= node.target->is_chat();
  entry.holds[hold] = entry.holds.back();
  entry.holds.pop_back();
  if (node.members.empty()) nodes_.erase(nodes_.find(*node.target));
}

std::span<LocalDirectory::Entry* const> LocalDirectory::members(const model::Target& target) const {
  const auto found = nodes_.find(target);
  if (found == nodes_.end()) return {};
  return found->second.members;
}

const std::vector<std::uint32_t>* LocalDirectory::loops_of(const model::Target& target) const {
  const auto found = nodes_.find(target);
  return found == nodes_.end() ? nullptr : &found->second.per_loop;
}

}  // namespace carillon::embedded
