#include "metric_collector/requests.hpp"

namespace carillon::metric_collector {

ports::HttpHandler metrics_only(ports::HttpHandler handler) {
  return [handler = std::move(handler)](ports::HttpRequest request, ports::HttpResponder respond) {
    const model::Identity& asking = *request.identity;
    if (!asking.may_read_metrics && !asking.is_admin)
      return respond(ports::HttpResponse::error(
          model::Error(model::errors::kForbidden, "needs carillon/metrics or carillon/admin")));
    handler(std::move(request), std::move(respond));
  };
}

}  // namespace carillon::metric_collector
