#include <algorithm>
#include <cstdlib>
#include <random>

#include <gtest/gtest.h>

#include "contract/answers.hpp"
#include "contract/backend.hpp"
#include "contract/model.hpp"
#include "contract/world.hpp"

namespace carillon::contract {
namespace {

using base::Result;
using model::Identity;
using model::IdentityPtr;
using model::MessagePtr;
using model::Role;
using model::Target;
using model::TargetClass;
using model::UserId;
using ports::HistoryPage;
using ports::HistoryQuery;
using ports::Permission;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CARILLON_SLOW_BUILD
#endif
#endif
#ifdef CARILLON_SLOW_BUILD
constexpr std::size_t kOperations = 10'000;
#else
constexpr std::size_t kOperations = 100'000;
#endif

std::uint64_t seed() {
  const char* given = std::getenv("CARILLON_SEED");
  return given ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

/// Does the same at the backend and at the model and compares every answer.
class Comparison : private World {
 public:
  Comparison(Backend& backend, std::uint64_t seed) : World(seed), backend_(backend) {}

  std::size_t operations() const { return operations_; }
  std::size_t refused() const { return refused_; }

  void round() {
    const int kind = below(200);
    if (kind < 90) {
      publish();
    } else if (kind < 125) {
      change_permissions();
    } else if (kind < 150) {
      read_pages();
    } else if (kind < 170) {
      read_numbers();
    } else if (kind < 180) {
      read_single();
    } else if (kind < 190) {
      list_permissions();
    } else if (kind < 197) {
      walk();
    } else if (kind < 199) {
      expire();
    } else {
      restart();
    }
  }

 private:
  template <typename T>
  void expect_refusal(const Result<T>& answer, Model::Refusal refusal, const std::string& what) {
    ++operations_;
    if (!refusal) {
      EXPECT_TRUE(answer) << what << ": " << answer.error().text() << ' ' << answer.error().details();
      return;
    }
    ++refused_;
    EXPECT_FALSE(answer) << what << " is allowed";
    if (!answer) EXPECT_EQ(answer.error().code(), refusal->code) << what;
  }

  void publish() {
    const int count = 1 + below(one_in(4) ? 128 : 8);
    std::vector<ports::Publication> publications;
    for (int i = 0; i < count; ++i) publications.push_back(publication(any(targets_), model_));
    publish_all(std::move(publications));
  }
  void publish_all(std::vector<ports::Publication> publications) {
    Answers<ports::Receipt> answers;
    for (const auto& each : publications) backend_.bus().publish(each, answers.next());
    auto& receipts = answers.wait();
    for (std::size_t i = 0; i < publications.size(); ++i) {
      ports::Publication& made = publications[i];
      const auto& receipt = *receipts[i];
      const std::string what = made.sender.str() + " publishes to " + made.target.str();
      expect_refusal(receipt, model_.may_publish(*made.identity, made.target), what);
      if (!receipt) continue;
      EXPECT_EQ(receipt->sequence, model_.number_for(made)) << what;
      // Ephemeral messages wait for no batch and so overtake.
      if (made.type != model::MessageType::ephemeral) {
        EXPECT_GE(receipt->published_at, newest_);
        newest_ = receipt->published_at;
      }
      model_.published(std::move(made), *receipt);
    }
  }

  struct Change {
    IdentityPtr actor;
    UserId user;
    Target target;
    Role role;
  };
  void change_permissions() {
    std::vector<Change> changes(static_cast<std::size_t>(1 + below(24)));
    Answers<ports::Grant> grants;
    Answers<Permission> revocations;
    for (Change& each : changes) {
      each = {one_in(6) ? root() : anybody(), anybody()->user, any(places_), static_cast<Role>(below(5))};
      if (one_in(5)) each.user = each.actor->user;
      if (each.role == Role::none)
        backend_.permissions().revoke(each.actor, each.user, each.target, revocations.next());
      else
        backend_.permissions().grant(each.actor, each.user, each.target, each.role, grants.next());
    }
    auto granted = grants.wait().begin();
    auto revoked = revocations.wait().begin();
    for (const Change& each : changes) {
      const std::string what = each.actor->user.str() + " makes " + each.user.str() + ' ' +
                               std::string(name(each.role)) + " of " + each.target.str();
      const Role before = model_.role(each.user, each.target);
      if (each.role == Role::none) {
        const auto& answer = **revoked++;
        expect_refusal(answer, model_.revoke(*each.actor, each.user, each.target), what);
        if (answer) EXPECT_EQ(answer->role, before) << what;
        continue;
      }
      const auto& answer = **granted++;
      expect_refusal(answer, model_.grant(*each.actor, each.user, each.target, each.role), what);
      if (!answer) continue;
      EXPECT_EQ(answer->created, before == Role::none) << what;
      EXPECT_EQ(answer->permission.role, each.role) << what;
      EXPECT_EQ(answer->permission.granted_by, each.actor->user) << what;
    }
  }

  HistoryQuery query() {
    HistoryQuery made;
    made.target = any(targets_);
    made.oldest_first = one_in(2);
    made.limit = static_cast<std::size_t>(1 + below(one_in(10) ? 1000 : 30));
    auto& items = model_.items(made.target);
    if (items.empty()) return made;
    const auto time = [&] { return any(items).receipt.published_at + below(3) - 1; };
    if (one_in(3)) made.from = time();
    if (one_in(3)) made.to = time();
    if (one_in(3)) made.after = any(items).position;
    return made;
  }
  void read_pages() {
    std::vector<std::pair<IdentityPtr, HistoryQuery>> asked(
        static_cast<std::size_t>(1 + below(32)));  // all that one user may
    Answers<HistoryPage> answers;
    for (auto& [asking, made] : asked) {
      asking = one_in(2) ? root() : anybody();
      made = query();
      backend_.history().page(asking, made, answers.next());
    }
    auto answer = answers.wait().begin();
    for (const auto& [asking, made] : asked) {
      const auto& page = **answer++;
      const std::string what = asking->user.str() + " reads " + made.target.str();
      expect_refusal(page, model_.may_read(*asking, made.target), what);
      if (!page) continue;
      const Model::Page expected = model_.page(made);
      EXPECT_EQ(page->more, expected.more) << what;
      compare(page->messages, expected.items, what);
    }
  }

  void compare(const std::vector<MessagePtr>& read, const std::vector<Model::Item*>& expected,
               const std::string& what) {
    ASSERT_EQ(read.size(), expected.size()) << what;
    for (std::size_t i = 0; i < read.size(); ++i) compare(*read[i], *expected[i], what);
  }
  static void compare(const model::Message& read, Model::Item& expected, const std::string& what) {
    const ports::Publication& made = expected.publication;
    ASSERT_EQ(read.id, expected.receipt.id) << what;
    EXPECT_EQ(read.published_at, expected.receipt.published_at);
    EXPECT_EQ(read.sequence, expected.receipt.sequence);
    EXPECT_EQ(read.client_sequence, read.sequence && !expected.own_number);
    EXPECT_EQ(read.type, made.type);
    EXPECT_EQ(read.target, made.target);
    EXPECT_EQ(read.group_id, made.group_id);
    EXPECT_EQ(read.sender, made.sender);
    EXPECT_EQ(read.payload, made.payload);
    if (expected.position != 0) EXPECT_EQ(read.position, expected.position);
    expected.position = read.position;
  }

  void read_numbers() {
    struct Asked {
      IdentityPtr asking;
      Target chat;
      std::vector<ports::NumberRange> numbers;
    };
    std::vector<Asked> asked(static_cast<std::size_t>(1 + below(24)));
    Answers<ports::SequencePage> answers;
    for (Asked& each : asked) {
      each.asking = one_in(2) ? root() : anybody();
      each.chat = places_[static_cast<std::size_t>(below(6))];
      model::SequenceNumber next = 1 + static_cast<unsigned>(below(model_.counter(each.chat) + 10));
      for (int ranges = 1 + below(6); ranges > 0; --ranges) {
        const model::SequenceNumber last = next + static_cast<unsigned>(one_in(2) ? 0 : below(40));
        each.numbers.push_back({next, last});
        next = last + 1 + static_cast<unsigned>(below(20));
      }
      backend_.history().sequences(each.asking, each.chat.id, each.numbers, answers.next());
    }
    auto answer = answers.wait().begin();
    for (const Asked& each : asked) {
      const auto& page = **answer++;
      const std::string what = each.asking->user.str() + " asks for numbers of " + each.chat.str();
      expect_refusal(page, model_.may_read(*each.asking, each.chat), what);
      if (!page) continue;
      const Model::Numbers expected = model_.sequences(each.chat, each.numbers);
      compare(page->messages, expected.items, what);
      EXPECT_TRUE(std::ranges::equal(page->missing, expected.missing)) << what;
    }
  }

  void read_single() {
    struct Asked {
      IdentityPtr asking;
      Model::Item* item;
    };
    std::vector<Asked> asked;
    Answers<MessagePtr> messages;
    Answers<ports::MessageTrace> traces;
    for (int count = 1 + below(16); count > 0; --count) {
      auto& items = model_.items(any(targets_));
      if (items.empty()) continue;
      Model::Item& item = items[static_cast<std::size_t>(below(items.size()))];
      asked.push_back({anybody(), &item});
      backend_.history().message(asked.back().asking, item.receipt.id, messages.next());
      backend_.history().trace(asked.back().asking, item.receipt.id, traces.next());
    }
    auto message = messages.wait().begin();
    auto trace = traces.wait().begin();
    for (const auto& [asking, item] : asked) {
      const std::string what = asking->user.str() + " reads " + item->receipt.id.str();
      const bool readable = model_.kept(*item) && !model_.may_read(*asking, item->publication.target);
      const auto& read = **message++;
      expect_refusal(read, readable ? nullptr : &model::errors::kNotFound, what);
      if (read) compare(**read, *item, what);
      const bool mine = asking->is_admin || asking->user == item->publication.sender;
      const auto& traced = **trace++;
      // What has expired may be traced as long as the disk has it.
      if (mine && !model_.kept(*item) && !traced) continue;
      expect_refusal(traced, mine ? nullptr : &model::errors::kNotFound, "trace: " + what);
      if (!traced) continue;
      EXPECT_TRUE(traced->stored);
      EXPECT_EQ(traced->expired, !model_.kept(*item));
      compare(*traced->message, *item, what);
    }
  }

  void list_permissions() {
    for (int count = 1 + below(8); count > 0; --count) {
      const std::size_t limit = static_cast<std::size_t>(1 + below(5));
      const UserId user = anybody()->user;
      std::vector<std::pair<Target, Model::Entry>> of_user;
      for (std::optional<Target> after;;) {
        Answers<std::vector<Permission>> answers;
        backend_.permissions().list_by_user(user, after, limit, answers.next());
        const auto& page = *answers.wait().front();
        ASSERT_TRUE(page);
        for (const Permission& each : *page) of_user.push_back({each.target, {each.role, each.granted_by}});
        if (page->size() < limit) break;
        after = page->back().target;
      }
      EXPECT_EQ(of_user, model_.entries_of(user)) << user.str();
      const Target target = any(places_);
      std::vector<std::pair<UserId, Model::Entry>> for_target;
      for (std::optional<UserId> after;;) {
        Answers<std::vector<Permission>> answers;
        backend_.permissions().list_by_target(target, after, limit, answers.next());
        const auto& page = *answers.wait().front();
        ASSERT_TRUE(page);
        for (const Permission& each : *page) for_target.push_back({each.user, {each.role, each.granted_by}});
        if (page->size() < limit) break;
        after = page->back().user;
      }
      EXPECT_EQ(for_target, model_.entries_for(target)) << target.str();
      Answers<Role> answers;
      backend_.permissions().role_of(user, target, answers.next());
      EXPECT_EQ(answers.wait().front()->value(), model_.role(user, target));
      operations_ += 3;
    }
  }

  /// Page by page while messages arrive: newest first what was there at the beginning, oldest first
  /// everything.
  void walk() {
    HistoryQuery made{.target = any(targets_), .oldest_first = one_in(2)};
    made.limit = static_cast<std::size_t>(20 + below(300));
    HistoryQuery whole = made;
    whole.limit = std::numeric_limits<std::size_t>::max();
    auto expected = ids(model_.page(whole).items);
    std::vector<model::MessageId> walked;
    for (int pages = 0;; ++pages) {
      Answers<HistoryPage> answers;
      backend_.history().page(root(), made, answers.next());
      const auto& page = *answers.wait().front();
      ++operations_;
      ASSERT_TRUE(page);
      for (const MessagePtr& each : page->messages) {
        walked.push_back(each->id);
        made.after = each->position;
      }
      if (!page->more) break;
      if (pages < 10) publish_all({publication(made.target, model_), publication(any(targets_), model_)});
    }
    if (made.oldest_first) expected = ids(model_.page(whole).items);
    EXPECT_EQ(walked, expected) << "walk of " << made.target.str();
  }
  static std::vector<model::MessageId> ids(const std::vector<Model::Item*>& items) {
    std::vector<model::MessageId> all;
    for (const Model::Item* each : items) all.push_back(each->receipt.id);
    return all;
  }

  void expire() {
    const auto& items = model_.items(any(targets_));
    if (items.empty()) return;
    expired_before_ = std::max(expired_before_, any(items).receipt.published_at + below(2));
    backend_.expire_before(expired_before_);
    model_.expire_before(expired_before_);
    ++operations_;
  }
  void restart() {
    const std::string secret = backend_.history().token_secret();
    backend_.restart();
    EXPECT_EQ(backend_.history().token_secret(), secret);
    ++operations_;
  }

  Backend& backend_;
  Model model_;
  std::size_t operations_ = 0, refused_ = 0;
  base::EpochMs newest_ = 0, expired_before_ = 0;
};

class HistoryContract : public ::testing::TestWithParam<BackendFactory> {};

TEST_P(HistoryContract, AgreesWithAPlainModel) {
  const std::uint64_t used = seed();
  SCOPED_TRACE("CARILLON_SEED=" + std::to_string(used));
  RecordProperty("seed", std::to_string(used));
  const auto backend = GetParam().make();
  Comparison comparison(*backend, used);
  while (comparison.operations() < kOperations && !HasFailure()) comparison.round();
  EXPECT_GT(comparison.refused(), comparison.operations() / 100) << "too little was refused to say anything";
}

INSTANTIATE_TEST_SUITE_P(Backends, HistoryContract, ::testing::ValuesIn(backends()),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace carillon::contract
