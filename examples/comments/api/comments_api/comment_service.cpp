#include "comments_api/comment_service.hpp"

namespace carillon::comments_api {

using comment_store::Comment;
using comment_store::CommentId;
using comment_store::CommentPage;
using comment_store::PostId;
using model::Result;
namespace errors = model::errors;

namespace {

constexpr std::size_t kPageBytes = 1u << 20;
/// Escaped and with everything around it still well within Carillon's max_message_bytes (256 KiB).
constexpr comment_store::PageBounds kBroadcastBounds{.comments = 50, .content_bytes = 64 * 1024};

}  // namespace

Result<void> CommentService::take_turn(const base::UserId& user, authorizer::Time now) {
  if (const auto wait_ms = limiter_.take(user.str(), now.monotonic); wait_ms > 0)
    return std::unexpected(model::retry_later(errors::kTooManyRequests, wait_ms));
  return {};
}

Result<void> CommentService::check_owner(const base::UserId& user, const PostId& post,
                                         const CommentId& id) const {
  const auto comment = table_.find(post, id);
  if (!comment) return std::unexpected(comment.error());
  if (comment->user != user) return model::fail(errors::kForbidden, "only your own comments");
  return {};
}

Result<Comment> CommentService::create(const base::UserId& user, const PostId& post, std::string content,
                                       authorizer::Time now) {
  if (auto turn = take_turn(user, now); !turn) return std::unexpected(turn.error());
  auto comment = table_.add(post, user, std::move(content), now.wall);
  if (comment) websocket_.broadcast_new_comment(*comment);
  return comment;
}

Result<Comment> CommentService::change(const base::UserId& user, const PostId& post, const CommentId& id,
                                       std::string content, authorizer::Time now) {
  if (auto turn = take_turn(user, now); !turn) return std::unexpected(turn.error());
  if (auto own = check_owner(user, post, id); !own) return std::unexpected(own.error());
  auto comment = table_.change(post, id, std::move(content), now.wall);
  if (comment) websocket_.broadcast_comment_update(*comment);
  return comment;
}

Result<void> CommentService::remove(const base::UserId& user, const PostId& post, const CommentId& id,
                                    authorizer::Time now) {
  if (auto turn = take_turn(user, now); !turn) return turn;
  if (auto own = check_owner(user, post, id); !own) return own;
  auto removed = table_.remove(post, id);
  if (removed) websocket_.broadcast_comment_deleted(post, id);
  return removed;
}

Result<CommentPage> CommentService::list(const PostId& post, std::uint64_t from, std::size_t limit) const {
  return table_.page(post, from, {.comments = limit, .content_bytes = kPageBytes});
}

Result<void> CommentService::announce_list(const base::UserId& user, const PostId& post,
                                           authorizer::Time now) {
  if (auto turn = take_turn(user, now); !turn) return turn;
  const auto page = table_.newest(post, kBroadcastBounds);
  if (!page) return std::unexpected(page.error());
  websocket_.broadcast_comments_list(post, *page);
  return {};
}

Result<void> CommentService::announce_test(const base::UserId& user, std::string_view message,
                                           authorizer::Time now) {
  if (auto turn = take_turn(user, now); !turn) return turn;
  websocket_.broadcast_test(message);
  return {};
}

}  // namespace carillon::comments_api
