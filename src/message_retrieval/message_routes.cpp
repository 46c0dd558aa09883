#include "message_retrieval/message_routes.hpp"

#include "message_retrieval/answers.hpp"
#include "message_retrieval/history_request.hpp"
#include "message_retrieval/page_token.hpp"

namespace carillon::message_retrieval {
namespace {

using model::Result;
using ports::HttpRequest;
using ports::HttpResponder;
using ports::HttpResponse;

void answer(HttpResponder& respond, HttpResponse response) {
  response.headers.emplace_back("Cache-Control", "no-store");
  respond(std::move(response));
}

void refuse(HttpResponder& respond, const model::Error& error) {
  answer(respond, HttpResponse::error(error));
}

void read_sequences(ports::MessageHistory& history, model::IdentityPtr asking, HistoryRequest query,
                    HttpResponder respond) {
  history.sequences(std::move(asking), std::move(query.target.id), std::move(query.numbers),
                    [respond = std::move(respond)](Result<ports::SequencePage> page) mutable {
                      if (!page) return refuse(respond, page.error());
                      answer(respond, HttpResponse::json(200, sequences_json(*page)));
                    });
}

void read_page(ports::MessageHistory& history, model::IdentityPtr asking, HistoryRequest query,
               HttpResponder respond) {
  PageScope scope{asking->user, query.target, query.oldest_first, query.range};
  ports::HistoryQuery wanted{.target = std::move(query.target),
                             .oldest_first = query.oldest_first,
                             .from = query.range.from,
                             .to = query.range.to,
                             .limit = query.limit};
  if (!query.start_key.empty()) {
    const auto position = open_page_token(history.token_secret(), scope, query.start_key);
    if (!position) return refuse(respond, position.error());
    wanted.after = *position;
  }
  history.page(std::move(asking), std::move(wanted),
               [&history, scope = std::move(scope),
                respond = std::move(respond)](Result<ports::HistoryPage> page) mutable {
                 if (!page) return refuse(respond, page.error());
                 std::optional<std::string> next;
                 if (page->more && !page->messages.empty())
                   next = seal_page_token(history.token_secret(), scope, page->messages.back()->position);
                 answer(respond, HttpResponse::json(200, page_json(*page, next)));
               });
}

ports::HttpHandler list_handler(ports::MessageHistory& history) {
  return [&history](HttpRequest request, HttpResponder respond) {
    auto query = read_history_request(request);
    if (!query) return refuse(respond, query.error());
    auto read = query->numbers.empty() ? read_page : read_sequences;
    read(history, std::move(request.identity), std::move(*query), std::move(respond));
  };
}

/// What is no message id is answered like one that does not exist.
template <typename Read>
ports::HttpHandler with_id(Read read) {
  return [read](HttpRequest request, HttpResponder respond) {
    const auto id = model::MessageId::parse(request.parameters[0]);
    if (!id) return refuse(respond, model::Error(model::errors::kNotFound));
    read(std::move(request.identity), *id, std::move(respond));
  };
}

ports::HttpHandler message_handler(ports::MessageHistory& history) {
  return with_id([&history](model::IdentityPtr asking, model::MessageId id, HttpResponder respond) {
    history.message(std::move(asking), id,
                    [respond = std::move(respond)](Result<model::MessagePtr> message) mutable {
                      if (!message) return refuse(respond, message.error());
                      answer(respond, HttpResponse::json(200, message_json(**message)));
                    });
  });
}

ports::HttpHandler status_handler(ports::MessageHistory& history) {
  return with_id([&history](model::IdentityPtr asking, model::MessageId id, HttpResponder respond) {
    history.trace(std::move(asking), id,
                  [respond = std::move(respond)](Result<ports::MessageTrace> trace) mutable {
                    if (!trace) return refuse(respond, trace.error());
                    answer(respond, HttpResponse::json(200, status_json(*trace)));
                  });
  });
}

ports::HttpHandler trace_handler(ports::MessageHistory& history) {
  return with_id([&history](model::IdentityPtr asking, model::MessageId id, HttpResponder respond) {
    const bool for_operator = asking->is_admin;
    history.trace(std::move(asking), id,
                  [for_operator, respond = std::move(respond)](Result<ports::MessageTrace> trace) mutable {
                    if (!trace) return refuse(respond, trace.error());
                    answer(respond, HttpResponse::json(200, trace_json(*trace, for_operator)));
                  });
  });
}

}  // namespace

std::vector<ports::Route> message_routes(ports::MessageHistory& history) {
  return {{"GET", "/messages", ports::Access::token, list_handler(history)},
          {"GET", "/messages/{messageId}", ports::Access::token, message_handler(history)},
          {"GET", "/messages/{messageId}/status", ports::Access::token, status_handler(history)},
          {"GET", "/messages/{messageId}/trace", ports::Access::token, trace_handler(history)}};
}

}  // namespace carillon::message_retrieval
