#pragma once

#include <cstdint>
#include <memory>

#include "comments_api/settings.hpp"

namespace carillon::comments_api {

/// The whole service: makes its parts and joins them. One thread calls it.
class Application {
 public:
  /// Serves when it returns. Throws std::runtime_error with one line for the operator when it cannot.
  explicit Application(const Settings& settings);
  ~Application();
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  std::uint16_t port() const;
  /// Ends requests under way, gives what waits to be broadcast two more seconds, and ends everything. Called
  /// by the destructor.
  void stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace carillon::comments_api
