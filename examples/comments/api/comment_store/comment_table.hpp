#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "comment_store/comment.hpp"
#include "model/errors.hpp"

namespace rocksdb {
class DB;
class Iterator;
class WriteBatch;
}  // namespace rocksdb

namespace carillon::comment_store {

/// Comments of one post, oldest first.
struct CommentPage {
  std::vector<Comment> comments;
  std::uint64_t count = 0;            ///< of the whole post
  std::optional<std::uint64_t> next;  ///< where the next page begins, when there is one
};

/// How much a page may hold; one comment fits always.
struct PageBounds {
  std::size_t comments = 50;
  std::size_t content_bytes = 1u << 20;
};

/// The comments of all posts on RocksDB: each post's in the order they were made, and by id. What returned is
/// on disk, and nothing is readable before. One thread. Source: seed comments-realtime, Comments API (its
/// DynamoDB table).
///
/// Keys, numbers big-endian: `F` → format version (4); `p` post → count (8), next position (8), newest
/// createdAt (8); `c` post 0x00 position (8) → a comment; `i` id (16) → position (8), post. A comment: id
/// (16), createdAt (8), updatedAt (8), length of the user (4), user, content.
///
/// Errors of every call: unavailable (the disk; details for the log only), not_found where it is said.
class CommentTable {
 public:
  static constexpr std::uint32_t kFormatVersion = 1;
  static constexpr std::uint64_t kMaxCommentsPerPost = 100'000;

  /// Opens or makes the table; a directory that it makes gets mode 0700. Errors: unavailable, with one line
  /// for the operator: in use, damaged, of a newer format.
  static model::Result<std::unique_ptr<CommentTable>> open(const std::filesystem::path& directory);
  CommentTable(const CommentTable&) = delete;
  CommentTable& operator=(const CommentTable&) = delete;
  ~CommentTable();

  /// createdAt is `now`, or later where the post's newest comment is. Errors: conflict, when the post is
  /// full.
  model::Result<Comment> add(const PostId& post, const base::UserId& user, std::string content,
                             base::EpochMs now);
  /// Errors: not_found, also for a comment of another post.
  model::Result<Comment> find(const PostId& post, const CommentId& id) const;
  model::Result<Comment> change(const PostId& post, const CommentId& id, std::string content,
                                base::EpochMs now);
  model::Result<void> remove(const PostId& post, const CommentId& id);

  /// From position `from` on, oldest first. A post that nobody commented on is empty.
  model::Result<CommentPage> page(const PostId& post, std::uint64_t from, PageBounds bounds) const;
  /// The newest that fit, oldest of them first; `next` is not set.
  model::Result<CommentPage> newest(const PostId& post, PageBounds bounds) const;

 private:
  struct PostRow;
  explicit CommentTable(std::unique_ptr<rocksdb::DB> db);

  model::Result<void> check_format();
  model::Result<PostRow> post_row(const PostId& post) const;
  model::Result<std::uint64_t> position_of(const PostId& post, const CommentId& id) const;
  model::Result<void> write(rocksdb::WriteBatch& batch);

  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace carillon::comment_store
