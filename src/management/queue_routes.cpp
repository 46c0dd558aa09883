#include "management/queue_routes.hpp"

#include "base/bytes.hpp"
#include "management/requests.hpp"
#include "model/json.hpp"

namespace carillon::management {
namespace {

namespace errors = model::errors;
using model::Error;
using model::Result;
using ports::HttpRequest;
using ports::HttpResponder;
using ports::HttpResponse;

constexpr std::size_t kDefaultPeek = 10;
constexpr std::size_t kMaxPeek = 1000;
constexpr std::size_t kMaxRedriveIds = 1000;

std::string queue_json(const ports::QueueInfo& queue) {
  std::string out =
      "{\"name\":" + base::json_string(queue.name) + ",\"type\":" + base::json_string(queue.type);
  out += ",\"depth\":" + std::to_string(queue.depth) + ",\"inFlight\":" + std::to_string(queue.in_flight);
  out += ",\"oldestAgeSeconds\":" + std::to_string(queue.oldest_age_seconds);
  if (!queue.dead_letter_queue.empty())
    out += ",\"deadLetterQueue\":" + base::json_string(queue.dead_letter_queue);
  return out += '}';
}

std::string queued_json(const ports::QueuedMessage& queued) {
  std::string out;
  model::append_event(out, *queued.message, std::nullopt);
  out.pop_back();
  out += ",\"attempts\":" + std::to_string(queued.attempts) + ",\"enqueuedAt\":\"";
  base::append_iso8601(out, queued.enqueued_at);
  out += '"';
  if (!queued.reason.empty()) out += ",\"reason\":" + base::json_string(queued.reason);
  if (!queued.failed.empty()) {
    out += ",\"failed\":[";
    for (const ports::FailedRecipient& each : queued.failed) {
      out += out.back() == '[' ? "{" : ",{";
      out += "\"userId\":" + base::json_string(each.user.str());
      if (!each.connection.empty()) out += ",\"connectionId\":" + base::json_string(each.connection.str());
      out += ",\"reason\":" + base::json_string(each.reason) + "}";
    }
    out += ']';
  }
  return out += '}';
}

/// The ids of `{"messageIds":[…]}`; none (all of them) for an empty body or an absent member.
Result<std::vector<model::MessageId>> redrive_ids(const std::string& body) {
  std::vector<model::MessageId> ids;
  if (body.empty()) return ids;
  const auto document = model::JsonDocument::parse(body, errors::kInvalidParameter);
  if (!document) return std::unexpected(document.error());
  const auto* list = document->object().if_contains("messageIds");
  if (!list || list->is_null()) return ids;
  const auto invalid = [] {
    return model::fail(errors::kInvalidParameter, "messageIds must be a list of 1 to 1000 message ids");
  };
  if (!list->is_array() || list->get_array().empty() || list->get_array().size() > kMaxRedriveIds)
    return invalid();
  for (const auto& each : list->get_array()) {
    const auto* text = each.if_string();
    const auto id = text ? model::MessageId::parse(model::view(*text)) : std::nullopt;
    if (!id) return invalid();
    ids.push_back(*id);
  }
  return ids;
}

ports::HttpHandler list_handler(ports::QueueAdmin& queues) {
  return admin_only([&queues](HttpRequest, HttpResponder respond) {
    queues.list([respond = std::move(respond)](Result<std::vector<ports::QueueInfo>> list) mutable {
      if (!list) return respond(HttpResponse::error(list.error()));
      std::string body = "[";
      for (const auto& each : *list) body += (body.size() > 1 ? "," : "") + queue_json(each);
      respond(HttpResponse::json(200, body + "]"));
    });
  });
}

ports::HttpHandler peek_handler(ports::QueueAdmin& queues) {
  return admin_only([&queues](HttpRequest request, HttpResponder respond) {
    const auto limit = limit_of(request, kDefaultPeek, kMaxPeek);
    if (!limit) return respond(HttpResponse::error(limit.error()));
    queues.peek(
        request.parameters[0], *limit,
        [respond = std::move(respond)](Result<std::vector<ports::QueuedMessage>> list) mutable {
          if (!list) return respond(HttpResponse::error(list.error()));
          std::string body = "{\"messages\":[";
          for (const auto& each : *list) body += (body.back() == '[' ? "" : ",") + queued_json(each);
          respond(HttpResponse::json(200, body + "],\"count\":" + std::to_string(list->size()) + "}"));
        });
  });
}

ports::HttpHandler purge_handler(ports::QueueAdmin& queues) {
  return admin_only([&queues](HttpRequest request, HttpResponder respond) {
    queues.purge(request.parameters[0], [respond = std::move(respond)](Result<std::uint64_t> count) mutable {
      if (!count) return respond(HttpResponse::error(count.error()));
      respond(HttpResponse::json(200,
                                 "{\"message\":\"Queue purged\",\"purged\":" + std::to_string(*count) + "}"));
    });
  });
}

ports::HttpHandler redrive_handler(ports::QueueAdmin& queues) {
  return admin_only([&queues](HttpRequest request, HttpResponder respond) {
    auto ids = redrive_ids(request.body);
    if (!ids) return respond(HttpResponse::error(ids.error()));
    queues.redrive(request.parameters[0], std::move(*ids),
                   [respond = std::move(respond)](Result<std::uint64_t> count) mutable {
                     if (!count) return respond(HttpResponse::error(count.error()));
                     respond(HttpResponse::json(200, "{\"message\":\"Messages redriven\",\"redriven\":" +
                                                         std::to_string(*count) + "}"));
                   });
  });
}

}  // namespace

std::vector<ports::Route> queue_routes(ports::QueueAdmin& queues) {
  return {{"GET", "/queues", ports::Access::token, list_handler(queues)},
          {"GET", "/queues/{name}/messages", ports::Access::token, peek_handler(queues)},
          {"DELETE", "/queues/{name}/messages", ports::Access::token, purge_handler(queues)},
          {"POST", "/queues/{name}/redrive", ports::Access::token, redrive_handler(queues)}};
}

}  // namespace carillon::management
