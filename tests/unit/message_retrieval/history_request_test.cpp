#include "message_retrieval/history_request.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace carillon::message_retrieval {
namespace {

using model::Target;
using model::TargetClass;

model::Result<HistoryRequest> read(const std::string& query) {
  ports::HttpRequest request;
  request.query = query;
  return read_history_request(request);
}

HistoryRequest accepted(const std::string& query) {
  auto request = read(query);
  EXPECT_TRUE(request) << query << ": " << request.error().details();
  return request.value_or(HistoryRequest{});
}

TEST(HistoryRequest, AChatWithDefaults) {
  const HistoryRequest request = accepted("chatId=c%201");
  EXPECT_EQ(request.target, Target::chat("c 1"));
  EXPECT_EQ(request.limit, 50u);
  EXPECT_FALSE(request.oldest_first);
  EXPECT_EQ(request.range, TimeRange{});
  EXPECT_EQ(request.start_key, "");
  EXPECT_TRUE(request.numbers.empty());
}

TEST(HistoryRequest, EverythingAtOnce) {
  const HistoryRequest request = accepted(
      "chatId=c&limit=1000&order=asc&startKey=abc&nextToken=abc&unknown=1"
      "&fromTimestamp=1970-01-01T01:00:00.001+01:00&toTimestamp=1970-01-01T00:00:00.002Z");
  EXPECT_EQ(request.limit, 1000u);
  EXPECT_TRUE(request.oldest_first);
  EXPECT_EQ(request.start_key, "abc");
  EXPECT_EQ(request.range, (TimeRange{1, 2}));
  EXPECT_FALSE(accepted("chatId=c&order=desc").oldest_first);
  EXPECT_EQ(accepted("chatId=c&nextToken=x").start_key, "x");
  EXPECT_EQ(accepted("chatId=c&startKey=&nextToken=").start_key, "");
}

TEST(HistoryRequest, OtherTargets) {
  EXPECT_EQ(accepted("targetClass=user&targetId=ann").target, Target::user("ann"));
  EXPECT_EQ(accepted("targetClass=org&targetId=o").target, (Target{TargetClass::org, "o"}));
  EXPECT_EQ(accepted("targetClass=hub&targetId=h").target, (Target{TargetClass::hub, "h"}));
  EXPECT_EQ(accepted("targetClass=project&targetId=p").target, (Target{TargetClass::project, "p"}));
  EXPECT_EQ(accepted("targetClass=chat&targetId=c").target, Target::chat("c"));
  EXPECT_EQ(accepted("targetClass=all").target, Target::all());
  EXPECT_EQ(accepted("chatId=c&targetClass=chat&targetId=c").target, Target::chat("c"));
  EXPECT_EQ(accepted("chatId=c&targetClass=chat").target, Target::chat("c"));
}

TEST(HistoryRequest, Sequences) {
  const HistoryRequest request = accepted("chatId=c&sequences=3,5-9&limit=2");
  EXPECT_EQ(request.numbers, (std::vector<ports::NumberRange>{{3, 3}, {5, 9}}));
  EXPECT_EQ(accepted("targetClass=chat&targetId=c&sequences=1").numbers.size(), 1u);
}

struct Refusal {
  const char* query;
  const char* details;
};

TEST(HistoryRequest, RefusalsNameTheParameter) {
  for (const auto& [query, details] : std::initializer_list<Refusal>{
           {"", "chatId, or targetClass and targetId, are required"},
           {"limit=5", "chatId, or targetClass and targetId, are required"},
           {"targetClass=org", "chatId, or targetClass and targetId, are required"},
           {"targetId=o", "chatId, or targetClass and targetId, are required"},
           {"chatId=", "chatId must not be empty"},
           {"chatId", "chatId must not be empty"},
           {"chatId=a,b", "chatId is no valid id"},
           {"chatId=*", "chatId is no valid id"},
           {"chatId=%00", "chatId is no valid id"},
           {"chatId=%ff", "chatId is no valid id"},
           {"targetClass=org&targetId=*", "targetId is no valid id"},
           {"chatId=a&chatId=a", "chatId must stand there once"},
           {"chatId=a&%63hatId=b", "chatId must stand there once"},
           {"chatId=a&targetClass=org&targetId=a", "chatId must be what targetClass and targetId name"},
           {"chatId=a&targetClass=chat&targetId=b", "chatId must be what targetClass and targetId name"},
           {"chatId=a&targetId=b", "chatId must be what targetClass and targetId name"},
           {"targetClass=all&targetId=a", "chatId and targetId must be absent beside targetClass all"},
           {"targetClass=all&chatId=a", "chatId and targetId must be absent beside targetClass all"},
           {"chatId=a&limit=%zz", "the query is badly percent-encoded"},
           {"chatId=a&toTimestamp=2", "toTimestamp must be a time such as 2026-01-01T00:00:00.000Z"},
           {"chatId=a&fromTimestamp=", "fromTimestamp must not be empty"},
           {"chatId=a&order=up", "order must be asc or desc"},
           {"chatId=a&order=ASC", "order must be asc or desc"},
           {"chatId=a&order=asc&order=asc", "order must stand there once"},
           {"chatId=a&startKey=x&nextToken=y", "startKey and nextToken are two names of one parameter"},
           {"chatId=a&sequences=", "sequences must not be empty"},
           {"chatId=a&sequences=1&sequences=2", "sequences must stand there once"},
           {"chatId=a&sequences=0", "sequences must be numbers and ranges from 1 to 2^53-1, such as 3,5-9"},
           {"targetClass=org&targetId=o&sequences=1", "sequences goes with a chatId"},
           {"targetClass=all&sequences=1", "sequences goes with a chatId"},
           {"chatId=a&sequences=1&order=asc",
            "sequences goes without order, fromTimestamp, toTimestamp and startKey"},
           {"chatId=a&sequences=1&nextToken=x",
            "sequences goes without order, fromTimestamp, toTimestamp and startKey"},
           {"chatId=a&sequences=1&toTimestamp=2026-01-01T00:00:00Z",
            "sequences goes without order, fromTimestamp, toTimestamp and startKey"}}) {
    const auto request = read(query);
    ASSERT_FALSE(request) << query;
    EXPECT_TRUE(request.error().is(model::errors::kInvalidParameter)) << query;
    EXPECT_EQ(request.error().details(), details) << query;
  }
}

TEST(HistoryRequest, LimitsOutsideOneToAThousand) {
  for (const char* bad : {"0", "1001", "-1", "+1", "1.0", "1e2", "x", "%201", "99999999999999999999"}) {
    const auto request = read(std::string("chatId=a&limit=") + bad);
    ASSERT_FALSE(request) << bad;
    EXPECT_EQ(request.error().details(), "limit must be a number from 1 to 1000") << bad;
  }
  EXPECT_EQ(accepted("chatId=a&limit=1").limit, 1u);
}

TEST(HistoryRequest, AnUnknownClassHasItsOwnError) {
  const auto request = read("targetClass=team&targetId=t");
  ASSERT_FALSE(request);
  EXPECT_TRUE(request.error().is(model::errors::kInvalidTargetClass));
}

RC_GTEST_PROP(HistoryRequestProperty, AnyQueryIsARequestOrAnError, (const std::string& query)) {
  const auto request = read(query);
  RC_ASSERT((request || request.error().status() == 400));
}

}  // namespace
}  // namespace carillon::message_retrieval
