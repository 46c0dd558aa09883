#pragma once

#include <cstdint>
#include <string>

#include "comment_store/comment.hpp"
#include "model/errors.hpp"
#include "ports/http.hpp"

namespace carillon::comments_api {

/// What requests say, checked. Pure. Errors: invalid_parameter, invalid_json; not_found for what names
/// nothing.

/// A string member of the body that `is_good`; `what` is what the answer says when it is not there or not
/// good.
model::Result<std::string> body_text(const ports::HttpRequest& request, const char* member,
                                     bool (*is_good)(std::string_view), const char* what);
model::Result<std::string> content_of(const ports::HttpRequest& request);
/// The route's first segment in braces.
model::Result<comment_store::PostId> post_of(const ports::HttpRequest& request);
/// The route's second segment in braces.
model::Result<comment_store::CommentId> comment_of(const ports::HttpRequest& request);
/// A whole number of the query, `absent` without one.
model::Result<std::uint64_t> number_of(const ports::HttpRequest& request, const char* name,
                                       std::uint64_t absent, std::uint64_t least, std::uint64_t most);

}  // namespace carillon::comments_api
