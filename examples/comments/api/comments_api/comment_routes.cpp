#include "comments_api/comment_routes.hpp"

#include <limits>

#include "base/bytes.hpp"
#include "comments_api/comment_json.hpp"
#include "comments_api/requests.hpp"

namespace carillon::comments_api {
namespace {

using comment_store::CommentId;
using comment_store::PostId;
using ports::Access;
using ports::HttpRequest;
using ports::HttpResponder;
using ports::HttpResponse;

constexpr std::uint64_t kDefaultLimit = 50;
constexpr std::uint64_t kMaxLimit = 100;

/// `{"message","id","postId"`, still open at its end.
std::string acknowledgement(std::string_view message, const CommentId& id, const PostId& post) {
  return "{\"message\":" + base::json_string(message) + ",\"id\":\"" + id.str() +
         "\",\"postId\":" + base::json_string(post.str());
}

/// An answer made of what `decide` came to.
template <typename Decide>
ports::HttpHandler answering(Decide decide) {
  return [decide = std::move(decide)](HttpRequest request, HttpResponder respond) {
    const model::Result<HttpResponse> response = decide(request);
    respond(response ? *response : HttpResponse::error(response.error()));
  };
}

ports::HttpHandler create(CommentService& comments, authorizer::Clock clock) {
  return answering([&comments, clock](const HttpRequest& request) -> model::Result<HttpResponse> {
    const auto post = post_of(request);
    if (!post) return std::unexpected(post.error());
    auto content = content_of(request);
    if (!content) return std::unexpected(content.error());
    const auto comment = comments.create(request.identity->user, *post, std::move(*content), clock());
    if (!comment) return std::unexpected(comment.error());
    return HttpResponse::json(201, acknowledgement("Comment created", comment->id, *post) +
                                       ",\"createdAt\":\"" + base::iso8601(comment->created_at) + "\"}");
  });
}

ports::HttpHandler change(CommentService& comments, authorizer::Clock clock) {
  return answering([&comments, clock](const HttpRequest& request) -> model::Result<HttpResponse> {
    const auto post = post_of(request);
    if (!post) return std::unexpected(post.error());
    const auto id = comment_of(request);
    if (!id) return std::unexpected(id.error());
    auto content = content_of(request);
    if (!content) return std::unexpected(content.error());
    const auto comment = comments.change(request.identity->user, *post, *id, std::move(*content), clock());
    if (!comment) return std::unexpected(comment.error());
    return HttpResponse::json(200, acknowledgement("Comment updated", *id, *post) + ",\"updatedAt\":\"" +
                                       base::iso8601(comment->updated_at) + "\"}");
  });
}

ports::HttpHandler remove(CommentService& comments, authorizer::Clock clock) {
  return answering([&comments, clock](const HttpRequest& request) -> model::Result<HttpResponse> {
    const auto post = post_of(request);
    if (!post) return std::unexpected(post.error());
    const auto id = comment_of(request);
    if (!id) return std::unexpected(id.error());
    if (auto removed = comments.remove(request.identity->user, *post, *id, clock()); !removed)
      return std::unexpected(removed.error());
    return HttpResponse::json(200, acknowledgement("Comment deleted", *id, *post) + "}");
  });
}

ports::HttpHandler list(CommentService& comments) {
  return answering([&comments](const HttpRequest& request) -> model::Result<HttpResponse> {
    const auto post = post_of(request);
    if (!post) return std::unexpected(post.error());
    const auto limit = number_of(request, "limit", kDefaultLimit, 1, kMaxLimit);
    if (!limit) return std::unexpected(limit.error());
    const auto from = number_of(request, "startKey", 0, 0, std::numeric_limits<std::int64_t>::max());
    if (!from) return std::unexpected(from.error());
    const auto page = comments.list(*post, *from, *limit);
    if (!page) return std::unexpected(page.error());
    std::string body = open_comments(*post, *page);
    if (page->next) body += ",\"nextToken\":\"" + std::to_string(*page->next) + '"';
    return HttpResponse::json(200, body + '}');
  });
}

ports::HttpHandler announce_list(CommentService& comments, authorizer::Clock clock) {
  return answering([&comments, clock](const HttpRequest& request) -> model::Result<HttpResponse> {
    const auto post = post_of(request);
    if (!post) return std::unexpected(post.error());
    if (auto announced = comments.announce_list(request.identity->user, *post, clock()); !announced)
      return std::unexpected(announced.error());
    return HttpResponse::json(
        202, "{\"message\":\"Comments on their way\",\"postId\":" + base::json_string(post->str()) + "}");
  });
}

}  // namespace

std::vector<ports::Route> comment_routes(CommentService& comments, authorizer::Clock clock) {
  const std::string all = "/api/v1/posts/{id}/comments";
  const std::string one = all + "/{commentId}";
  return {{"POST", all, Access::token, create(comments, clock)},
          {"GET", all, Access::open, list(comments)},
          {"PUT", one, Access::token, change(comments, clock)},
          {"DELETE", one, Access::token, remove(comments, clock)},
          {"POST", all + "/list", Access::token, announce_list(comments, clock)}};
}

}  // namespace carillon::comments_api
