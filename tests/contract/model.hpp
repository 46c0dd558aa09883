#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/errors.hpp"
#include "ports/message_bus.hpp"
#include "ports/message_history.hpp"
#include "ports/permission_table.hpp"

namespace carillon::contract {

/// What CONTRACT §7, §9 and §10 say of permissions and history, in the plainest way: lists that are searched
/// from one end to the other. Written from the contract, without the rules of `src/`.
class Model {
 public:
  /// Why something is refused; null when it is not.
  using Refusal = const base::ErrorEntry*;

  struct Entry {
    model::Role role = model::Role::none;
    model::UserId granted_by;
    bool operator==(const Entry&) const = default;
  };
  struct Item {
    ports::Publication publication;
    ports::Receipt receipt;
    bool own_number = false;       ///< receipt.sequence is the chat's
    model::Position position = 0;  ///< 0 until a read has told
  };
  struct Page {
    std::vector<Item*> items;
    bool more = false;
  };
  struct Numbers {
    std::vector<Item*> items;
    std::vector<ports::MissingNumber> missing;
  };

  Refusal grant(const model::Identity& actor, const model::UserId& user, const model::Target& target,
                model::Role role);
  Refusal revoke(const model::Identity& actor, const model::UserId& user, const model::Target& target);
  model::Role role(const model::UserId& user, const model::Target& target) const;
  /// In byte order of the target's id, then by class.
  std::vector<std::pair<model::Target, Entry>> entries_of(const model::UserId& user) const;
  /// In byte order of the user's id.
  std::vector<std::pair<model::UserId, Entry>> entries_for(const model::Target& target) const;

  Refusal may_publish(const model::Identity& who, const model::Target& target) const;
  Refusal may_read(const model::Identity& who, const model::Target& target) const;

  /// The number that this publication gets.
  std::optional<model::SequenceNumber> number_for(const ports::Publication& publication) const;
  void published(ports::Publication publication, const ports::Receipt& receipt);
  model::SequenceNumber counter(const model::Target& chat) const;

  void expire_before(base::EpochMs time) { kept_from_ = time; }
  bool kept(const Item& item) const { return item.receipt.published_at >= kept_from_; }
  /// Everything that was ever published for the target, expired or not.
  std::vector<Item>& items(const model::Target& target) { return items_[target.str()]; }
  Page page(const ports::HistoryQuery& query);
  Numbers sequences(const model::Target& chat, const std::vector<ports::NumberRange>& numbers);

 private:
  bool member(const model::Identity& who, const model::Target& target, model::Role least) const;
  bool last_owner(const model::UserId& user, const model::Target& target) const;

  struct Place {
    model::Target target;
    std::map<std::string, Entry> users;
  };
  std::map<std::string, Place> permissions_;
  std::map<std::string, std::vector<Item>> items_;
  std::map<std::string, model::SequenceNumber> counters_;
  base::EpochMs kept_from_ = 0;
};

}  // namespace carillon::contract
