#include <future>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/event_loop.hpp"
#include "base/ids.hpp"
#include "base/log_sampler.hpp"

namespace carillon::base {
namespace {

TEST(Clock, formats_and_reads_iso8601) {
  EXPECT_EQ(iso8601(1760000000123), "2025-10-09T08:53:20.123Z");
  EXPECT_EQ(parse_iso8601("2025-10-09T08:53:20.123Z"), 1760000000123);
  EXPECT_EQ(parse_iso8601("2025-10-09T10:53:20.123456789+02:00"), 1760000000123);
  EXPECT_EQ(parse_iso8601("2025-10-09T08:53:20Z"), 1760000000000);
}

TEST(Clock, refuses_times_that_are_none) {
  for (const char* text :
       {"", "2025-10-09", "2025-13-09T08:53:20Z", "2025-02-30T08:53:20Z", "2025-10-09T24:00:00Z",
        "2025-10-09T08:53:20", "2025-10-09T08:53:20.Z", "2025-10-09T08:53:20Zx", "x025-10-09T08:53:20Z"})
    EXPECT_FALSE(parse_iso8601(text)) << text;
}

RC_GTEST_PROP(Clock, iso8601_round_trips, ()) {
  const auto time = *rc::gen::inRange<EpochMs>(0, 4'102'444'800'000);
  RC_ASSERT(parse_iso8601(iso8601(time)) == time);
}

TEST(Clock, reads_durations) {
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("30d"), std::chrono::hours(720));
  for (const char* text : {"", "5", "m", "-1s", "1.5s", "5 m", "5w", "99999999999999999d"})
    EXPECT_FALSE(parse_duration(text)) << text;
  EXPECT_EQ(format_duration(std::chrono::hours(720)), "30d");
  EXPECT_EQ(format_duration(milliseconds(1500)), "1500ms");
}

TEST(Ids, accept_what_the_contract_allows) {
  EXPECT_TRUE(valid_id("chat-abc123"));
  EXPECT_TRUE(valid_id("Zoë 🔔 \"x\""));
  EXPECT_TRUE(valid_id(std::string(256, 'a')));
  std::string wide;
  for (int i = 0; i < 256; ++i) wide += "é";
  EXPECT_TRUE(valid_id(wide)) << "256 code points, not bytes";
  EXPECT_FALSE(valid_id(wide + "é"));
}

TEST(Ids, refuse_the_rest) {
  for (const std::string& text :
       {std::string(), std::string("*"), std::string("a,b"), std::string("a\nb"), std::string("a\x7f"),
        std::string("\xc2\x85"), std::string("\xff"), std::string("a\0b", 3), std::string(257, 'a')})
    EXPECT_FALSE(valid_id(text)) << printable(text);
}

TEST(MessageId, is_a_uuid_of_version_7_that_sorts_by_time) {
  const auto early = MessageId::generate(1'000);
  const auto late = MessageId::generate(2'000);
  EXPECT_LT(early, late);
  const std::string text = late.str();
  EXPECT_EQ(text.substr(0, 14), "00000000-07d0-");
  EXPECT_EQ(text[14], '7');
  EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos);
  EXPECT_EQ(MessageId::parse(text), late);
  EXPECT_FALSE(MessageId::parse(text + "0"));
  EXPECT_FALSE(MessageId::parse("00000000x07d0-7000-8000-000000000000"));
}

TEST(MessageId, does_not_repeat) {
  std::set<MessageId> seen;
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(seen.insert(MessageId::generate(1)).second);
}

RC_GTEST_PROP(Bytes, base64url_and_hex_round_trip, (const std::string& bytes)) {
  RC_ASSERT(base64url_decode(base64url_encode(bytes)) == bytes);
  RC_ASSERT(hex_decode(hex_encode(bytes)) == bytes);
  RC_ASSERT(percent_decode(percent_encode(bytes), true) == bytes);
}

TEST(Bytes, base64url_refuses_padding_strangers_and_stray_bits) {
  for (const char* text : {"YQ==", "Y", "Y+", "YR", "Y Q"}) EXPECT_FALSE(base64url_decode(text)) << text;
  EXPECT_EQ(base64_encode("a"), "YQ==");
}

TEST(Bytes, knows_well_formed_utf8) {
  for (const char* text : {"", "abc", "é", "€", "🔔", "aaaaaaaa€aaaaaaaa"})
    EXPECT_TRUE(valid_utf8(text)) << text;
  for (const char* text : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                           "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "aaaaaaa\xff"})
    EXPECT_FALSE(valid_utf8(text)) << hex_encode(text);
}

TEST(Bytes, shows_what_a_terminal_would_obey) {
  EXPECT_EQ(printable("a\x1b[31mb"), "a\\u{001b}[31mb");
  EXPECT_EQ(printable("\u202eabc"), "\\u{202e}abc");
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("Zoë 🔔"), "Zoë 🔔");
}

TEST(EventLoop, runs_tasks_in_order_and_all_before_it_stops) {
  EventLoop loop("test");
  loop.start();
  std::vector<int> seen;
  for (int i = 0; i < 1000; ++i) loop.post([&seen, i] { seen.push_back(i); });
  loop.stop();
  ASSERT_EQ(seen.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[i], i);
}

TEST(EventLoop, runs_the_end_of_a_turn_after_its_tasks) {
  EventLoop loop("test");
  std::vector<std::string> seen;
  loop.post([&] {
    loop.at_end_of_turn([&] { seen.emplace_back("end"); });
    seen.emplace_back("first");
  });
  loop.post([&] { seen.emplace_back("second"); });
  std::promise<void> next_turn;
  loop.post([&] {
    loop.post([&] {
      seen.emplace_back("next turn");
      next_turn.set_value();
    });
  });
  loop.start();
  // What another thread posts meanwhile, as stop() does, may come in between.
  next_turn.get_future().wait();
  loop.stop();
  EXPECT_EQ(seen, (std::vector<std::string>{"first", "second", "end", "next turn"}));
}

TEST(LogSampler, counts_what_it_holds_back) {
  LogSampler sampler(2);
  const Monotonic start = monotonic_now();
  EXPECT_TRUE(sampler.allow(start));
  EXPECT_TRUE(sampler.allow(start));
  EXPECT_FALSE(sampler.allow(start));
  EXPECT_TRUE(sampler.allow(start + std::chrono::seconds(1)));
  EXPECT_EQ(sampler.take_suppressed(), 1u);
  EXPECT_EQ(sampler.take_suppressed(), 0u);
}

RC_GTEST_PROP(LogSampler, lets_no_more_through_in_a_second_and_loses_no_count, ()) {
  const auto most = *rc::gen::inRange<std::uint32_t>(1, 12);
  LogSampler sampler(most);
  Monotonic now = monotonic_now();
  std::vector<Monotonic> through;
  std::uint64_t held_back = 0, reported = 0;
  for (int i = 0; i < 300; ++i) {
    now += milliseconds(*rc::gen::inRange(0, 90));
    sampler.allow(now) ? through.push_back(now) : void(++held_back);
    if (i % 50 == 0) reported += sampler.take_suppressed();
  }
  RC_ASSERT(through.size() + held_back == 300u);
  RC_ASSERT(sampler.suppressed() == held_back);
  RC_ASSERT(reported + sampler.take_suppressed() == held_back);
  // A second begins with the first line let through after the one before has ended.
  for (std::size_t first = 0; first < through.size();) {
    std::size_t end = first;
    while (end < through.size() && through[end] - through[first] < std::chrono::seconds(1)) ++end;
    RC_ASSERT(end - first <= most);
    first = end;
  }
}

}  // namespace
}  // namespace carillon::base
