#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/target.hpp"
#include "ports/connection_gateway.hpp"

namespace carillon::gateway {

class ConnectionShard;
class ShardMember;

/// Everybody on one loop who receives what is sent to one target.
struct Subscribers {
  struct Entry {
    ShardMember* member;
    std::uint32_t link;  ///< the member's own entry for this target
  };
  const model::Target* target = nullptr;
  std::vector<Entry> entries;
};

/// What a connection is in its loop's shard. It must leave the shard before it ends.
class ShardMember {
 public:
  explicit ShardMember(model::ConnectionId id) : id_(std::move(id)) {}
  ShardMember(const ShardMember&) = delete;
  ShardMember& operator=(const ShardMember&) = delete;
  const model::ConnectionId& id() const { return id_; }

 protected:
  ~ShardMember() = default;

 private:
  friend class ConnectionShard;
  struct Link {
    Subscribers* subscribers;
    std::uint32_t entry;  ///< its place among them
  };
  static constexpr std::uint32_t kNowhere = ~std::uint32_t{0};

  const model::ConnectionId id_;
  std::vector<Link> links_;
  const Subscribers* user_ = nullptr;  ///< of the user target: who the connection belongs to
  ports::UserListPtr user_list_;       ///< the same by name, once it was asked for
  std::uint32_t everybody_ = kNowhere;
};

/// Which connections of one loop receive what: by target, by user, or all. Adding and removing a
/// subscription touches two entries, whatever the number of subscribers. Loop only.
class ConnectionShard {
 public:
  void add(ShardMember& member) { by_id_.emplace(member.id().str(), &member); }
  /// Takes the member away with all its subscriptions.
  void remove(ShardMember& member);
  ShardMember* find(const model::ConnectionId& id) const;
  std::size_t size() const { return by_id_.size(); }

  /// From now on the member receives what is sent to `target`, and what is sent to all. Twice is once.
  void subscribe(ShardMember& member, const model::Target& target);
  void unsubscribe(ShardMember& member, const model::Target& target);
  bool subscribed(const ShardMember& member, const model::Target& target) const;
  /// Whose connection it is, as its user target says; empty before it has one.
  static model::UserId user_of(const ShardMember& member);
  /// The same as a list, made once; null before it has one.
  static const ports::UserListPtr& user_list(ShardMember& member);
  /// False as long as either is nobody's.
  static bool same_user(const ShardMember& a, const ShardMember& b) { return a.user_ && a.user_ == b.user_; }

  /// Calls `visit(ShardMember&)` once for each connection that `run` is for. `visit` must not subscribe,
  /// unsubscribe or remove.
  template <typename Visit>
  void for_each_recipient(const ports::DeliveryRun& run, Visit visit) const {
    if (!run.only.empty()) {
      for (ShardMember* member : chosen(run)) visit(*member);
      return;
    }
    const Subscribers* except = run.except.empty() ? nullptr : of_user(run.except);
    if (run.target.target_class == model::TargetClass::all) {
      for (ShardMember* member : everybody_)
        if (!except || member->user_ != except) visit(*member);
      return;
    }
    const auto found = by_target_.find(run.target);
    if (found == by_target_.end()) return;
    for (const Subscribers::Entry& entry : found->second.entries)
      if (!except || entry.member->user_ != except) visit(*entry.member);
  }

 private:
  std::vector<ShardMember*> chosen(const ports::DeliveryRun& run) const;
  const Subscribers* of_user(const model::UserId& user) const;
  void unlink(ShardMember& member, std::uint32_t link);
  static void set_user(ShardMember& member, const Subscribers* user);

  std::unordered_map<std::string_view, ShardMember*> by_id_;
  std::unordered_map<model::Target, Subscribers, model::TargetHash> by_target_;
  std::vector<ShardMember*> everybody_;
};

}  // namespace carillon::gateway
