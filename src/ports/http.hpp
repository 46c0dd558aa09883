#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/trace_context.hpp"
#include "model/errors.hpp"
#include "model/identity.hpp"

namespace carillon::ports {

/// One HTTP request as the gateway hands it to a route: bounded, complete, authenticated when the route
/// asks for it.
struct HttpRequest {
  std::string method;
  std::string path;   ///< without query and stage, percent-decoding not yet done
  std::string query;  ///< raw, without `?`
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;
  std::string source_address;               ///< the client's, forwarded headers of trusted proxies applied
  std::vector<std::string> parameters;      ///< decoded values of the `{…}` segments of the route's path
  model::IdentityPtr identity;              ///< set unless the route is open
  std::optional<base::TraceContext> trace;  ///< of this request: the gateway answers it as `traceparent`
  std::int64_t completed_ns = 0;            ///< wall clock when it was complete; 0 without a sampled trace
  std::string sent_path;                    ///< what `path` was over the wire, when it was another

  /// The path of the request line, stage included and its encoding untouched: what a signature is over.
  std::string_view path_as_sent() const { return sent_path.empty() ? path : sent_path; }
  /// The header's value, or empty. `name` in lower case.
  std::string_view header(std::string_view name) const;
  /// What came in as `traceparent`, when there is one such header and it is one.
  std::optional<base::TraceContext> incoming_trace() const;
  /// The first value of a decoded query parameter, nothing when absent or badly encoded.
  std::optional<std::string> query_value(std::string_view name) const;
  /// Every value of a query parameter, in order.
  std::vector<std::string> query_values(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string body;
  /// Instead of `body`: bytes that many answers share, sent without a copy and so not counted among the
  /// unsent ones. `shared_owner` keeps them alive; null: they outlive the gateway.
  std::string_view shared_body;
  std::shared_ptr<const void> shared_owner;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;  ///< beside those the gateway adds itself

  std::string_view content() const { return shared_body.empty() ? std::string_view(body) : shared_body; }
  static HttpResponse json(int status, std::string body);
  /// The documented answer for `error`, `Retry-After` and `WWW-Authenticate` included.
  static HttpResponse error(const model::Error& error);
};

/// Sends the answer; exactly once, from any thread.
using HttpResponder = std::move_only_function<void(HttpResponse)>;
using HttpHandler = std::function<void(HttpRequest, HttpResponder)>;

/// How a refusal becomes an answer.
using ErrorStyle = HttpResponse (*)(const model::Error&);

enum class Access {
  open,
  token,
  token_or_signature,  ///< a bearer token, or a request signed with an access key
};

/// A line of the route table. `path` segments in braces match one segment each: `/queues/{name}/messages`.
struct Route {
  std::string method;
  std::string path;
  Access access = Access::token;
  HttpHandler handler;
  /// How many times `max_message_bytes` the body may have.
  std::size_t body_factor = 1;
  /// It records the span of its requests itself, and begins a trace where none came in.
  bool traced = false;
  /// For the gateway's own refusals of requests to this path; the routes of one path have the same.
  ErrorStyle refuse = &HttpResponse::error;
};

}  // namespace carillon::ports
