#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ports/message_bus.hpp"
#include "ports/message_history.hpp"
#include "ports/permission_table.hpp"
#include "ports/series_table.hpp"

namespace carillon::contract {

/// An implementation of the ports, fresh and empty, for suites that every one of them must pass.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual ports::MessageBus& bus() = 0;
  virtual ports::PermissionTable& permissions() = 0;
  virtual ports::MessageHistory& history() = 0;
  virtual ports::SeriesTable& series() = 0;
  /// Ends it and starts it again over the same data. References to ports are invalid afterwards.
  virtual void restart() = 0;
  /// From now on everything published before `time` is past its retention, and nothing else.
  virtual void expire_before(base::EpochMs time) = 0;
};

struct BackendFactory {
  std::string name;
  std::function<std::unique_ptr<Backend>()> make;
};

/// All that there are.
std::vector<BackendFactory> backends();

}  // namespace carillon::contract
