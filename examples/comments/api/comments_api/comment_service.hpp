#pragma once

#include <string>
#include <string_view>

#include "authorizer/time.hpp"
#include "bus/rate_limiter.hpp"
#include "comment_store/comment_table.hpp"
#include "comments_api/websocket_service.hpp"

namespace carillon::comments_api {

/// What people may do with comments: everybody writes, each changes their own. What is returned is on disk
/// and on its way to everybody who is connected; that it arrives there is nothing that this waits for.
///
/// Writes are bounded per user (too_many_requests). Beside that, errors are those of CommentTable. One loop.
/// Source: seed comments-realtime, Comments Integration.
class CommentService {
 public:
  static constexpr double kWritesPerSecond = 10;
  static constexpr double kWritesAtOnce = 50;

  /// Both must outlive it.
  CommentService(comment_store::CommentTable& table, WebSocketService& websocket)
      : table_(table), websocket_(websocket) {}

  model::Result<comment_store::Comment> create(const base::UserId& user, const comment_store::PostId& post,
                                               std::string content, authorizer::Time now);
  /// Errors: not_found, forbidden for another's comment.
  model::Result<comment_store::Comment> change(const base::UserId& user, const comment_store::PostId& post,
                                               const comment_store::CommentId& id, std::string content,
                                               authorizer::Time now);
  model::Result<void> remove(const base::UserId& user, const comment_store::PostId& post,
                             const comment_store::CommentId& id, authorizer::Time now);
  model::Result<comment_store::CommentPage> list(const comment_store::PostId& post, std::uint64_t from,
                                                 std::size_t limit) const;
  /// Broadcasts the post's newest comments, as many as fit into one message.
  model::Result<void> announce_list(const base::UserId& user, const comment_store::PostId& post,
                                    authorizer::Time now);
  model::Result<void> announce_test(const base::UserId& user, std::string_view message, authorizer::Time now);

 private:
  model::Result<void> take_turn(const base::UserId& user, authorizer::Time now);
  model::Result<void> check_owner(const base::UserId& user, const comment_store::PostId& post,
                                  const comment_store::CommentId& id) const;

  comment_store::CommentTable& table_;
  WebSocketService& websocket_;
  bus::RateLimiter limiter_{kWritesPerSecond, kWritesAtOnce, 10'000};
};

}  // namespace carillon::comments_api
