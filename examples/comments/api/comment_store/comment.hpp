#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/ids.hpp"

namespace carillon::comment_store {

/// Names what is commented on: 1 to 64 characters of [A-Za-z0-9._-].
using PostId = base::Id<struct PostTag>;
/// UUID version 7, as a message's.
using CommentId = base::MessageId;

/// What people said about a post. A plain value.
struct Comment {
  CommentId id;
  PostId post;
  base::UserId user;
  std::string content;
  base::EpochMs created_at = 0;
  base::EpochMs updated_at = 0;  ///< 0: never changed
};

/// Whether `text` may name a post, and a user who signs in to the demo: 1 to 64 characters of [A-Za-z0-9._-].
bool valid_name(std::string_view text);

/// Whether `text` may be a comment: 1 to 10,000 characters (code points) of valid UTF-8, without control
/// characters other than tabs and line breaks.
bool valid_content(std::string_view text);

}  // namespace carillon::comment_store
