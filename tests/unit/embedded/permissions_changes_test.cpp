#include <atomic>
#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/embedded/local_node_fixture.hpp"

/// CONTRACT §9: changes to one chat are serialised, whatever arrives together.
namespace carillon::embedded::testing {
namespace {

constexpr std::array kRoles{Role::none, Role::viewer, Role::member, Role::admin, Role::owner};

class PermissionsChanges : public LocalNodeTest {
 protected:
  using Answer = std::future<base::Result<void>>;

  /// Asks for a change without waiting for it; Role::none revokes.
  Answer change(const model::IdentityPtr& actor, const std::string& user, const std::string& chat,
                Role role) {
    auto promise = std::make_shared<std::promise<base::Result<void>>>();
    auto answer = promise->get_future();
    const auto done = [promise](const auto& result) {
      promise->set_value(result ? base::Result<void>() : std::unexpected(result.error()));
    };
    if (role == Role::none)
      node_->permissions().revoke(actor, UserId(user), Target::chat(chat), done);
    else
      node_->permissions().grant(actor, UserId(user), Target::chat(chat), role, done);
    return answer;
  }
  Role role_of(const std::string& user, const std::string& chat) {
    return *await<Role>(
        [&](auto done) { node_->permissions().role_of(UserId(user), Target::chat(chat), std::move(done)); });
  }
};

TEST_F(PermissionsChanges, two_owners_that_lower_each_other_at_once_leave_one) {
  open();
  for (const Role lowered : {Role::none, Role::viewer, Role::admin})
    for (int round = 0; round < 20; ++round) {
      const std::string chat = std::string(name(lowered)) + std::to_string(round);
      ASSERT_TRUE(grant("ann", chat, Role::owner));
      ASSERT_TRUE(grant("bob", chat, Role::owner));
      Answer one = change(identity("ann"), "bob", chat, lowered);
      Answer two = change(identity("bob"), "ann", chat, lowered);
      EXPECT_NE(one.get().has_value(), two.get().has_value());
      EXPECT_NE(role_of("ann", chat) == Role::owner, role_of("bob", chat) == Role::owner);
    }
}

TEST_F(PermissionsChanges, owners_that_all_leave_at_once_leave_one) {
  open();
  std::vector<std::string> users;
  for (int i = 0; i < 20; ++i) users.push_back("user" + std::to_string(i));
  for (const std::string& each : users) ASSERT_TRUE(grant(each, "room", Role::owner));
  std::vector<Answer> answers;
  for (const std::string& each : users) answers.push_back(change(identity(each), each, "room", Role::none));
  int refused = 0;
  for (Answer& each : answers) {
    const auto answer = each.get();
    if (answer) continue;
    EXPECT_TRUE(answer.error().is(errors::kConflict));
    ++refused;
  }
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(std::ranges::count_if(users, [&](auto& each) { return role_of(each, "room") == Role::owner; }),
            1);
}

TEST_F(PermissionsChanges, a_right_given_in_the_same_batch_counts_and_one_taken_does_not) {
  open();
  ASSERT_TRUE(grant("ann", "room", Role::owner));
  Answer given = change(identity("ann"), "bob", "room", Role::admin);
  Answer used = change(identity("bob"), "cat", "room", Role::admin);
  EXPECT_TRUE(given.get());
  EXPECT_TRUE(used.get());
  Answer taken = change(identity("ann"), "bob", "room", Role::member);
  Answer late = change(identity("bob"), "dan", "room", Role::viewer);
  EXPECT_TRUE(taken.get());
  EXPECT_TRUE(late.get().error().is(errors::kForbidden));
  EXPECT_EQ(role_of("dan", "room"), Role::none);
}

TEST_F(PermissionsChanges, too_many_at_once_are_refused_and_the_rest_is_kept_in_order) {
  constexpr std::size_t kWaiting = 10'000;
  open();
  // The first answer holds the bus loop until all the others wait for it.
  std::promise<void> begun, all_asked;
  node_->permissions().grant(identity("root", true), UserId("ann"), Target::chat("room"), Role::owner,
                             [&](auto) {
                               begun.set_value();
                               all_asked.get_future().wait();
                             });
  begun.get_future().wait();
  std::vector<Answer> answers;
  for (std::size_t i = 0; i < kWaiting + 100; ++i)
    answers.push_back(change(identity("root", true), "bob", "room", i % 2 == 0 ? Role::member : Role::none));
  all_asked.set_value();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto answer = answers[i].get();
    ASSERT_EQ(answer.has_value(), i < kWaiting) << i;
    if (!answer) EXPECT_TRUE(answer.error().is(errors::kOverloaded));
  }
  EXPECT_EQ(role_of("bob", "room"), Role::none);
  EXPECT_TRUE(change(identity("root", true), "bob", "room", Role::member).get()) << "there is room again";
}

TEST_F(PermissionsChanges, a_publication_does_not_wait_for_all_the_changes_before_it) {
  open();
  std::promise<void> begun, all_asked;
  node_->permissions().grant(identity("root", true), UserId("ann"), Target::chat("room"), Role::owner,
                             [&](auto) {
                               begun.set_value();
                               all_asked.get_future().wait();
                             });
  begun.get_future().wait();
  std::atomic<int> answered = 0;
  std::promise<void> last;
  constexpr int kChanges = 5000;
  for (int i = 0; i < kChanges; ++i)
    node_->permissions().grant(identity("mallory"), UserId("bob"), Target::chat("room"), Role::member,
                               [&](auto) {
                                 if (++answered == kChanges) last.set_value();
                               });
  std::promise<int> before;
  node_->message_bus().publish(fifo("room", "hello"), [&](auto) { before.set_value(answered); });
  all_asked.set_value();
  EXPECT_EQ(before.get_future().get(), 1000) << "a batch takes so many, and publications with them";
  last.get_future().wait();
}

TEST_F(PermissionsChanges, agree_with_a_plain_model_in_whatever_batches_they_come) {
  open();
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::vector<std::string> users{"ann", "bob", "cat", "dan"};
  std::map<std::pair<std::string, std::string>, Role> model;
  const auto role_in = [&](const std::string& user, const std::string& chat) {
    const auto found = model.find({user, chat});
    return found == model.end() ? Role::none : found->second;
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<std::pair<Answer, bool>> answers;
    for (std::size_t burst = random() % 12; burst > 0; --burst) {
      const bool admin = random() % 8 == 0;
      const std::string actor = users[random() % users.size()], user = users[random() % users.size()];
      const std::string chat = "chat" + std::to_string(random() % 2);
      const Role wanted = kRoles[random() % kRoles.size()];
      const Role current = role_in(user, chat), own = role_in(actor, chat);
      const bool leaves = wanted == Role::none && actor == user;
      const auto owners =
          std::ranges::count_if(users, [&](auto& each) { return role_in(each, chat) == Role::owner; });
      const bool last = current == Role::owner && wanted != Role::owner && owners == 1;
      const bool exists = wanted != Role::none || current != Role::none;
      const bool ranks = own >= Role::admin && wanted <= own && current <= own;
      const bool allowed = exists && (admin || ((leaves || ranks) && !last));
      answers.emplace_back(change(identity(actor, admin), user, chat, wanted), allowed);
      if (allowed) model[{user, chat}] = wanted;
    }
    for (auto& [answer, allowed] : answers) ASSERT_EQ(answer.get().has_value(), allowed) << "round " << round;
    if (round % 100 == 50) reopen();
  }
  for (const auto& [key, role] : model) EXPECT_EQ(role_of(key.first, key.second), role);
}

}  // namespace
}  // namespace carillon::embedded::testing
