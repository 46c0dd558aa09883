#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "ports/connection_directory.hpp"

namespace carillon::embedded {

/// Which connections there are and which targets each holds. State only, no rules: local_connections decides
/// who may. Bus loop only; no I/O. Adding and removing cost the same however many hold a target.
class LocalDirectory {
 public:
  struct Node;
  struct Entry;
  /// That `entry` holds the node's target; `index` is its place among the node's members.
  struct Hold {
    Node* node;
    std::size_t index;
  };
  struct Entry {
    ports::ConnectionRecordPtr record;
    model::IdentityPtr identity;  ///< the record's, or a refreshed one
    bool every_chat = false;
    std::vector<Hold> holds;
    std::size_t chats = 0;

    std::vector<std::string> chat_ids() const;
    std::vector<model::Target> targets() const;
  };
  struct Node {
    const model::Target* target;
    std::vector<Entry*> members;
    std::vector<std::uint32_t> per_loop;  ///< how many members each loop has
  };

  explicit LocalDirectory(ports::LoopIndex loops) : loops_(loops) {}

  Entry& add(ports::ConnectionRecordPtr record, bool every_chat);
  Entry* find(const model::ConnectionId& id);
  void remove(const model::ConnectionId& id);

  /// Whether anything changed.
  bool join(Entry& entry, const model::Target& target);
  bool leave(Entry& entry, const model::Target& target);
  bool holds(const Entry& entry, const model::Target& target) const;

  std::span<Entry* const> members(const model::Target& target) const;
  /// Members per loop, or nothing when nobody holds the target.
  const std::vector<std::uint32_t>* loops_of(const model::Target& target) const;

  std::size_t size() const { return entries_.size(); }
  template <typename Visit>
  void for_each(Visit visit) {
    for (auto& [id, entry] : entries_)
      if (!visit(*entry)) return;
  }

 private:
  void release(Entry& entry, std::size_t hold);

  ports::LoopIndex loops_;
  std::unordered_map<model::ConnectionId, std::unique_ptr<Entry>> entries_;
  std::unordered_map<model::Target, Node, model::TargetHash> nodes_;
};

}  // namespace carillon::embedded
