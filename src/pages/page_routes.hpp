#pragma once

#include <string_view>
#include <vector>

#include "pages/page_files.hpp"
#include "ports/http.hpp"

namespace carillon::pages {

/// The files of a page below `path` (`/dashboard`: `/dashboard/`, `/dashboard/assets/…`), and `path` itself,
/// which leads there. Open: they hold no figures and no messages, the page asks for these with its reader's
/// token. Its policy allows requests to the server that it came from and to no other. Answers come at once,
/// on the calling thread, compressed for whoever takes gzip. `files` must outlive the routes. Throws
/// std::runtime_error when one is damaged.
std::vector<ports::Route> page_routes(std::string_view path, std::span<const PageFile> files);

}  // namespace carillon::pages
