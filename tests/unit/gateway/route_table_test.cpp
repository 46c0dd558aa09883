#include "gateway/route_table.hpp"

#include <gtest/gtest.h>

namespace carillon::gateway {
namespace {

ports::Route route(std::string method, std::string path) {
  return {std::move(method), std::move(path), ports::Access::open, {}, 1};
}

class RouteTableTest : public ::testing::Test {
 protected:
  RouteTable table_{
      {route("GET", "/messages"), route("GET", "/messages/{id}"), route("GET", "/messages/special"),
       route("GET", "/messages/{id}/status"), route("POST", "/queues/{name}/redrive"),
       route("DELETE", "/queues/{name}/messages"), route("GET", "/queues/{name}/messages"),
       route("GET", "/dashboard/"), route("POST", "/metrics")},
      "dvl"};
  std::string found(std::string_view method, std::string_view path) {
    const RouteMatch match = table_.find(method, table_.canonical(path));
    return match.route ? match.route->method + " " + match.route->path : "";
  }
};

TEST_F(RouteTableTest, FindsLiteralAndParameterRoutes) {
  EXPECT_EQ(found("GET", "/messages"), "GET /messages");
  EXPECT_EQ(found("GET", "/messages/42"), "GET /messages/{id}");
  EXPECT_EQ(found("GET", "/messages/special"), "GET /messages/special");
  EXPECT_EQ(found("GET", "/messages/42/status"), "GET /messages/{id}/status");
  EXPECT_EQ(found("DELETE", "/queues/a/messages"), "DELETE /queues/{name}/messages");
  EXPECT_EQ(found("GET", "/dashboard/"), "GET /dashboard/");
  EXPECT_EQ(table_.find("GET", "/messages/a%2Fb%20c").parameters, std::vector<std::string>{"a/b c"});
}

TEST_F(RouteTableTest, WhatIsNotThere) {
  for (const char* path : {"/", "/messages/", "/messages//status", "/messages/a/b", "/queues/a", "/dashboard",
                           "/messages/%zz", "messages", "*", "/messages/%"})
    EXPECT_EQ(table_.find("GET", path).allow, "") << path;
}

TEST_F(RouteTableTest, MethodsOfAKnownPath) {
  EXPECT_EQ(table_.find("PUT", "/messages").route, nullptr);
  EXPECT_EQ(table_.find("PUT", "/messages").allow, "GET, HEAD, OPTIONS");
  EXPECT_EQ(table_.find("PUT", "/queues/a/messages").allow, "DELETE, GET, HEAD, OPTIONS");
  EXPECT_EQ(table_.find("GET", "/metrics").allow, "POST, OPTIONS");
  EXPECT_EQ(found("HEAD", "/messages/1"), "GET /messages/{id}");
  EXPECT_EQ(found("HEAD", "/metrics"), "");
}

TEST_F(RouteTableTest, StageAndAlias) {
  EXPECT_EQ(table_.canonical("/dvl"), "/");
  EXPECT_EQ(table_.canonical("/dvl/"), "/");
  EXPECT_EQ(table_.canonical("/dvl/ws"), "/ws");
  EXPECT_EQ(table_.canonical("/dvlws"), "/dvlws");
  EXPECT_EQ(table_.canonical("/dvl/dvl/ws"), "/dvl/ws");
  EXPECT_EQ(found("POST", "/api/metrics"), "POST /metrics");
  EXPECT_EQ(found("POST", "/dvl/api/metrics"), "POST /metrics");
  const RouteTable bare({}, "");
  EXPECT_EQ(bare.canonical("/dvl"), "/dvl");
}

TEST_F(RouteTableTest, TwoOfAKindAreRefused) {
  EXPECT_THROW(RouteTable({route("GET", "/a"), route("GET", "/a")}, ""), std::runtime_error);
  EXPECT_THROW(RouteTable({route("GET", "/{a}"), route("GET", "/{b}")}, ""), std::runtime_error);
}

}  // namespace
}  // namespace carillon::gateway
