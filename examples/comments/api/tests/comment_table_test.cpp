#include "comment_store/comment_table.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rocksdb/db.h>

#include "unit/authorizer/temporary_directory.hpp"

namespace carillon::comment_store {
namespace {

using base::UserId;
namespace errors = model::errors;

const PostId kPost("post-1");
const UserId kAnn("ann");
constexpr base::EpochMs kNow = 1'700'000'000'000;

std::unique_ptr<CommentTable> open(const std::filesystem::path& path) {
  auto table = CommentTable::open(path);
  if (!table) throw std::runtime_error(table.error().details());
  return std::move(*table);
}

std::vector<std::string> contents(const CommentPage& page) {
  std::vector<std::string> all;
  for (const Comment& each : page.comments) all.push_back(each.content);
  return all;
}

class Table : public testing::Test {
 protected:
  Comment add(const PostId& post, const std::string& content, base::EpochMs now = kNow) {
    return table->add(post, kAnn, content, now).value();
  }
  std::vector<std::string> all(const PostId& post) { return contents(*table->page(post, 0, {})); }
  void reopen() {
    table.reset();
    table = open(path());
  }
  std::filesystem::path path() const { return directory.path() / "comments"; }

  authorizer::TemporaryDirectory directory;
  std::unique_ptr<CommentTable> table = open(path());
};

TEST_F(Table, a_comment_is_found_again_whole) {
  const Comment made = table->add(kPost, UserId("zoë"), "ü \"x\"\n", kNow).value();
  reopen();
  const Comment found = table->find(kPost, made.id).value();
  EXPECT_EQ(found.id, made.id);
  EXPECT_EQ(found.post, kPost);
  EXPECT_EQ(found.user, UserId("zoë"));
  EXPECT_EQ(found.content, "ü \"x\"\n");
  EXPECT_EQ(found.created_at, kNow);
  EXPECT_EQ(found.updated_at, 0);
}

TEST_F(Table, a_post_keeps_the_order_its_comments_came_in_though_the_clock_goes_back) {
  add(kPost, "first", kNow);
  const Comment second = add(kPost, "second", kNow - 5000);
  EXPECT_EQ(second.created_at, kNow);
  reopen();
  EXPECT_EQ(add(kPost, "third", kNow - 1).created_at, kNow);
  EXPECT_EQ(all(kPost), (std::vector<std::string>{"first", "second", "third"}));
}

TEST_F(Table, posts_do_not_share_comments) {
  // In the order of their keys each of these is next to another, or begins it.
  for (const char* post : {"a", "a.", "aa", "a-", "b", "A"}) add(PostId(post), std::string("of ") + post);
  for (const char* post : {"a", "a.", "aa", "a-", "b", "A"}) {
    EXPECT_EQ(all(PostId(post)), std::vector<std::string>{std::string("of ") + post});
    EXPECT_EQ(contents(*table->newest(PostId(post), {})),
              std::vector<std::string>{std::string("of ") + post});
    EXPECT_EQ(table->page(PostId(post), 0, {})->count, 1u);
  }
  EXPECT_TRUE(all(PostId("nobody")).empty());
  EXPECT_EQ(table->newest(PostId("nobody"), {})->count, 0u);
}

TEST_F(Table, a_comment_is_changed_and_keeps_its_place) {
  const Comment first = add(kPost, "first");
  add(kPost, "second");
  const Comment changed = table->change(kPost, first.id, "changed", kNow + 1).value();
  EXPECT_EQ(changed.updated_at, kNow + 1);
  EXPECT_EQ(changed.created_at, kNow);
  EXPECT_EQ(table->change(kPost, first.id, "again", kNow - 9)->updated_at, kNow + 1);
  reopen();
  EXPECT_EQ(all(kPost), (std::vector<std::string>{"again", "second"}));
  EXPECT_EQ(table->page(kPost, 0, {})->count, 2u);
}

TEST_F(Table, a_removed_comment_is_gone) {
  const Comment first = add(kPost, "first");
  add(kPost, "second");
  ASSERT_TRUE(table->remove(kPost, first.id));
  reopen();
  EXPECT_EQ(all(kPost), std::vector<std::string>{"second"});
  EXPECT_EQ(table->page(kPost, 0, {})->count, 1u);
  EXPECT_TRUE(table->find(kPost, first.id).error().is(errors::kNotFound));
  EXPECT_TRUE(table->change(kPost, first.id, "x", kNow).error().is(errors::kNotFound));
  EXPECT_TRUE(table->remove(kPost, first.id).error().is(errors::kNotFound));
}

TEST_F(Table, a_comment_is_not_found_under_another_post) {
  const Comment comment = add(kPost, "mine");
  EXPECT_TRUE(table->find(PostId("post-2"), comment.id).error().is(errors::kNotFound));
  EXPECT_TRUE(table->remove(PostId("post-2"), comment.id).error().is(errors::kNotFound));
  EXPECT_TRUE(table->change(PostId("post-2"), comment.id, "x", kNow).error().is(errors::kNotFound));
  EXPECT_EQ(all(kPost), std::vector<std::string>{"mine"});
}

TEST_F(Table, pages_follow_one_another) {
  for (int i = 0; i < 7; ++i) add(kPost, std::to_string(i));
  std::vector<std::string> seen;
  std::uint64_t from = 0;
  for (int pages = 1;; ++pages) {
    const CommentPage page = table->page(kPost, from, {.comments = 3}).value();
    EXPECT_EQ(page.count, 7u);
    for (const auto& each : contents(page)) seen.push_back(each);
    if (!page.next) {
      EXPECT_EQ(pages, 3);
      break;
    }
    from = *page.next;
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6"}));
  EXPECT_FALSE(table->page(kPost, 0, {.comments = 7})->next);
  EXPECT_EQ(table->page(kPost, 1'000'000, {})->comments.size(), 0u);
}

TEST_F(Table, pages_end_at_their_bytes_but_hold_one_comment) {
  for (int i = 0; i < 3; ++i) add(kPost, std::string(10, static_cast<char>('a' + i)));
  EXPECT_EQ(table->page(kPost, 0, {.content_bytes = 20})->comments.size(), 2u);
  EXPECT_EQ(table->page(kPost, 0, {.content_bytes = 1})->comments.size(), 1u);
  EXPECT_EQ(contents(*table->newest(kPost, {.content_bytes = 20})),
            (std::vector<std::string>{"bbbbbbbbbb", "cccccccccc"}));
  EXPECT_EQ(contents(*table->newest(kPost, {.comments = 1})), std::vector<std::string>{"cccccccccc"});
  EXPECT_EQ(table->newest(kPost, {.comments = 1})->count, 3u);
}

TEST_F(Table, its_directory_is_the_owners_and_one_process_has_it) {
  EXPECT_EQ(std::filesystem::status(path()).permissions(), std::filesystem::perms::owner_all);
  const auto second = CommentTable::open(path());
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().details().find(path().string()), std::string::npos);
}

/// Writes into the closed table behind its back.
void put(const std::filesystem::path& path, const std::string& key, const std::string& value) {
  rocksdb::DB* db = nullptr;
  rocksdb::Options options;
  options.create_if_missing = true;
  ASSERT_TRUE(rocksdb::DB::Open(options, path.string(), &db).ok());
  const std::unique_ptr<rocksdb::DB> owner(db);
  ASSERT_TRUE(db->Put({}, key, value).ok());
}

TEST_F(Table, another_format_is_refused) {
  table.reset();
  put(path(), "F", std::string("\0\0\0\2", 4));
  EXPECT_NE(CommentTable::open(path()).error().details().find("format 2"), std::string::npos);
  put(path(), "F", "x");
  EXPECT_FALSE(CommentTable::open(path()));
  put(directory.path() / "foreign", "key", "value");
  EXPECT_FALSE(CommentTable::open(directory.path() / "foreign"));
}

TEST_F(Table, damaged_rows_are_reported_and_not_believed) {
  const Comment comment = add(kPost, "fine");
  table.reset();
  std::string key = "c" + kPost.str() + std::string(9, '\0');
  for (const std::string& row : {std::string(), std::string(35, 'x'), std::string(36, '\xff')}) {
    put(path(), key, row);
    reopen();
    EXPECT_TRUE(table->find(kPost, comment.id).error().is(errors::kUnavailable));
    EXPECT_TRUE(table->page(kPost, 0, {}).error().is(errors::kUnavailable));
    table.reset();
  }
  put(path(), "p" + kPost.str(), "short");
  reopen();
  EXPECT_TRUE(table->add(kPost, kAnn, "x", kNow).error().is(errors::kUnavailable));
}

TEST_F(Table, a_full_post_takes_no_more) {
  table.reset();
  std::string row;
  for (const std::uint64_t number : {CommentTable::kMaxCommentsPerPost, std::uint64_t{5}, std::uint64_t{0}})
    for (int shift = 56; shift >= 0; shift -= 8) row += static_cast<char>(number >> shift);
  put(path(), "p" + kPost.str(), row);
  reopen();
  EXPECT_TRUE(table->add(kPost, kAnn, "x", kNow).error().is(errors::kConflict));
  EXPECT_TRUE(table->add(PostId("other"), kAnn, "x", kNow));
}

using Model = std::vector<std::pair<CommentId, std::string>>;

/// One change of the table and of what it should be.
void take_step(CommentTable& table, const PostId& post, Model& model, int step) {
  const std::string text = "text " + std::to_string(step);
  const std::size_t at = model.empty() ? 0 : static_cast<std::size_t>(step / 6) % model.size();
  if (step % 3 == 0 || model.empty()) {
    model.emplace_back(table.add(post, kAnn, text, kNow + step)->id, text);
  } else if (step % 3 == 1) {
    RC_ASSERT(table.change(post, model[at].first, text, kNow).has_value());
    model[at].second = text;
  } else {
    RC_ASSERT(table.remove(post, model[at].first).has_value());
    model.erase(model.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

void compare(const CommentTable& table, const PostId& post, const Model& model) {
  const CommentPage page = table.page(post, 0, {.comments = 1000}).value();
  RC_ASSERT(page.count == model.size());
  Model found;
  for (const Comment& each : page.comments) found.emplace_back(each.id, each.content);
  RC_ASSERT(found == model);
}

TEST_F(Table, does_what_a_list_does) {
  // Few steps per run: each is synced to disk.
  const auto steps = rc::gen::resize(20, rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 600)));
  int run = 0;
  EXPECT_TRUE(rc::check([&] {
    const PostId posts[] = {PostId("a" + std::to_string(run)), PostId("b" + std::to_string(run))};
    ++run;
    Model models[2];
    for (const int step : *steps) take_step(*table, posts[step % 2], models[step % 2], step);
    for (int i : {0, 1}) compare(*table, posts[i], models[i]);
  }));
}

}  // namespace
}  // namespace carillon::comment_store
