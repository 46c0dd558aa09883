#pragma once

#include <string>

#include "comment_store/comment_table.hpp"

namespace carillon::comments_api {

/// `{"id","content","userId","createdAt","postId","updatedAt"?}`. Source: seed comments-realtime, Message
/// Types.
void append_comment(std::string& out, const comment_store::Comment& comment);

/// `{"postId","comments":[…],"count":N`: what `GET …/comments` and `comments.list` share, still open at its
/// end.
std::string open_comments(const comment_store::PostId& post, const comment_store::CommentPage& page);

}  // namespace carillon::comments_api
