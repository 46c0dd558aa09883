#include "contract/model.hpp"

#include <algorithm>
#include <tuple>

#include "model/access_errors.hpp"

namespace carillon::contract {
namespace {

namespace errors = model::errors;
using model::Identity;
using model::Role;
using model::SequenceNumber;
using model::Target;
using model::TargetClass;
using model::UserId;
using ports::Absence;

}  // namespace

Role Model::role(const UserId& user, const Target& target) const {
  const auto place = permissions_.find(target.str());
  if (place == permissions_.end()) return Role::none;
  const auto entry = place->second.users.find(user.str());
  return entry == place->second.users.end() ? Role::none : entry->second.role;
}

bool Model::last_owner(const UserId& user, const Target& target) const {
  if (role(user, target) != Role::owner) return false;
  return std::ranges::count_if(permissions_.at(target.str()).users,
                               [](const auto& each) { return each.second.role == Role::owner; }) == 1;
}

Model::Refusal Model::grant(const Identity& actor, const UserId& user, const Target& target, Role wanted) {
  if (!actor.is_admin) {
    const Role own = role(actor.user, target);
    const Role current = role(user, target);
    if (own != Role::admin && own != Role::owner) return &errors::kForbidden;
    if (wanted > own || current > own) return &errors::kForbidden;
    if (last_owner(user, target) && wanted != Role::owner) return &errors::kConflict;
  }
  Place& place = permissions_[target.str()];
  place.target = target;
  place.users[user.str()] = {wanted, actor.user};
  return nullptr;
}

Model::Refusal Model::revoke(const Identity& actor, const UserId& user, const Target& target) {
  const Role current = role(user, target);
  if (!actor.is_admin && actor.user != user) {
    const Role own = role(actor.user, target);
    if ((own != Role::admin && own != Role::owner) || current > own) return &errors::kForbidden;
  }
  if (current == Role::none) return &errors::kNotFound;
  if (!actor.is_admin && last_owner(user, target)) return &errors::kConflict;
  permissions_[target.str()].users.erase(user.str());
  return nullptr;
}

std::vector<std::pair<Target, Model::Entry>> Model::entries_of(const UserId& user) const {
  std::vector<std::pair<Target, Entry>> found;
  for (const auto& [name, place] : permissions_)
    if (const auto entry = place.users.find(user.str()); entry != place.users.end())
      found.emplace_back(place.target, entry->second);
  std::ranges::sort(found, {},
                    [](const auto& each) { return std::tuple(each.first.id, each.first.target_class); });
  return found;
}

std::vector<std::pair<UserId, Model::Entry>> Model::entries_for(const Target& target) const {
  std::vector<std::pair<UserId, Entry>> found;
  if (const auto place = permissions_.find(target.str()); place != permissions_.end())
    for (const auto& [user, entry] : place->second.users) found.emplace_back(UserId(user), entry);
  return found;
}

bool Model::member(const Identity& who, const Target& target, Role least) const {
  const auto in = [&](const std::vector<std::string>& ids) { return std::ranges::count(ids, target.id) > 0; };
  if (target.target_class == TargetClass::org && in(who.orgs)) return true;
  if (target.target_class == TargetClass::hub && in(who.hubs)) return true;
  if (target.target_class == TargetClass::project && in(who.projects)) return true;
  return role(who.user, target) >= least;
}

Model::Refusal Model::may_publish(const Identity& who, const Target& target) const {
  if (who.is_admin || who.may_publish_anywhere || target.target_class == TargetClass::user) return nullptr;
  if (target.target_class != TargetClass::all && member(who, target, Role::member)) return nullptr;
  return &model::no_access_to(target.target_class);
}

Model::Refusal Model::may_read(const Identity& who, const Target& target) const {
  if (who.is_admin) return nullptr;
  const bool allowed = target.target_class == TargetClass::user  ? target.id == who.user.str()
                       : target.target_class == TargetClass::all ? false
                                                                 : member(who, target, Role::viewer);
  return allowed ? nullptr : &model::no_access_to(target.target_class);
}

SequenceNumber Model::counter(const Target& chat) const {
  const auto found = counters_.find(chat.id);
  return found == counters_.end() ? 0 : found->second;
}

std::optional<SequenceNumber> Model::number_for(const ports::Publication& publication) const {
  if (publication.type != model::MessageType::fifo || !publication.target.is_chat()) return std::nullopt;
  if (publication.custom_sequence) return publication.custom_sequence;
  if (!publication.generate_sequence) return std::nullopt;
  return counter(publication.target) + 1;
}

void Model::published(ports::Publication publication, const ports::Receipt& receipt) {
  const bool own = receipt.sequence && !publication.custom_sequence;
  if (own) counters_[publication.target.id] = *receipt.sequence;
  if (publication.type == model::MessageType::ephemeral) return;
  const std::string name = publication.target.str();
  items_[name].push_back({std::move(publication), receipt, own, 0});
}

Model::Page Model::page(const ports::HistoryQuery& query) {
  std::vector<Item*> all;
  for (Item& each : items(query.target)) all.push_back(&each);
  if (!query.oldest_first) std::ranges::reverse(all);
  if (query.after != 0) {
    const auto last = std::ranges::find(all, query.after, [](const Item* each) { return each->position; });
    all.erase(all.begin(), last == all.end() ? last : last + 1);
  }
  std::erase_if(all, [&](const Item* each) {
    const base::EpochMs time = each->receipt.published_at;
    return !kept(*each) || (query.from && time < *query.from) || (query.to && time > *query.to);
  });
  Page page;
  page.more = all.size() > query.limit;
  if (page.more) all.resize(query.limit);
  page.items = std::move(all);
  return page;
}

Model::Numbers Model::sequences(const Target& chat, const std::vector<ports::NumberRange>& numbers) {
  std::map<SequenceNumber, std::vector<Item*>> by_number;
  for (Item& each : items(chat))
    if (kept(each) && each.receipt.sequence) by_number[*each.receipt.sequence].push_back(&each);
  Numbers answer;
  for (const ports::NumberRange& range : numbers)
    for (SequenceNumber number = range.first; number <= range.last; ++number) {
      std::vector<Item*>& found = by_number[number];
      std::ranges::sort(found, {}, [](const Item* each) { return std::tuple(!each->own_number, each); });
      answer.items.insert(answer.items.end(), found.begin(), found.end());
      const bool issued = number <= counter(chat);
      if (!found.empty() && (!issued || found.front()->own_number)) continue;
      answer.missing.push_back({number, issued ? Absence::expired : Absence::not_issued});
    }
  return answer;
}

}  // namespace carillon::contract
