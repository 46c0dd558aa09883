#include "authorizer/key_source.hpp"

#include <optional>
#include <stdexcept>

#include <gtest/gtest.h>

#include "fake_issuer.hpp"
#include "signing.hpp"
#include "temporary_directory.hpp"

namespace carillon::authorizer {
namespace {

using namespace std::chrono_literals;
using signing::ec_key;
using signing::jwks;

using Answer = std::optional<base::Result<KeySetPtr>>;

std::string set_of(const std::vector<std::string>& kids) {
  std::vector<std::string> keys;
  for (const std::string& each : kids) keys.push_back(ec_key().jwk(each));
  return jwks(keys);
}

class KeySourceTest : public testing::Test {
 protected:
  void start(std::chrono::milliseconds max_stale = 24h) {
    source =
        std::make_shared<KeySource>(KeyLocation{.url = "https://issuer.example/keys"}, max_stale, &issuer);
    source->start(now);
  }
  void start_with(const std::vector<std::string>& kids, std::chrono::milliseconds max_stale = 24h) {
    start(max_stale);
    issuer.answer(set_of(kids));
  }
  std::shared_ptr<Answer> wait_for(std::string kid) {
    auto answer = std::make_shared<Answer>();
    source->wait_for_key(std::move(kid), now, [answer](base::Result<KeySetPtr> each) {
      EXPECT_FALSE(answer->has_value()) << "answered twice";
      *answer = std::move(each);
    });
    return answer;
  }
  void pass(base::Monotonic::duration time) {
    now += time;
    source->tick(now);
  }
  bool in_force(const std::string& kid) const {
    const auto keys = source->current(now);
    return keys && keys->has(kid);
  }
  /// `known`, `unknown`, `unavailable: why` or `waiting`.
  static std::string outcome(const std::shared_ptr<Answer>& answer, const std::string& kid) {
    if (!answer->has_value()) return "waiting";
    const auto& result = **answer;
    if (!result) return "unavailable: " + result.error().details();
    return (*result)->has(kid) ? "known" : "unknown";
  }

  base::Monotonic now{1000h};
  FakeIssuer issuer;
  std::shared_ptr<KeySource> source;
};

TEST(KeyLocation, comes_from_the_settings) {
  Settings settings;
  settings.issuer = "https://issuer.example/pool/";
  EXPECT_EQ(KeyLocation::of(settings).url, "https://issuer.example/pool/.well-known/jwks.json");
  settings.hs256_secret = "secret";
  EXPECT_FALSE(KeyLocation::of(settings).exists());
  settings.jwks_url = "https://keys.example/";
  EXPECT_EQ(KeyLocation::of(settings).url, "https://keys.example/");
  settings.jwks_file = "/etc/keys.json";
  EXPECT_EQ(KeyLocation::of(settings).file, "/etc/keys.json");
  EXPECT_TRUE(KeyLocation::of(settings).url.empty());
}

TEST(KeyLocation, keys_come_over_https_or_from_this_machine) {
  for (const char* url :
       {"https://issuer.example/keys", "https://10.0.0.1:8443/keys", "http://localhost:9000/keys",
        "http://127.0.0.1/keys", "http://127.9.9.9:1/keys", "http://[::1]:80/keys"})
    EXPECT_TRUE(may_fetch_keys_from(url)) << url;
  for (const char* url : {"http://issuer.example/keys",
                          "http://10.0.0.1/keys",
                          "http://localhost.example/keys",
                          "http://127.0.0.1.example/keys",
                          "http://localhost@issuer.example/",
                          "http://[::2]/",
                          "http://0.0.0.0/",
                          "ftp://localhost/",
                          "file:///etc/keys",
                          "localhost/keys",
                          "https://",
                          "https:///keys",
                          "",
                          "issuer",
                          "https://a b/",
                          "http://127.0.0.1example:80/",
                          "http://[::1].example/",
                          "http://[::1",
                          "http://127.1/",
                          "http://127.0.0.1\\@issuer.example/",
                          "https://user@issuer.example/"})
    EXPECT_FALSE(may_fetch_keys_from(url)) << url;
  EXPECT_THROW(KeySource(KeyLocation{.url = "http://issuer.example/"}, 24h, nullptr), std::runtime_error);
}

TEST_F(KeySourceTest, fetches_at_the_start) {
  start();
  ASSERT_EQ(issuer.requests.size(), 1u);
  EXPECT_EQ(issuer.requests[0].url, "https://issuer.example/keys");
  EXPECT_EQ(issuer.requests[0].method, "GET");
  EXPECT_EQ(issuer.requests[0].timeout, 5s);
  EXPECT_EQ(issuer.requests[0].max_response_bytes, 256u << 10);
  EXPECT_EQ(source->current(now), nullptr);
  EXPECT_EQ(source->generation(now), 0u);
  issuer.answer(set_of({"a"}));
  EXPECT_TRUE(in_force("a"));
  EXPECT_EQ(source->generation(now), 1u);
}

TEST_F(KeySourceTest, refreshes_every_five_minutes) {
  start_with({"a"});
  pass(5min - 1s);
  EXPECT_FALSE(issuer.is_asked());
  pass(1s);
  ASSERT_TRUE(issuer.is_asked());
  pass(1h);
  EXPECT_EQ(issuer.requests.size(), 2u) << "one at a time";
  issuer.answer(set_of({"b"}));
  EXPECT_FALSE(in_force("a")) << "a key that the issuer took away";
  EXPECT_TRUE(in_force("b"));
  EXPECT_EQ(source->generation(now), 2u);
}

TEST_F(KeySourceTest, the_same_set_keeps_its_generation) {
  start_with({"a"});
  const auto before = source->current(now);
  pass(5min);
  issuer.answer(set_of({"a"}));
  EXPECT_EQ(source->generation(now), 1u);
  EXPECT_EQ(source->current(now), before);
}

TEST_F(KeySourceTest, the_last_good_set_outlives_failures) {
  start_with({"a"});
  for (int i = 0; i < 4; ++i) {
    pass(5min);
    ASSERT_TRUE(issuer.is_asked());
    if (i == 0) issuer.be_down();
    if (i == 1) issuer.answer(set_of({"b"}), 500);
    if (i == 2) issuer.answer("<html>sorry</html>");
    if (i == 3) issuer.answer(R"({"keys":[]})");
    EXPECT_TRUE(in_force("a"));
    EXPECT_EQ(source->generation(now), 1u);
  }
}

TEST_F(KeySourceTest, a_redirect_is_no_key_set) {
  start();
  issuer.answer(set_of({"a"}), 302);
  EXPECT_EQ(source->current(now), nullptr);
}

TEST_F(KeySourceTest, tries_again_soon_after_a_failure) {
  start();
  issuer.be_down();
  pass(5s);
  ASSERT_TRUE(issuer.is_asked()) << "no set at all";
  issuer.answer(set_of({"a"}));
  pass(5min);
  issuer.be_down();
  pass(29s);
  EXPECT_FALSE(issuer.is_asked());
  pass(1s);
  EXPECT_TRUE(issuer.is_asked());
}

TEST_F(KeySourceTest, a_set_that_is_too_old_is_not_used) {
  start_with({"a"}, 1h);
  while (now < base::Monotonic(1001h) - 1ns) {
    now = std::min(now + 10min, base::Monotonic(1001h) - 1ns);
    source->tick(now);
    if (issuer.is_asked()) issuer.be_down();
    EXPECT_TRUE(in_force("a"));
    EXPECT_EQ(source->generation(now), 1u);
  }
  now += 1ns;
  EXPECT_FALSE(in_force("a"));
  EXPECT_EQ(source->generation(now), 0u);
  const auto waiting = wait_for("a");
  EXPECT_EQ(outcome(waiting, "a"), "waiting") << "an old set decides nothing";
  issuer.answer(set_of({"a"}));
  EXPECT_EQ(outcome(waiting, "a"), "known");
  EXPECT_TRUE(in_force("a"));
  EXPECT_EQ(source->generation(now), 1u) << "the same text is the same set";
}

TEST_F(KeySourceTest, age_counts_from_the_beginning_of_the_fetch) {
  start(1h);
  now += 30min;
  issuer.answer(set_of({"a"}));
  now += 30min;
  EXPECT_FALSE(in_force("a"));
}

TEST_F(KeySourceTest, refreshes_well_within_a_short_max_stale) {
  start_with({"a"}, 1min);
  pass(30s);
  ASSERT_TRUE(issuer.is_asked());
  issuer.answer(set_of({"a"}));
  now += 59s;
  EXPECT_TRUE(in_force("a"));
}

TEST_F(KeySourceTest, an_unknown_key_causes_one_fetch_for_all_who_wait) {
  start_with({"a"});
  std::vector<std::shared_ptr<Answer>> waiting;
  for (int i = 0; i < 100; ++i) waiting.push_back(wait_for("new"));
  EXPECT_EQ(issuer.requests.size(), 2u);
  issuer.answer(set_of({"a", "new"}));
  for (const auto& each : waiting) EXPECT_EQ(outcome(each, "new"), "known");
  EXPECT_EQ(issuer.requests.size(), 2u);
  EXPECT_EQ(outcome(wait_for("new"), "new"), "known") << "at once";
}

TEST_F(KeySourceTest, tokens_that_come_before_the_first_set_wait_for_it) {
  start();
  const auto known = wait_for("a");
  const auto unknown = wait_for("b");
  EXPECT_EQ(issuer.requests.size(), 1u);
  issuer.answer(set_of({"a"}));
  EXPECT_EQ(outcome(known, "a"), "known");
  // It was asked for after that fetch had begun, so another one decides.
  EXPECT_EQ(outcome(unknown, "b"), "waiting");
  source->tick(now);
  issuer.answer(set_of({"a"}));
  EXPECT_EQ(outcome(unknown, "b"), "unknown");
}

TEST_F(KeySourceTest, unknown_keys_are_remembered) {
  start_with({"a"});
  auto first = wait_for("made-up");
  issuer.answer(set_of({"a"}));
  EXPECT_EQ(outcome(first, "made-up"), "unknown");
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(outcome(wait_for("made-up"), "made-up"), "unknown");
  EXPECT_EQ(issuer.requests.size(), 2u);
  now += 30s;
  auto later = wait_for("made-up");
  EXPECT_EQ(outcome(later, "made-up"), "waiting") << "an issuer may publish a key late";
  issuer.answer(set_of({"a", "made-up"}));
  EXPECT_EQ(outcome(later, "made-up"), "known");
}

TEST_F(KeySourceTest, what_is_remembered_is_bounded) {
  start_with({"a"});
  const auto oldest = wait_for("oldest");
  issuer.answer(set_of({"a"}));
  ASSERT_EQ(outcome(oldest, "oldest"), "unknown");
  for (std::size_t i = 0; i < KeySource::kMaxUnknown; ++i) wait_for(std::to_string(i));
  issuer.answer(set_of({"a"}));
  source->tick(now);
  issuer.answer(set_of({"a"}));
  EXPECT_EQ(outcome(wait_for("1023"), "1023"), "unknown");
  EXPECT_EQ(outcome(wait_for("oldest"), "oldest"), "waiting") << "forgotten for the newer ones";
}

TEST_F(KeySourceTest, a_remembered_key_counts_as_soon_as_a_set_has_it) {
  start_with({"a"});
  const auto first = wait_for("b");
  issuer.answer(set_of({"a"}));
  const auto other = wait_for("c");
  issuer.answer(set_of({"a", "b"}));
  EXPECT_EQ(outcome(wait_for("b"), "b"), "known");
}

TEST_F(KeySourceTest, made_up_keys_cause_few_fetches) {
  start_with({"a"});
  const std::size_t before = issuer.requests.size();
  int made_up = 0;
  for (int second = 0; second < 100; ++second) {
    for (int i = 0; i < 50; ++i) {
      wait_for("made-up-" + std::to_string(made_up++));
      if (issuer.is_asked()) issuer.answer(set_of({"a"}));
    }
    pass(1s);
    if (issuer.is_asked()) issuer.answer(set_of({"a"}));
  }
  EXPECT_LE(issuer.requests.size() - before, 4u + 100 / 5);
  EXPECT_GE(issuer.requests.size() - before, 100u / 5);
}

TEST_F(KeySourceTest, made_up_keys_cannot_hide_a_rotation) {
  start_with({"old"});
  for (int i = 0; i < 4000; ++i) {
    wait_for("made-up-" + std::to_string(i));
    if (issuer.is_asked()) issuer.answer(set_of({"old"}));
  }
  // The issuer rotates while somebody has used up every fetch, and goes on.
  for (int i = 0; i < 5; ++i) {
    pass(1s);
    wait_for("made-up-more-" + std::to_string(i));
    if (issuer.is_asked()) issuer.answer(set_of({"old", "new"}));
  }
  EXPECT_TRUE(in_force("new"));
}

TEST_F(KeySourceTest, over_the_rate_tokens_wait_for_the_next_fetch) {
  start_with({"a"});
  for (int i = 0; i < 4; ++i) {
    const auto each = wait_for("made-up-" + std::to_string(i));
    issuer.answer(set_of({"a"}));
    EXPECT_EQ(outcome(each, "made-up"), "unknown");
  }
  const auto rotated = wait_for("new");
  EXPECT_FALSE(issuer.is_asked());
  pass(4s);
  EXPECT_FALSE(issuer.is_asked());
  pass(1s);
  ASSERT_TRUE(issuer.is_asked());
  issuer.answer(set_of({"a", "new"}));
  EXPECT_EQ(outcome(rotated, "new"), "known");
}

TEST_F(KeySourceTest, a_fetch_under_way_may_answer_but_not_refuse_who_came_later) {
  start_with({"a"});
  const auto first = wait_for("b");
  const auto same = wait_for("b");
  const auto later = wait_for("c");
  const auto lucky = wait_for("d");
  issuer.answer(set_of({"a", "d"}));
  EXPECT_EQ(outcome(first, "b"), "unknown");
  EXPECT_EQ(outcome(same, "b"), "unknown");
  EXPECT_EQ(outcome(lucky, "d"), "known");
  EXPECT_EQ(outcome(later, "c"), "waiting");
  source->tick(now);
  issuer.answer(set_of({"a", "c", "d"}));
  EXPECT_EQ(outcome(later, "c"), "known");
}

TEST_F(KeySourceTest, a_failed_fetch_refuses_nobody_as_unknown) {
  start_with({"a"});
  const auto waiting = wait_for("new");
  issuer.be_down();
  EXPECT_EQ(outcome(waiting, "new"), "unavailable: the issuer's keys cannot be fetched");
  const auto again = wait_for("new");
  EXPECT_EQ(outcome(again, "new"), "waiting") << "not remembered as unknown";
  issuer.answer(set_of({"a", "new"}));
  EXPECT_EQ(outcome(again, "new"), "known");
}

TEST_F(KeySourceTest, waiting_is_bounded) {
  start_with({"a"});
  std::vector<std::shared_ptr<Answer>> waiting;
  for (std::size_t i = 0; i < KeySource::kMaxWaiting; ++i) waiting.push_back(wait_for(std::to_string(i)));
  EXPECT_EQ(outcome(wait_for("one more"), "one more"), "unavailable: too many tokens wait for their key");
  EXPECT_EQ(outcome(wait_for("a"), "a"), "known");
  while (issuer.is_asked()) {
    issuer.answer(set_of({"a"}));
    source->tick(now);
  }
  for (const auto& each : waiting) EXPECT_EQ(outcome(each, "?"), "unknown");
  EXPECT_EQ(outcome(wait_for("one more"), "one more"), "waiting") << "there is room again";
}

TEST_F(KeySourceTest, stopping_answers_who_waits) {
  start_with({"a"});
  const auto asked = wait_for("b");
  const auto waiting = wait_for("c");
  source->stop();
  EXPECT_EQ(outcome(asked, "b"), "unavailable: shutting down");
  EXPECT_EQ(outcome(waiting, "c"), "unavailable: shutting down");
  EXPECT_EQ(outcome(wait_for("d"), "d"), "unavailable: shutting down");
  pass(1h);
  EXPECT_EQ(issuer.requests.size(), 2u);
}

TEST_F(KeySourceTest, an_answer_may_come_after_the_end) {
  start();
  const auto waiting = wait_for("a");
  source.reset();
  EXPECT_EQ(outcome(waiting, "a"), "unavailable: shutting down");
  issuer.answer(set_of({"a"}));
}

TEST_F(KeySourceTest, reload_fetches_at_once) {
  start_with({"a"});
  const auto unknown = wait_for("b");
  issuer.answer(set_of({"a"}));
  source->reload(now);
  ASSERT_TRUE(issuer.is_asked());
  source->reload(now);
  issuer.answer(set_of({"a"}));
  EXPECT_FALSE(issuer.is_asked());
  source->tick(now);
  ASSERT_TRUE(issuer.is_asked()) << "a reload during a fetch counts too";
  issuer.answer(set_of({"c"}));
  EXPECT_TRUE(in_force("c"));
  EXPECT_EQ(outcome(wait_for("b"), "b"), "waiting") << "what was unknown is forgotten";
}

TEST(KeySourceFile, is_read_at_start_and_again_on_reload) {
  const TemporaryDirectory directory;
  const std::string file = directory.write("keys.json", set_of({"a"}));
  base::Monotonic now{1000h};
  const auto source = std::make_shared<KeySource>(KeyLocation{.file = file}, 24h, nullptr);
  source->start(now);
  ASSERT_TRUE(source->current(now));
  EXPECT_TRUE(source->current(now)->has("a"));
  directory.write("keys.json", set_of({"b"}));
  EXPECT_TRUE(source->current(now)->has("a"));
  source->reload(now);
  EXPECT_TRUE(source->current(now)->has("b"));
  directory.write("keys.json", "half a fi");
  source->reload(now);
  EXPECT_TRUE(source->current(now)->has("b")) << "the last good set stays";
  directory.write("keys.json", set_of({"c"}));
  source->tick(now + 5min);
  EXPECT_TRUE(source->current(now)->has("c")) << "by itself";
  directory.write("keys.json", set_of({"d"}));
  bool answered = false;
  source->wait_for_key("d", now,
                       [&](const base::Result<KeySetPtr>& keys) { answered = keys && (*keys)->has("d"); });
  EXPECT_TRUE(answered) << "for a key that is not in it";
}

TEST(KeySourceFile, one_that_cannot_be_used_stops_the_start) {
  const TemporaryDirectory directory;
  const auto problem = [&](const std::string& file) -> std::string {
    try {
      std::make_shared<KeySource>(KeyLocation{.file = file}, 24h, nullptr)->start(base::Monotonic(1000h));
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "(started)";
  };
  const std::string absent = directory.path() / "absent";
  EXPECT_EQ(problem(absent), "auth.jwks_file " + absent + ": No such file or directory");
  EXPECT_EQ(problem(directory.path()),
            "auth.jwks_file " + directory.path().string() + ": not a regular file");
  const std::string bad = directory.write("bad", "[]");
  EXPECT_EQ(problem(bad), "auth.jwks_file " + bad + ": not a JWKS");
  const std::string large = directory.write("large", set_of({"a"}) + std::string(KeySet::kMaxBytes, ' '));
  EXPECT_EQ(problem(large), "auth.jwks_file " + large + ": the file is too large");
}

}  // namespace
}  // namespace carillon::authorizer
