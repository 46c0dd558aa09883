#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ports/http.hpp"

namespace carillon::gateway {

/// What a method and a path come to.
struct RouteMatch {
  const ports::Route* route = nullptr;
  std::vector<std::string> parameters;  ///< decoded values of the `{…}` segments
  std::string allow;                    ///< the path's methods, for `Allow`; empty: the path is unknown
  ports::ErrorStyle refuse = &ports::HttpResponse::error;  ///< the path's
};

/// A path as the routes spell it, and the methods that they answer there.
struct RoutePattern {
  std::string path;
  std::vector<std::string> methods;
};

/// Which route answers a request (CONTRACT §2). Immutable, any thread.
class RouteTable {
 public:
  RouteTable() = default;
  /// `stage` is the optional first segment of every path. Throws std::runtime_error when two routes have the
  /// same method and path.
  RouteTable(std::vector<ports::Route> routes, std::string stage);
  RouteTable(RouteTable&&) = default;
  RouteTable& operator=(RouteTable&&) = default;

  /// The path without its stage, and with `/api/metrics` as `/metrics`; `/` for the bare stage.
  std::string_view canonical(std::string_view path) const;
  /// `path` in canonical form. HEAD is answered by GET's route. A literal segment wins over a `{…}` one.
  RouteMatch find(std::string_view method, std::string_view path) const;
  /// All paths, each once.
  const std::vector<RoutePattern>& patterns() const { return paths_; }
  /// 1 + the place of the path of `route`, which is one of this table's, among patterns(); 0 for none.
  std::size_t pattern_number(const ports::Route* route) const {
    return route ? numbers_[static_cast<std::size_t>(route - routes_.data())] : 0;
  }
  /// Where a WebSocket may be opened.
  static bool is_websocket_path(std::string_view path) { return path == "/" || path == "/ws"; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  struct Pattern {
    std::vector<std::string> segments;  ///< empty: a parameter
    std::vector<const ports::Route*> routes;
  };
  static bool matches(const Pattern& pattern, std::string_view path, std::vector<std::string>& parameters);
  static void choose(const std::vector<const ports::Route*>& routes, std::string_view method,
                     RouteMatch& match);

  std::vector<ports::Route> routes_;
  std::vector<RoutePattern> paths_;
  std::vector<std::size_t> numbers_;  ///< of each of routes_
  std::string stage_;                 ///< with its slash, or empty
  std::unordered_map<std::string, std::vector<const ports::Route*>, Hash, std::equal_to<>> literal_;
  std::vector<Pattern> patterns_;  ///< those with more literal segments first
};

}  // namespace carillon::gateway
