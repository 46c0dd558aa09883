#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/identity.hpp"
#include "ports/metric_set.hpp"

namespace carillon::ports {

/// How often one door let somebody in, refused, or could not tell because keys were not to be had.
/// `Counter` is base::Counter for one writing thread, base::SharedCounter for several.
template <typename Counter>
class AuthorizationCounts {
 public:
  void count(const base::Result<model::IdentityPtr>& decided) {
    if (decided)
      allowed_.add();
    else if (decided.error().retryable())
      unavailable_.add();
    else
      refused_.add();
  }
  /// `via`: http, websocket, ticket or refresh. Any thread.
  void collect(MetricSet& into, std::string_view via) const {
    constexpr std::string_view kName = "carillon_authorizations_total";
    constexpr std::string_view kHelp = "Decisions on who somebody is, by the way they came";
    const std::string door(via);
    into.counter(kName, kHelp, allowed_.value(), {{"via", door}, {"result", "allowed"}});
    into.counter(kName, kHelp, refused_.value(), {{"via", door}, {"result", "refused"}});
    into.counter(kName, kHelp, unavailable_.value(), {{"via", door}, {"result", "unavailable"}});
  }

 private:
  Counter allowed_;
  Counter refused_;
  Counter unavailable_;
};

}  // namespace carillon::ports
