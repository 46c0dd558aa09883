#include "embedded/node_upkeep.hpp"

#include "base/log.hpp"
#include "embedded/upkeep.hpp"

namespace carillon::embedded {
namespace {

/// A backup of a live server leaves the disk to publishing for the most part.
constexpr std::uint64_t kBackupBytesPerSecond = 128u << 20;

}  // namespace

NodeUpkeep::NodeUpkeep(const Store& store)
    : store_(store),
      upkeep_(store),
      control_(store.directory(),
               [this](std::string_view line, const UpkeepProgress& progress,
                      std::stop_token stop) -> base::Result<std::string> {
                 const auto request = parse_request(line);
                 if (!request) return std::unexpected(request.error());
                 return perform_upkeep(store_, *request, kBackupBytesPerSecond, progress, std::move(stop));
               }) {}

void NodeUpkeep::start() {
  loop_.start();
  loop_.post([this] { follow_retention(); });
  if (const auto listening = control_.start(); !listening)
    base::log::warn("control_socket_missing", "no backup and no verify while this server runs",
                    {{"reason", listening.error().details()}});
}

void NodeUpkeep::stop() {
  stopping_.request_stop();
  control_.stop();
  loop_.stop();
}

bool NodeUpkeep::trim_due() {
  const base::Monotonic now = base::monotonic_now();
  if (now - trimmed_at_ < upkeep_.retention_interval()) return false;
  trimmed_at_ = now;
  return true;
}

void NodeUpkeep::follow_retention() {
  upkeep_.follow_retention(stopping_.get_token());
  timer_.expires_after(upkeep_.retention_interval());
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) follow_retention();
  });
}

}  // namespace carillon::embedded
