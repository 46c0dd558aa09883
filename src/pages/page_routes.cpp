#include "pages/page_routes.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>

#include <boost/algorithm/string/case_conv.hpp>
#include <boost/algorithm/string/trim.hpp>

#include "pages/inflate.hpp"

namespace carillon::pages {
namespace {

using ports::HttpRequest;
using ports::HttpResponder;
using ports::HttpResponse;

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Calls `visit` with each part of a list between commas, without the white space around it.
template <typename Visit>
void for_each_part(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    visit(boost::trim_copy(std::string(list.substr(0, end))));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

/// Whether a part of `Accept-Encoding` takes rather than refuses (RFC 9110 §12.4.2): any weight but zero.
bool has_weight(std::string_view parameters) {
  const std::size_t weight = parameters.find("q=");
  return weight == std::string_view::npos ||
         parameters.substr(weight + 2).find_first_of("123456789") != std::string_view::npos;
}

bool takes_gzip(std::string_view accept_encoding) {
  bool any = false;
  std::optional<bool> gzip;
  for_each_part(boost::to_lower_copy(std::string(accept_encoding)), [&](const std::string& part) {
    const std::size_t end = std::min(part.find(';'), part.size());
    const std::string coding = boost::trim_copy(part.substr(0, end));
    const bool taken = has_weight(std::string_view(part).substr(end));
    if (coding == "gzip" || coding == "x-gzip") gzip = taken;
    if (coding == "*") any = taken;
  });
  return gzip.value_or(any);
}

/// Whether what the client has is this (RFC 9110 §13.1.2, weak comparison).
bool has_already(std::string_view if_none_match, std::string_view tag) {
  bool found = false;
  for_each_part(if_none_match, [&](const std::string& part) {
    found = found || part == "*" || (part.starts_with("W/") ? part.substr(2) : part) == tag;
  });
  return found;
}

HttpResponse answer(const PageFile& file, const std::shared_ptr<const std::string>& plain,
                    const HttpRequest& request) {
  const bool gzip = takes_gzip(request.header("accept-encoding"));
  const std::string tag = "\"" + std::string(file.digest) + (gzip ? "-gzip\"" : "\"");
  // The names of assets hold their digests; the pages' own do not.
  const bool immutable = file.name.starts_with("assets/");
  HttpResponse response;
  response.headers = {{"Cache-Control", immutable ? "public, max-age=31536000, immutable" : "no-cache"},
                      {"Content-Security-Policy", std::string(kPolicy)},
                      {"Cross-Origin-Resource-Policy", "same-origin"},
                      {"ETag", tag},
                      {"Referrer-Policy", "no-referrer"},
                      {"Vary", "Accept-Encoding"}};
  if (has_already(request.header("if-none-match"), tag)) {
    response.status = 304;
    return response;
  }
  if (gzip) response.headers.emplace_back("Content-Encoding", "gzip");
  response.content_type = file.content_type;
  response.shared_body = gzip ? std::string_view(file.gzip) : std::string_view(*plain);
  if (!gzip) response.shared_owner = plain;
  return response;
}

ports::Route file_route(const std::string& folder, const PageFile& file) {
  const std::string path = folder + "/" + std::string(file.name == "index.html" ? "" : file.name);
  auto plain = inflate(file.gzip);
  if (!plain) throw std::runtime_error("the file of " + path + " is damaged");
  return {"GET", path, ports::Access::open,
          [&file, plain = std::make_shared<const std::string>(std::move(*plain))](
              HttpRequest request, HttpResponder respond) { respond(answer(file, plain, request)); }};
}

}  // namespace

std::vector<ports::Route> page_routes(std::string_view path, std::span<const PageFile> files) {
  const std::string folder(path);
  // Relative, so that it is right below any stage and any proxy's prefix.
  const auto lead_there = [location = folder.substr(folder.rfind('/') + 1) + "/"](HttpRequest,
                                                                                  HttpResponder respond) {
    HttpResponse response;
    response.status = 301;
    response.content_type.clear();
    response.headers = {{"Location", location}, {"Cache-Control", "no-cache"}};
    respond(std::move(response));
  };
  std::vector<ports::Route> routes = {{"GET", folder, ports::Access::open, lead_there}};
  for (const PageFile& file : files) routes.push_back(file_route(folder, file));
  return routes;
}

}  // namespace carillon::pages
