#pragma once

#include <vector>

#include "dashboard/page_files.hpp"
#include "ports/http.hpp"

namespace carillon::dashboard {

/// The files of the page `NotificationService-Latency` (CONTRACT §13): `/dashboard/`, `/dashboard/assets/…`
/// and
/// `/dashboard/runbook.html`, and `/dashboard`, which leads there. Open: they hold no figures, the page asks
/// for these with its reader's token. Answers come at once, on the calling thread, compressed for whoever
/// takes gzip. `files` must outlive the routes. Throws std::runtime_error when one is damaged.
std::vector<ports::Route> dashboard_routes(std::span<const PageFile> files = page_files());

}  // namespace carillon::dashboard
