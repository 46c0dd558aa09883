#pragma once

#include <utility>
#include <vector>

#include "ports/http.hpp"

namespace carillon::server {

inline void append_routes(std::vector<ports::Route>& to, std::vector<ports::Route> more) {
  for (ports::Route& each : more) to.push_back(std::move(each));
}

}  // namespace carillon::server
