#include <gtest/gtest.h>

#include "unit/embedded/local_node_fixture.hpp"

namespace carillon::embedded {
namespace {

namespace errors = model::errors;
using model::ConnectionId;
using model::Target;
using testing::await;

/// What the directory does with one connection that somebody names.
class ConnectionManagementTest : public testing::LocalNodeTest {
 protected:
  base::Result<ports::ConnectionView> find(const std::string& id) {
    return await<ports::ConnectionView>(
        [&](auto done) { node_->directory().find(ConnectionId(id), std::move(done)); });
  }
  base::Result<void> post(const std::string& id, std::string text) {
    return await<void>(
        [&](auto done) { node_->directory().post(ConnectionId(id), std::move(text), std::move(done)); });
  }
  base::Result<void> close_connection(const std::string& id) {
    return await<void>([&](auto done) { node_->directory().close(ConnectionId(id), std::move(done)); });
  }
  using Chats = std::vector<std::string>;
  base::Result<Chats> check(const std::string& user, Chats chats, std::vector<Target> memberships = {},
                            bool every_chat = false) {
    return await<Chats>([&](auto done) {
      node_->directory().check(identity(user), std::move(chats), every_chat, std::move(memberships),
                               std::move(done));
    });
  }
};

TEST_F(ConnectionManagementTest, a_connection_is_found_by_its_id) {
  open();
  ASSERT_TRUE(grant("ann", "x"));
  ASSERT_TRUE(connect("ann", "c-1", {"x"}));
  const auto view = find("c-1");
  ASSERT_TRUE(view);
  EXPECT_EQ(view->record->id, ConnectionId("c-1"));
  EXPECT_EQ(view->chat_ids, std::vector<std::string>{"x"});
  EXPECT_TRUE(find("c-2").error().is(errors::kGone));
}

TEST_F(ConnectionManagementTest, a_frame_goes_to_one_connection_and_its_fate_is_told) {
  open();
  ASSERT_TRUE(connect("ann", "c-1", {}));
  ASSERT_TRUE(connect("ann", "c-2", {}));
  EXPECT_TRUE(post("c-1", "hello"));
  EXPECT_EQ(gateway_.events().back(), "send c-1 hello");
  gateway_.refuse_frames();
  EXPECT_TRUE(post("c-1", "again").error().is(errors::kGone));
  const std::size_t before = gateway_.events().size();
  EXPECT_TRUE(post("c-3", "hello").error().is(errors::kGone));
  EXPECT_EQ(gateway_.events().size(), before);
}

TEST_F(ConnectionManagementTest, one_connection_is_closed) {
  open();
  ASSERT_TRUE(connect("ann", "c-1", {}));
  EXPECT_TRUE(close_connection("c-1"));
  EXPECT_EQ(gateway_.events().back(), "close c-1 4403");
  EXPECT_TRUE(close_connection("c-2").error().is(errors::kGone));
}

TEST_F(ConnectionManagementTest, a_check_says_what_a_connect_would_and_registers_nothing) {
  settings_.bus.max_connections_per_user = 2;
  settings_.bus.max_subscriptions_per_connection = 3;
  open();
  ASSERT_TRUE(grant("ann", "x"));
  EXPECT_EQ(check("ann", {"x"}).value(), Chats{"x"});
  EXPECT_EQ(check("ann", {}).value(), Chats());
  ASSERT_TRUE(grant("ann", "w"));
  EXPECT_EQ(check("ann", {"x"}, {}, true).value(), (Chats{"x", "w"})) << "with all that it has an entry for";
  const auto denied = check("ann", {"x", "y", "z"});
  ASSERT_FALSE(denied);
  EXPECT_TRUE(denied.error().is(errors::kNoChatAccess));
  EXPECT_EQ(denied.error().members(), R"(,"chatIds":["y","z"])");
  EXPECT_EQ(denied.error().members(), connect("ann", "c-0", {"x", "y", "z"}).error().members());
  EXPECT_TRUE(check("ann", {"x"}, {{model::TargetClass::org, "o"}}).error().is(errors::kNoOrgAccess));
  EXPECT_TRUE(check("ann", {"x", "a", "b", "c"}).error().is(errors::kInvalidParameter));
  EXPECT_EQ(node_->directory().count(), 0u);
  EXPECT_TRUE(gateway_.events().empty());
  ASSERT_TRUE(connect("ann", "c-1", {}));
  EXPECT_TRUE(check("ann", {}));
  ASSERT_TRUE(connect("ann", "c-2", {}));
  EXPECT_TRUE(check("ann", {}).error().is(errors::kTooManyConnections));
  EXPECT_TRUE(check("bob", {}));
}

}  // namespace
}  // namespace carillon::embedded
