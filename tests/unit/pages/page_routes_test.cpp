#include "pages/page_routes.hpp"

#include <map>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pages/inflate.hpp"

namespace carillon::pages {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;
using ::testing::HasSubstr;

/// What a route answers; every one answers at once.
ports::HttpResponse get(const std::vector<ports::Route>& routes, const std::string& path,
                        Headers headers = {}) {
  const auto route = std::ranges::find(routes, path, &ports::Route::path);
  if (route == routes.end()) throw std::runtime_error("no route " + path);
  ports::HttpRequest request;
  request.method = "GET";
  request.path = path;
  request.headers = std::move(headers);
  std::optional<ports::HttpResponse> answer;
  route->handler(std::move(request), [&](ports::HttpResponse response) { answer = std::move(response); });
  return answer.value();
}

std::string header(const ports::HttpResponse& response, const std::string& name) {
  for (const auto& [each, value] : response.headers)
    if (each == name) return value;
  return {};
}

std::string content(const ports::HttpResponse& response) {
  EXPECT_EQ(response.body, "") << "is not copied";
  if (header(response, "Content-Encoding") == "gzip") return inflate(response.content()).value();
  return std::string(response.content());
}

TEST(PageRoutes, ServeThePageByItsName) {
  const auto routes = page_routes("/dashboard", dashboard_files());
  const auto page = get(routes, "/dashboard/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(content(page), HasSubstr("<title>NotificationService-Latency</title>"));
  EXPECT_EQ(header(page, "Cache-Control"), "no-cache");
  EXPECT_EQ(get(routes, "/dashboard/runbook.html").content_type, "text/html; charset=utf-8");
  for (const auto& route : routes) {
    EXPECT_EQ(route.method, "GET");
    EXPECT_EQ(route.access, ports::Access::open);
  }
}

TEST(PageRoutes, LeadToThePageBelowAnyPrefix) {
  const auto answer = get(page_routes("/dashboard", dashboard_files()), "/dashboard");
  EXPECT_EQ(answer.status, 301);
  EXPECT_EQ(header(answer, "Location"), "dashboard/");
}

// One missing would only be seen in a browser; one that names a whole URL would be a request elsewhere or
// lose the stage.
void expect_files_of(const std::string& folder, std::span<const PageFile> files, const std::string& name) {
  const auto routes = page_routes(folder, files);
  std::set<std::string> paths;
  for (const auto& route : routes) paths.insert(route.path);
  const std::regex reference(R"re((?:src|href)="([^"#]+)")re");
  const std::string html = content(get(routes, folder + "/" + name));
  const std::string head = html.substr(0, html.find("</head>"));
  int found = 0;
  for (std::sregex_iterator each(head.begin(), head.end(), reference), end; each != end; ++each, ++found) {
    const std::string file = (*each)[1];
    ASSERT_TRUE(file.starts_with("./assets/")) << folder << " names " << file;
    EXPECT_TRUE(paths.contains(folder + file.substr(1))) << folder << " names " << file;
  }
  EXPECT_GE(found, 2) << folder;
}

TEST(PageRoutes, EveryFileThatAPageNamesIsThere) {
  expect_files_of("/dashboard", dashboard_files(), "");
  expect_files_of("/dashboard", dashboard_files(), "runbook.html");
  expect_files_of("/try", chat_files(), "");
}

TEST(PageRoutes, ServeEachPageBelowItsOwnPath) {
  const auto routes = page_routes("/try", chat_files());
  EXPECT_THAT(content(get(routes, "/try/")), HasSubstr("<title>Try Carillon</title>"));
  EXPECT_EQ(header(get(routes, "/try"), "Location"), "try/");
  for (const auto& route : routes)
    EXPECT_TRUE(route.path == "/try" || route.path.starts_with("/try/")) << route.path;
}

TEST(PageRoutes, AssetsNeverChangeAndAreSmall) {
  const auto routes = page_routes("/dashboard", dashboard_files());
  std::size_t total = 0;
  int assets = 0;
  for (const auto& route : routes) {
    if (!route.path.starts_with("/dashboard/")) continue;
    const auto answer = get(routes, route.path, {{"accept-encoding", "gzip"}});
    total += answer.content().size();
    if (!route.path.starts_with("/dashboard/assets/")) continue;
    ++assets;
    EXPECT_EQ(header(answer, "Cache-Control"), "public, max-age=31536000, immutable") << route.path;
  }
  EXPECT_GE(assets, 3);
  EXPECT_LT(total, 160 * 1024U);
}

TEST(PageRoutes, CarryAStrictPolicy) {
  const auto routes = page_routes("/dashboard", dashboard_files());
  for (const auto& route : routes) {
    if (route.path == "/dashboard") continue;
    for (const Headers& headers : {Headers{}, Headers{{"if-none-match", "*"}}}) {
      const auto answer = get(routes, route.path, headers);
      const std::string policy = header(answer, "Content-Security-Policy");
      EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
      EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
      EXPECT_EQ(policy.find("unsafe"), std::string::npos);
      EXPECT_EQ(policy.find('*'), std::string::npos);
      EXPECT_EQ(header(answer, "Referrer-Policy"), "no-referrer");
    }
  }
}

TEST(PageRoutes, CompressForWhoeverTakesIt) {
  const auto routes = page_routes("/dashboard", dashboard_files());
  const std::string plain = content(get(routes, "/dashboard/"));
  const std::map<std::string, bool> cases = {{"gzip", true},
                                             {"GZIP", true},
                                             {"deflate, gzip;q=0.5, br", true},
                                             {"*", true},
                                             {"identity", false},
                                             {"gzip;q=0", false},
                                             {"gzip; q=0.000", false},
                                             {"*, gzip;q=0", false},
                                             {"gzipped", false},
                                             {"", false},
                                             {",,;", false},
                                             {"br;q=1, *;q=0.1", true},
                                             {"*;q=0", false},
                                             {"x-gzip", true}};
  for (const auto& [accepted, compressed] : cases) {
    const auto answer = get(routes, "/dashboard/", {{"accept-encoding", accepted}});
    EXPECT_EQ(header(answer, "Content-Encoding") == "gzip", compressed) << accepted;
    EXPECT_EQ(content(answer), plain) << accepted;
    EXPECT_EQ(header(answer, "Vary"), "Accept-Encoding");
  }
}

TEST(PageRoutes, SendNothingThatIsThereAlready) {
  const auto routes = page_routes("/dashboard", dashboard_files());
  const std::string tag = header(get(routes, "/dashboard/"), "ETag");
  ASSERT_GT(tag.size(), 10U);
  const std::string compressed = header(get(routes, "/dashboard/", {{"accept-encoding", "gzip"}}), "ETag");
  EXPECT_NE(tag, compressed);
  for (const std::string& held : {tag, "W/" + tag, "\"other\", " + tag, std::string("*")}) {
    const auto answer = get(routes, "/dashboard/", {{"if-none-match", held}});
    EXPECT_EQ(answer.status, 304) << held;
    EXPECT_EQ(answer.content(), "");
    EXPECT_EQ(header(answer, "ETag"), tag);
  }
  for (const std::string& held : {compressed, std::string("\"other\""), std::string()})
    EXPECT_EQ(get(routes, "/dashboard/", {{"if-none-match", held}}).status, 200) << held;
}

TEST(PageRoutes, RefuseADamagedFile) {
  const PageFile whole = dashboard_files().front();
  const PageFile cut{whole.name, whole.content_type, whole.digest,
                     whole.gzip.substr(0, whole.gzip.size() / 2)};
  const PageFile none{whole.name, whole.content_type, whole.digest, "no gzip"};
  EXPECT_THROW(page_routes("/page", std::span(&cut, 1)), std::runtime_error);
  EXPECT_THROW(page_routes("/page", std::span(&none, 1)), std::runtime_error);
}

}  // namespace
}  // namespace carillon::pages
