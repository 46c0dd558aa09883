#include "management/management_api.hpp"

#include "base/bytes.hpp"
#include "management/requests.hpp"

namespace carillon::management {
namespace {

namespace errors = model::errors;
using model::Error;
using model::Result;
using ports::HttpRequest;
using ports::HttpResponder;
using ports::HttpResponse;

const char* error_type(const Error& error) {
  if (error.is(errors::kBadSignature)) return "InvalidSignatureException";
  switch (error.status()) {
    case 401:
      return "UnrecognizedClientException";
    case 403:
      return "ForbiddenException";
    case 405:
      return "MethodNotAllowedException";
    case 408:
      return "RequestTimeoutException";
    case 410:
      return "GoneException";
    case 413:
      return "PayloadTooLargeException";
    case 429:
      return "LimitExceededException";
    case 503:
      return "ServiceUnavailableException";
    default:
      return error.status() < 500 ? "BadRequestException" : "InternalServerErrorException";
  }
}

/// `request.parameters` has the id: whatever it is, it either names a connection or is gone.
model::ConnectionId connection_of(const HttpRequest& request) {
  return model::ConnectionId(request.parameters.front());
}

void refuse(HttpResponder& respond, const Error& error) {
  respond(management_api_error(error));
}

HttpResponse empty_answer(int status) {
  HttpResponse response;
  response.status = status;
  return response;
}

std::string description(const ports::ConnectionRecord& record) {
  const std::string agent = base::valid_utf8(record.user_agent) ? record.user_agent : "";
  return "{\"connectedAt\":\"" + base::iso8601(record.connected_at) +
         "\",\"identity\":{\"sourceIp\":" + base::json_string(record.source_address) +
         ",\"userAgent\":" + base::json_string(agent) + "},\"lastActiveAt\":\"" +
         base::iso8601(record.last_active_at.load()) + "\"}";
}

void post_to(ports::ConnectionDirectory& directory, HttpRequest request, HttpResponder respond) {
  if (request.body.size() > kMaxPostBytes)
    return refuse(respond, Error(errors::kMessageTooLarge, "at most 131072 bytes are sent"));
  if (!base::valid_utf8(request.body))
    return refuse(respond, Error(errors::kInvalidParameter, "the body must be UTF-8"));
  directory.post(connection_of(request), std::move(request.body),
                 [respond = std::move(respond)](Result<void> sent) mutable {
                   if (!sent) return refuse(respond, sent.error());
                   respond(empty_answer(200));
                 });
}

void describe(ports::ConnectionDirectory& directory, const HttpRequest& request, HttpResponder respond) {
  directory.find(connection_of(request),
                 [respond = std::move(respond)](Result<ports::ConnectionView> view) mutable {
                   if (!view) return refuse(respond, view.error());
                   respond(HttpResponse::json(200, description(*view->record)));
                 });
}

void disconnect(ports::ConnectionDirectory& directory, const HttpRequest& request, HttpResponder respond) {
  directory.close(connection_of(request), [respond = std::move(respond)](Result<void> closed) mutable {
    if (!closed) return refuse(respond, closed.error());
    respond(empty_answer(204));
  });
}

}  // namespace

HttpResponse management_api_error(const Error& error) {
  HttpResponse response = HttpResponse::error(error);
  std::string message(error.text());
  if (!error.details().empty()) message += ": " + base::printable(error.details());
  response.body.pop_back();
  response.body += ",\"message\":" + base::json_string(message) + "}";
  response.headers.emplace_back("x-amzn-ErrorType", error_type(error));
  return response;
}

std::vector<ports::Route> management_api_routes(ports::ConnectionDirectory& directory) {
  const auto route = [&directory](const char* method, auto answer) {
    auto handler = [&directory, answer](HttpRequest request, HttpResponder respond) {
      answer(directory, std::move(request), std::move(respond));
    };
    return ports::Route{.method = method,
                        .path = "/@connections/{connectionId}",
                        .access = ports::Access::token_or_signature,
                        .handler = admin_only(std::move(handler), &management_api_error),
                        .refuse = &management_api_error};
  };
  return {route("POST", &post_to), route("GET", &describe), route("DELETE", &disconnect)};
}

}  // namespace carillon::management
