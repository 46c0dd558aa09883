#include "gateway/route_table.hpp"

#include <algorithm>
#include <stdexcept>

#include "base/bytes.hpp"

namespace carillon::gateway {
namespace {

/// `{id}` becomes an empty segment.
std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> segments;
  path.remove_prefix(path.starts_with('/') ? 1 : 0);
  for (;;) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    const bool parameter = segment.starts_with('{') && segment.ends_with('}');
    segments.emplace_back(parameter ? std::string_view() : segment);
    if (end == path.size()) return segments;
    path.remove_prefix(end + 1);
  }
}

}  // namespace

RouteTable::RouteTable(std::vector<ports::Route> routes, std::string stage)
    : routes_(std::move(routes)), stage_(stage.empty() ? std::string() : "/" + stage) {
  for (const ports::Route& route : routes_) {
    std::vector<const ports::Route*>* same_path = nullptr;
    if (route.path.find('{') == std::string::npos) {
      same_path = &literal_[route.path];
    } else {
      const auto segments = segments_of(route.path);
      auto found = std::ranges::find(patterns_, segments, &Pattern::segments);
      if (found == patterns_.end()) found = patterns_.insert(patterns_.end(), {segments, {}});
      same_path = &found->routes;
    }
    for (const ports::Route* other : *same_path)
      if (other->method == route.method)
        throw std::runtime_error("two routes for " + route.method + " " + route.path);
    same_path->push_back(&route);
    auto path = std::ranges::find(paths_, route.path, &RoutePattern::path);
    if (path == paths_.end()) path = paths_.insert(paths_.end(), {route.path, {}});
    path->methods.push_back(route.method);
    numbers_.push_back(static_cast<std::size_t>(path - paths_.begin()) + 1);
  }
  std::ranges::sort(patterns_, {}, [](const Pattern& pattern) {
    return std::ranges::count(pattern.segments, std::string());
  });
}

std::string_view RouteTable::canonical(std::string_view path) const {
  if (!stage_.empty() && path.starts_with(stage_)) {
    const std::string_view rest = path.substr(stage_.size());
    if (rest.empty()) return "/";
    if (rest.front() == '/') path = rest;
  }
  if (path == "/api/metrics") path.remove_prefix(4);
  return path;
}

RouteMatch RouteTable::find(std::string_view method, std::string_view path) const {
  RouteMatch match;
  const auto found = literal_.find(path);
  if (found != literal_.end()) choose(found->second, method, match);
  if (match.route) return match;
  for (const Pattern& pattern : patterns_) {
    std::vector<std::string> parameters;
    if (!matches(pattern, path, parameters)) continue;
    choose(pattern.routes, method, match);
    if (!match.route) continue;
    match.parameters = std::move(parameters);
    break;
  }
  return match;
}

bool RouteTable::matches(const Pattern& pattern, std::string_view path,
                         std::vector<std::string>& parameters) {
  if (!path.starts_with('/')) return false;
  path.remove_prefix(1);
  for (std::size_t i = 0; i < pattern.segments.size(); ++i) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const bool last = i + 1 == pattern.segments.size();
    if (last != (end == path.size())) return false;
    const std::string_view segment = path.substr(0, end);
    if (!pattern.segments[i].empty()) {
      if (segment != pattern.segments[i]) return false;
    } else {
      auto value = base::percent_decode(segment, false);
      if (!value || value->empty()) return false;
      parameters.push_back(std::move(*value));
    }
    if (!last) path.remove_prefix(end + 1);
  }
  return true;
}

void RouteTable::choose(const std::vector<const ports::Route*>& routes, std::string_view method,
                        RouteMatch& match) {
  bool get = false;
  match.refuse = routes.front()->refuse;
  for (const ports::Route* route : routes) {
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += route->method;
    get = get || route->method == "GET";
    if (route->method == method || (method == "HEAD" && route->method == "GET" && !match.route))
      match.route = route;
  }
  if (get) match.allow += ", HEAD";
  match.allow += ", OPTIONS";
}

}  // namespace carillon::gateway
