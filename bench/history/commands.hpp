#pragma once

#include <boost/json/object.hpp>

#include "history/dataset.hpp"

namespace carillon::bench {

/// What a place is asked for; each command returns what it measured.
struct Wish {
  Place place{"."};
  Shape shape;
  std::size_t count = 20'000;  ///< queries of each kind; messages to store
  double rate = 5000;          ///< messages published per second
};

/// Fills a place in both ways unless it holds the shape already.
boost::json::object fill(const Wish& wish);
/// One thread reads, nothing else goes on: both answer the same questions, and must answer alike.
boost::json::object read(const Wish& wish);
/// Reads through a node's MessageHistory, at rest and while publishing goes on; SQLite while it is written
/// to.
boost::json::object publishing(const Wish& wish);
/// Messages from the log into the message table of the filled store.
boost::json::object storing(const Wish& wish);
/// A role from the memory of LocalPermissions.
boost::json::object permissions(const Wish& wish);

}  // namespace carillon::bench
