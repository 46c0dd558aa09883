#include "comment_store/comment_table.hpp"

#include <algorithm>

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "base/bytes.hpp"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// Debian's RocksDB and spdlog are not instrumented: ThreadSanitizer does not see how they synchronise.
extern "C" const char* __tsan_default_suppressions() {
  return "race:rocksdb::\nrace:spdlog::\n";
}
#endif
#endif

namespace carillon::comment_store {

/// The row of a post: what the next comment needs.
struct CommentTable::PostRow {
  std::uint64_t count = 0;
  std::uint64_t next_position = 0;
  base::EpochMs newest = 0;
};

namespace {

using model::fail;
using model::Result;
namespace errors = model::errors;

constexpr std::string_view kFormatKey = "F";
constexpr std::size_t kNumber = 8;
constexpr std::size_t kCommentHeader = CommentId::kBytes + 2 * kNumber + 4;

rocksdb::Slice slice(std::string_view text) {
  return {text.data(), text.size()};
}
std::string_view view(const rocksdb::Slice& text) {
  return {text.data(), text.size()};
}

std::string post_key(const PostId& post) {
  return "p" + post.str();
}
std::string id_key(const CommentId& id) {
  return "i" + std::string(id.view());
}
/// Names of posts hold no 0x00, so that no post's comments lie among another's.
std::string comment_key(const PostId& post, std::uint64_t position) {
  std::string key = "c" + post.str() + '\0';
  base::append_big_endian(key, position);
  return key;
}
std::string end_of(const PostId& post) {
  return "c" + post.str() + '\1';
}
std::uint64_t position_in(std::string_view key) {
  return base::read_big_endian(key.data() + key.size() - kNumber);
}

std::string encode(const Comment& comment) {
  std::string out(comment.id.view());
  base::append_big_endian(out, static_cast<std::uint64_t>(comment.created_at));
  base::append_big_endian(out, static_cast<std::uint64_t>(comment.updated_at));
  base::append_big_endian32(out, static_cast<std::uint32_t>(comment.user.str().size()));
  return out + comment.user.str() + comment.content;
}

std::unexpected<base::Error> damaged(std::string_view what) {
  return fail(errors::kUnavailable, "the comments are damaged: " + std::string(what));
}

Result<Comment> decode(const PostId& post, std::string_view bytes) {
  if (bytes.size() < kCommentHeader) return damaged("a comment is too short");
  Comment comment;
  CommentId::Bytes id;
  std::ranges::copy(bytes.substr(0, id.size()), id.begin());
  const char* at = bytes.substr(id.size()).data();
  comment.id = CommentId(id);
  comment.post = post;
  comment.created_at = static_cast<base::EpochMs>(base::read_big_endian(at));
  comment.updated_at = static_cast<base::EpochMs>(base::read_big_endian(at + kNumber));
  const std::size_t user_size = base::read_big_endian32(at + 2 * kNumber);
  bytes.remove_prefix(kCommentHeader);
  if (user_size > bytes.size()) return damaged("a comment's user is cut off");
  comment.user = base::UserId(bytes.substr(0, user_size));
  comment.content = bytes.substr(user_size);
  return comment;
}

void put_post(rocksdb::WriteBatch& batch, const PostId& post, std::uint64_t count,
              std::uint64_t next_position, base::EpochMs newest) {
  std::string value;
  base::append_big_endian(value, count);
  base::append_big_endian(value, next_position);
  base::append_big_endian(value, static_cast<std::uint64_t>(newest));
  batch.Put(post_key(post), value);
}

std::unexpected<base::Error> disk_error(const rocksdb::Status& status) {
  return fail(errors::kUnavailable, "the comments' disk: " + status.ToString());
}

/// Takes comments from `rows`, each step one further, until there are none or `bounds` are reached.
template <typename Step>
Result<CommentPage> collect(rocksdb::Iterator& rows, const PostId& post, PageBounds bounds, Step step) {
  CommentPage page;
  std::size_t bytes = 0;
  for (; rows.Valid(); step(rows)) {
    auto comment = decode(post, view(rows.value()));
    if (!comment) return std::unexpected(comment.error());
    bytes += comment->content.size();
    const bool full = page.comments.size() >= bounds.comments || bytes > bounds.content_bytes;
    if (full && !page.comments.empty()) {
      page.next = position_in(view(rows.key()));
      break;
    }
    page.comments.push_back(std::move(*comment));
  }
  if (!rows.status().ok()) return disk_error(rows.status());
  return page;
}

rocksdb::Options options() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  // After a failed write nothing is written until the service is started again.
  options.max_bgerror_resume_count = 0;
  options.write_buffer_size = 8u << 20;
  options.compression = rocksdb::kLZ4Compression;
  options.max_background_jobs = 2;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.max_log_file_size = 1u << 20;
  options.keep_log_file_num = 2;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

}  // namespace

CommentTable::CommentTable(std::unique_ptr<rocksdb::DB> db) : db_(std::move(db)) {}

CommentTable::~CommentTable() {
  db_->Close();
}

Result<std::unique_ptr<CommentTable>> CommentTable::open(const std::filesystem::path& directory) {
  std::error_code failed;
  if (std::filesystem::create_directories(directory, failed))
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all, failed);
  if (failed) return fail(errors::kUnavailable, "cannot use " + directory.string() + ": " + failed.message());
  rocksdb::DB* db = nullptr;
  if (const auto status = rocksdb::DB::Open(options(), directory.string(), &db); !status.ok())
    return fail(errors::kUnavailable, "cannot open " + directory.string() + ": " + status.ToString());
  std::unique_ptr<CommentTable> table(new CommentTable(std::unique_ptr<rocksdb::DB>(db)));
  if (auto known = table->check_format(); !known) return std::unexpected(known.error());
  return table;
}

Result<void> CommentTable::check_format() {
  std::string value;
  const auto status = db_->Get({}, slice(kFormatKey), &value);
  if (status.ok()) {
    if (value.size() != 4) return damaged("the format version is none");
    const std::uint32_t version = base::read_big_endian32(value.data());
    if (version == kFormatVersion) return {};
    return fail(errors::kUnavailable, "the comments are of format " + std::to_string(version) +
                                          ", this program knows " + std::to_string(kFormatVersion));
  }
  if (!status.IsNotFound()) return disk_error(status);
  const std::unique_ptr<rocksdb::Iterator> rows(db_->NewIterator({}));
  rows->SeekToFirst();
  if (rows->Valid()) return damaged("there is no format version");
  base::append_big_endian32(value, kFormatVersion);
  rocksdb::WriteBatch batch;
  batch.Put(slice(kFormatKey), value);
  return write(batch);
}

Result<void> CommentTable::write(rocksdb::WriteBatch& batch) {
  rocksdb::WriteOptions synced;
  synced.sync = true;
  if (const auto status = db_->Write(synced, &batch); !status.ok()) return disk_error(status);
  return {};
}

Result<CommentTable::PostRow> CommentTable::post_row(const PostId& post) const {
  std::string value;
  const auto status = db_->Get({}, post_key(post), &value);
  if (status.IsNotFound()) return PostRow();
  if (!status.ok()) return disk_error(status);
  if (value.size() != 3 * kNumber) return damaged("a post's row has a wrong size");
  const char* at = value.data();
  return PostRow{base::read_big_endian(at), base::read_big_endian(at + kNumber),
                 static_cast<base::EpochMs>(base::read_big_endian(at + 2 * kNumber))};
}

Result<std::uint64_t> CommentTable::position_of(const PostId& post, const CommentId& id) const {
  std::string value;
  const auto status = db_->Get({}, id_key(id), &value);
  if (status.IsNotFound()) return fail(errors::kNotFound);
  if (!status.ok()) return disk_error(status);
  if (value.size() < kNumber) return damaged("a comment's place is too short");
  if (std::string_view(value).substr(kNumber) != post.str()) return fail(errors::kNotFound);
  return base::read_big_endian(value.data());
}

Result<Comment> CommentTable::add(const PostId& post, const base::UserId& user, std::string content,
                                  base::EpochMs now) {
  const auto row = post_row(post);
  if (!row) return std::unexpected(row.error());
  if (row->count >= kMaxCommentsPerPost)
    return fail(errors::kConflict, "the post has as many comments as it can have");
  Comment comment;
  comment.created_at = std::max(now, row->newest);
  comment.id = CommentId::generate(comment.created_at);
  comment.post = post;
  comment.user = user;
  comment.content = std::move(content);

  std::string place;
  base::append_big_endian(place, row->next_position);
  rocksdb::WriteBatch batch;
  batch.Put(comment_key(post, row->next_position), encode(comment));
  batch.Put(id_key(comment.id), place + post.str());
  put_post(batch, post, row->count + 1, row->next_position + 1, comment.created_at);
  if (auto written = write(batch); !written) return std::unexpected(written.error());
  return comment;
}

Result<Comment> CommentTable::find(const PostId& post, const CommentId& id) const {
  const auto position = position_of(post, id);
  if (!position) return std::unexpected(position.error());
  std::string value;
  const auto status = db_->Get({}, comment_key(post, *position), &value);
  if (status.IsNotFound()) return damaged("a comment is not where its id says");
  if (!status.ok()) return disk_error(status);
  return decode(post, value);
}

Result<Comment> CommentTable::change(const PostId& post, const CommentId& id, std::string content,
                                     base::EpochMs now) {
  auto comment = find(post, id);
  const auto position = position_of(post, id);
  if (!comment || !position) return comment;
  comment->content = std::move(content);
  comment->updated_at = std::max({now, comment->created_at, comment->updated_at});
  rocksdb::WriteBatch batch;
  batch.Put(comment_key(post, *position), encode(*comment));
  if (auto written = write(batch); !written) return std::unexpected(written.error());
  return comment;
}

Result<void> CommentTable::remove(const PostId& post, const CommentId& id) {
  const auto position = position_of(post, id);
  if (!position) return std::unexpected(position.error());
  const auto row = post_row(post);
  if (!row) return std::unexpected(row.error());
  rocksdb::WriteBatch batch;
  batch.Delete(comment_key(post, *position));
  batch.Delete(id_key(id));
  put_post(batch, post, row->count > 0 ? row->count - 1 : 0, row->next_position, row->newest);
  return write(batch);
}

Result<CommentPage> CommentTable::page(const PostId& post, std::uint64_t from, PageBounds bounds) const {
  const auto row = post_row(post);
  if (!row) return std::unexpected(row.error());
  const std::string end = end_of(post);
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions read;
  read.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> rows(db_->NewIterator(read));
  rows->Seek(comment_key(post, from));
  auto page = collect(*rows, post, bounds, [](rocksdb::Iterator& each) { each.Next(); });
  if (page) page->count = row->count;
  return page;
}

Result<CommentPage> CommentTable::newest(const PostId& post, PageBounds bounds) const {
  const auto row = post_row(post);
  if (!row) return std::unexpected(row.error());
  const std::string begin = comment_key(post, 0);
  const rocksdb::Slice lower(begin);
  rocksdb::ReadOptions read;
  read.iterate_lower_bound = &lower;
  const std::unique_ptr<rocksdb::Iterator> rows(db_->NewIterator(read));
  rows->SeekForPrev(end_of(post));
  auto page = collect(*rows, post, bounds, [](rocksdb::Iterator& each) { each.Prev(); });
  if (!page) return page;
  std::ranges::reverse(page->comments);
  page->next.reset();
  page->count = row->count;
  return page;
}

}  // namespace carillon::comment_store
