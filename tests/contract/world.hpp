#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "contract/model.hpp"

namespace carillon::contract {

/// Who and what there is in a randomised test, and random choices among it; the same for the same seed.
class World {
 protected:
  explicit World(std::uint64_t seed) : random_(seed) {
    for (int i = 0; i < 8; ++i) add_identity("user" + std::to_string(i));
    add_identity("root")->is_admin = true;
    add_identity("backend")->may_publish_anywhere = true;
    identities_[0]->orgs = {"acme"};
    identities_[1]->hubs = {"north"};
    identities_[2]->projects = {"x", "room1"};
    for (int i = 0; i < 6; ++i) places_.push_back(model::Target::chat("room" + std::to_string(i)));
    places_.push_back({model::TargetClass::org, "acme"});
    places_.push_back({model::TargetClass::hub, "room1"});
    places_.push_back({model::TargetClass::project, "room1"});
    targets_ = places_;
    for (int i = 0; i < 3; ++i) targets_.push_back(model::Target::user("user" + std::to_string(i)));
    targets_.push_back(model::Target::all());
  }

  std::shared_ptr<model::Identity> add_identity(std::string user) {
    auto made = std::make_shared<model::Identity>();
    made->user = model::UserId(std::move(user));
    identities_.push_back(made);
    return made;
  }
  int below(std::size_t bound) {
    return static_cast<int>(std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_));
  }
  bool one_in(int n) { return below(static_cast<std::size_t>(n)) == 0; }
  template <typename T>
  const T& any(const std::vector<T>& all) {
    return all[static_cast<std::size_t>(below(all.size()))];
  }
  model::IdentityPtr anybody() { return any(identities_); }
  model::IdentityPtr root() const { return identities_[8]; }

  ports::Publication publication(model::Target target, const Model& model) {
    ports::Publication made;
    made.target = std::move(target);
    made.type = one_in(3) ? model::MessageType::standard : model::MessageType::fifo;
    if (one_in(40)) made.type = model::MessageType::ephemeral;
    if (made.type == model::MessageType::fifo) made.group_id = one_in(2) ? made.target.id : "group";
    if (one_in(10)) made.generate_sequence = false;
    if (one_in(10))
      made.custom_sequence = 1 + static_cast<model::SequenceNumber>(below(model.counter(made.target) + 20));
    made.event_type = "chat";
    made.payload = R"({"content":)" + std::to_string(++contents_) + "}";
    made.identity = anybody();
    made.sender = made.identity->user;
    return made;
  }

  std::vector<std::shared_ptr<model::Identity>> identities_;
  std::vector<model::Target> places_, targets_;  ///< where permissions are, and all

 private:
  std::mt19937_64 random_;
  std::size_t contents_ = 0;
};

}  // namespace carillon::contract
