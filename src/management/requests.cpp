#include "management/requests.hpp"

#include <charconv>

namespace carillon::management {

ports::HttpHandler admin_only(ports::HttpHandler handler, ports::ErrorStyle refuse) {
  return [handler = std::move(handler), refuse](ports::HttpRequest request, ports::HttpResponder respond) {
    if (!request.identity->is_admin)
      return respond(refuse(model::Error(model::errors::kForbidden, "needs carillon/admin")));
    handler(std::move(request), std::move(respond));
  };
}

model::Result<std::size_t> limit_of(const ports::HttpRequest& request, std::size_t absent, std::size_t most) {
  const auto text = request.query_value("limit");
  if (!text) return absent;
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc() || end != text->data() + text->size() || limit < 1 || limit > most)
    return model::fail(model::errors::kInvalidParameter,
                       "limit must be a number from 1 to " + std::to_string(most));
  return limit;
}

}  // namespace carillon::management
