#include "comments_api/comment_json.hpp"

#include "base/bytes.hpp"

namespace carillon::comments_api {

void append_comment(std::string& out, const comment_store::Comment& comment) {
  out += "{\"id\":\"";
  comment.id.append_to(out);
  out += "\",\"content\":";
  base::append_json_string(out, comment.content);
  out += ",\"userId\":";
  base::append_json_string(out, comment.user.str());
  out += ",\"createdAt\":\"";
  base::append_iso8601(out, comment.created_at);
  out += "\",\"postId\":";
  base::append_json_string(out, comment.post.str());
  if (comment.updated_at != 0) out += ",\"updatedAt\":\"" + base::iso8601(comment.updated_at) + '"';
  out += '}';
}

std::string open_comments(const comment_store::PostId& post, const comment_store::CommentPage& page) {
  std::string out = "{\"postId\":" + base::json_string(post.str()) + ",\"comments\":[";
  for (const comment_store::Comment& each : page.comments) {
    if (out.back() != '[') out += ',';
    append_comment(out, each);
  }
  return out + "],\"count\":" + std::to_string(page.count);
}

}  // namespace carillon::comments_api
