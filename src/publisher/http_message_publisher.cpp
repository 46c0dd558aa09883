#include "publisher/http_message_publisher.hpp"

#include <atomic>
#include <memory>

#include "base/bytes.hpp"
#include "publisher/broadcast.hpp"
#include "publisher/intake.hpp"

namespace carillon::publisher {
namespace {

namespace errors = model::errors;
using model::Error;
using model::fail;
using model::Result;
using ports::HttpRequest;
using ports::HttpResponder;
using ports::HttpResponse;
using ports::Receipt;

constexpr std::size_t kMaxBatch = 100;
constexpr std::size_t kBatchBodyFactor = 4;

/// The Idempotency-Key, empty when absent. It is a deduplication id and keeps to its rules.
Result<std::string> idempotency_key(const HttpRequest& request) {
  const std::string_view key = request.header("idempotency-key");
  if (!key.empty() && !base::valid_id(key, 128))
    return fail(errors::kInvalidParameter, "Idempotency-Key must be 1 to 128 characters without commas");
  return std::string(key);
}

/// The answers of a batch, gathered from whatever thread decides each message; the last one responds.
class BatchAnswer {
 public:
  BatchAnswer(std::size_t size, HttpResponder respond, ports::OpenSpan span)
      : outcomes_(size), outstanding_(size), respond_(std::move(respond)), span_(std::move(span)) {
    if (span_) span_.attribute("messages", std::to_string(size));
  }

  ~BatchAnswer() { span_.end(true); }

  void set_id(std::size_t index, std::string id_json) { outcomes_[index].id_json = std::move(id_json); }

  void refuse(std::size_t index, const Error& error) {
    Outcome& outcome = outcomes_[index];
    outcome.members = "\"statusCode\":" + std::to_string(error.status()) + ",\"error\":";
    base::append_json_string(outcome.members, error.text());
    if (!error.details().empty()) outcome.members += ",\"details\":" + base::json_string(error.details());
    if (error.retry_after_ms() > 0)
      outcome.members += ",\"retryAfterMs\":" + std::to_string(error.retry_after_ms());
    outcome.members += error.members();
    settle();
  }

  void accept(std::size_t index, const Echo& echo, const Receipt& receipt) {
    outcomes_[index].accepted = true;
    outcomes_[index].members = receipt_members(echo, receipt);
    settle();
  }

 private:
  struct Outcome {
    bool accepted = false;
    std::string id_json;
    std::string members;
  };

  void settle() {
    if (outstanding_.fetch_sub(1) != 1) return;
    span_.end(false);
    std::string lists[2];
    for (const Outcome& each : outcomes_) {
      std::string& list = lists[each.accepted ? 0 : 1];
      list += list.empty() ? "{" : ",{";
      if (!each.id_json.empty()) list += "\"id\":" + each.id_json + ",";
      list += each.members;
      list += '}';
    }
    respond_(HttpResponse::json(200, "{\"successful\":[" + lists[0] + "],\"failed\":[" + lists[1] + "]}"));
  }

  std::vector<Outcome> outcomes_;
  std::atomic<std::size_t> outstanding_;
  HttpResponder respond_;
  ports::OpenSpan span_;  ///< of the whole
};

/// The batch's own name for an element as JSON text, empty without one.
Result<std::string> element_id(const model::JsonDocument& element) {
  const auto* id = element.object().if_contains("id");
  if (!id) return std::string();
  const auto* text = id->if_string();
  if (!text || text->size() > 256)
    return fail(errors::kInvalidParameter, "id must be a text of at most 256 bytes");
  return std::string(element.raw("id"));
}

}  // namespace

std::vector<ports::Route> HttpMessagePublisher::routes() {
  return {{"POST", "/publish", ports::Access::token,
           [this](HttpRequest request, HttpResponder respond) {
             publish(std::move(request), std::move(respond));
           },
           1, true},
          {"POST", "/publish/batch", ports::Access::token,
           [this](HttpRequest request, HttpResponder respond) {
             publish_batch(std::move(request), std::move(respond));
           },
           kBatchBodyFactor, true},
          {"POST", "/broadcast", ports::Access::token,
           [this](HttpRequest request, HttpResponder respond) {
             broadcast(std::move(request), std::move(respond));
           },
           1, true}};
}

void HttpMessagePublisher::publish(HttpRequest request, HttpResponder respond) {
  const auto make = [this](const model::JsonDocument& document, const HttpRequest&, const Origin& origin) {
    return make_publication(document, origin, channels_);
  };
  publish_one(std::move(request), std::move(respond), make, [](const Echo& echo, const Receipt& receipt) {
    return "{\"message\":\"Message published successfully!\"," + receipt_members(echo, receipt) + '}';
  });
}

void HttpMessagePublisher::broadcast(HttpRequest request, HttpResponder respond) {
  const auto make = [](const model::JsonDocument& document, const HttpRequest& from, const Origin& origin) {
    return make_broadcast(document, from.body, origin, base::now_ms());
  };
  publish_one(std::move(request), std::move(respond), make, [](const Echo&, const Receipt& receipt) {
    std::string answer = "{\"message\":\"Broadcast accepted\",\"messageId\":\"";
    receipt.id.append_to(answer);
    answer += receipt.deduplicated ? "\",\"deduplicated\":true}" : "\"}";
    return answer;
  });
}

void HttpMessagePublisher::publish_one(HttpRequest request, HttpResponder respond, const Make& make,
                                       Answer answer) {
  Intake intake(tracer_, request.trace, tracer_ ? request.incoming_trace() : std::nullopt,
                base::monotonic_now(), request.completed_ns);
  const auto refuse = [&](const Error& error) {
    intake.refused();
    respond(HttpResponse::error(error));
  };
  auto key = idempotency_key(request);
  if (!key) return refuse(key.error());
  const auto document = model::JsonDocument::parse(request.body);
  if (!document) return refuse(document.error());
  auto publication = make(*document, request, {request.identity, {}, std::move(*key)});
  if (!publication) return refuse(publication.error());
  intake.mark(*publication);
  Echo echo(*publication);
  bus_.publish(std::move(*publication), [respond = std::move(respond), answer, echo = std::move(echo),
                                         intake = std::move(intake)](Result<Receipt> receipt) mutable {
    intake.answered(receipt);
    if (!receipt) return respond(HttpResponse::error(answer_to(receipt.error(), errors::kPublishFailed)));
    respond(HttpResponse::json(200, answer(echo, *receipt)));
  });
}

void HttpMessagePublisher::publish_batch(HttpRequest request, HttpResponder respond) {
  const base::Monotonic since = base::monotonic_now();
  auto span = ports::OpenSpan::as(tracer_, "publish", request.trace,
                                  tracer_ ? request.incoming_trace() : std::nullopt, request.completed_ns);
  const auto refuse = [&](const Error& error) {
    span.end(true);
    respond(HttpResponse::error(error));
  };
  const auto key = idempotency_key(request);
  if (!key) return refuse(key.error());
  const auto document = model::JsonDocument::parse(request.body);
  if (!document) return refuse(document.error());
  const auto* messages = document->object().if_contains("messages");
  if (!messages || !messages->is_array() || messages->get_array().empty() ||
      messages->get_array().size() > kMaxBatch)
    return refuse(Error(errors::kInvalidParameter, "messages must be a list of 1 to 100 messages"));

  const auto elements = model::raw_elements(document->raw("messages"));
  auto answer = std::make_shared<BatchAnswer>(elements.size(), std::move(respond), std::move(span));
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const auto element = model::JsonDocument::parse(elements[i]);
    if (!element) {
      answer->refuse(i, Error(errors::kMissingParameters));
      continue;
    }
    auto id = element_id(*element);
    if (!id) {
      answer->refuse(i, id.error());
      continue;
    }
    answer->set_id(i, std::move(*id));
    const Origin origin{request.identity, {}, key->empty() ? std::string() : *key + "/" + std::to_string(i)};
    Intake intake(tracer_, request.trace.transform(base::child_of), request.trace, since);
    auto publication = make_publication(*element, origin, channels_);
    if (!publication) {
      intake.refused();
      answer->refuse(i, publication.error());
      continue;
    }
    intake.mark(*publication);
    Echo echo(*publication);
    bus_.publish(std::move(*publication), [answer, i, echo = std::move(echo),
                                           intake = std::move(intake)](Result<Receipt> receipt) mutable {
      intake.answered(receipt);
      receipt ? answer->accept(i, echo, *receipt)
              : answer->refuse(i, answer_to(receipt.error(), errors::kPublishFailed));
    });
  }
}

}  // namespace carillon::publisher
