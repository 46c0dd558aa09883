#include "chat_permission/rules.hpp"

#include <array>

#include <gtest/gtest.h>

namespace carillon::chat_permission {
namespace {

namespace errors = model::errors;
using model::Role;

struct Case {
  std::string actor = "ann";
  std::string user = "bob";
  bool admin_scope = false;
  Role actor_role = Role::none;
  Role current = Role::none;
  Role wanted = Role::member;
  bool another_owner = true;
};

model::Result<void> check(const Case& c) {
  model::Identity actor;
  actor.user = model::UserId(c.actor);
  actor.is_admin = c.admin_scope;
  return check_change({actor, model::UserId(c.user), c.actor_role, c.current, c.wanted, c.another_owner});
}

bool refused(const Case& c, const base::ErrorEntry& entry) {
  const auto result = check(c);
  return !result && result.error().is(entry);
}

TEST(Rules, admin_and_owner_may_grant_up_to_their_own_role) {
  for (const Role role : {Role::viewer, Role::member, Role::admin}) {
    EXPECT_TRUE(check({.actor_role = Role::admin, .wanted = role}));
    EXPECT_TRUE(check({.actor_role = Role::owner, .wanted = role}));
  }
  EXPECT_TRUE(check({.actor_role = Role::owner, .wanted = Role::owner}));
  EXPECT_TRUE(refused({.actor_role = Role::admin, .wanted = Role::owner}, errors::kForbidden));
}

TEST(Rules, others_may_not_grant) {
  for (const Role role : {Role::none, Role::viewer, Role::member})
    for (const Role wanted : {Role::viewer, Role::member, Role::admin, Role::owner})
      EXPECT_TRUE(refused({.actor_role = role, .wanted = wanted}, errors::kForbidden));
}

TEST(Rules, what_is_refused_without_knowing_the_entry_is_refused_for_every_entry) {
  constexpr std::array kRoles{Role::none, Role::viewer, Role::member, Role::admin, Role::owner};
  for (const bool admin : {false, true})
    for (const std::string user : {"ann", "bob"})
      for (const Role own : kRoles)
        for (const Role wanted : kRoles) {
          model::Identity actor;
          actor.user = model::UserId("ann");
          actor.is_admin = admin;
          const auto early = check_actor(actor, model::UserId(user), own, wanted);
          for (const Role current : kRoles) {
            const auto whole = check({"ann", user, admin, own, current, wanted});
            if (!early) EXPECT_TRUE(!whole && whole.error().is(errors::kForbidden));
            if (early && whole) EXPECT_TRUE(admin || wanted == Role::none || own >= Role::admin);
          }
        }
}

TEST(Rules, nobody_raises_their_own_role) {
  EXPECT_TRUE(
      refused({.user = "ann", .actor_role = Role::member, .current = Role::member, .wanted = Role::admin},
              errors::kForbidden));
  EXPECT_TRUE(
      refused({.user = "ann", .actor_role = Role::admin, .current = Role::admin, .wanted = Role::owner},
              errors::kForbidden));
}

TEST(Rules, a_role_above_ones_own_stays) {
  EXPECT_TRUE(refused({.actor_role = Role::admin, .current = Role::owner, .wanted = Role::viewer},
                      errors::kForbidden));
  EXPECT_TRUE(
      refused({.actor_role = Role::admin, .current = Role::owner, .wanted = Role::none}, errors::kForbidden));
}

TEST(Rules, a_refusal_does_not_tell_whether_the_entry_exists) {
  const auto there = check({.current = Role::member, .wanted = Role::none});
  const auto absent = check({.current = Role::none, .wanted = Role::none});
  EXPECT_EQ(there.error().text(), absent.error().text());
  EXPECT_EQ(there.error().details(), absent.error().details());
}

TEST(Rules, everyone_may_leave_but_the_last_owner) {
  EXPECT_TRUE(
      check({.user = "ann", .actor_role = Role::viewer, .current = Role::viewer, .wanted = Role::none}));
  EXPECT_TRUE(
      check({.user = "ann", .actor_role = Role::owner, .current = Role::owner, .wanted = Role::none}));
  EXPECT_TRUE(refused({.user = "ann",
                       .actor_role = Role::owner,
                       .current = Role::owner,
                       .wanted = Role::none,
                       .another_owner = false},
                      errors::kConflict));
  EXPECT_TRUE(refused({.user = "ann",
                       .actor_role = Role::owner,
                       .current = Role::owner,
                       .wanted = Role::admin,
                       .another_owner = false},
                      errors::kConflict));
}

TEST(Rules, the_admin_scope_may_do_all_of_it) {
  EXPECT_TRUE(check({.admin_scope = true, .wanted = Role::owner}));
  EXPECT_TRUE(
      check({.admin_scope = true, .current = Role::owner, .wanted = Role::none, .another_owner = false}));
  EXPECT_TRUE(refused({.admin_scope = true, .wanted = Role::none}, errors::kNotFound));
}

}  // namespace
}  // namespace carillon::chat_permission
