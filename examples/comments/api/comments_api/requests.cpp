#include "comments_api/requests.hpp"

#include <charconv>

#include "model/json.hpp"

namespace carillon::comments_api {

using model::fail;
using model::Result;
namespace errors = model::errors;

Result<std::string> body_text(const ports::HttpRequest& request, const char* member,
                              bool (*is_good)(std::string_view), const char* what) {
  const auto document = model::JsonDocument::parse(request.body, errors::kInvalidParameter);
  if (!document) return std::unexpected(document.error());
  const auto* text = model::string_member(document->object(), member);
  if (!text || !is_good(model::view(*text))) return fail(errors::kInvalidParameter, what);
  return std::string(model::view(*text));
}

Result<std::string> content_of(const ports::HttpRequest& request) {
  return body_text(request, "content", comment_store::valid_content,
                   "content must be a text of 1 to 10000 characters");
}

Result<comment_store::PostId> post_of(const ports::HttpRequest& request) {
  if (!comment_store::valid_name(request.parameters[0]))
    return fail(errors::kInvalidParameter,
                "a post's id is 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'");
  return comment_store::PostId(request.parameters[0]);
}

Result<comment_store::CommentId> comment_of(const ports::HttpRequest& request) {
  const auto id = comment_store::CommentId::parse(request.parameters[1]);
  if (!id) return fail(errors::kNotFound);
  return *id;
}

Result<std::uint64_t> number_of(const ports::HttpRequest& request, const char* name, std::uint64_t absent,
                                std::uint64_t least, std::uint64_t most) {
  const auto text = request.query_value(name);
  if (!text) return absent;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size() || number < least || number > most)
    return fail(errors::kInvalidParameter, std::string(name) + " must be a number from " +
                                               std::to_string(least) + " to " + std::to_string(most));
  return number;
}

}  // namespace carillon::comments_api
