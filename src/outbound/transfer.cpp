#include "outbound/transfer.hpp"

#include <algorithm>
#include <string_view>

#include <sys/socket.h>

#include "model/errors.hpp"
#include "outbound/address_rules.hpp"

namespace carillon::outbound {
namespace {

using base::fail;
using model::errors::kUnavailable;
using ports::kNotSent;

constexpr std::size_t kMaxHeaderBytes = 64u << 10;

std::string part(CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, which == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0) != CURLUE_OK)
    return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

/// Nothing in it could end a header line or start another.
bool one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace

base::Result<std::unique_ptr<Transfer>> Transfer::make(ports::OutboundRequest request,
                                                       const ClientSettings& settings, base::Monotonic now) {
  std::unique_ptr<Transfer> transfer(new Transfer());
  transfer->url_.reset(curl_url());
  CURLU* url = transfer->url_.get();
  if (url == nullptr || !one_line(request.url) ||
      curl_url_set(url, CURLUPART_URL, request.url.c_str(), 0) != CURLUE_OK)
    return fail(kNotSent, "not a URL");
  const std::string scheme = part(url, CURLUPART_SCHEME);
  const std::string host = part(url, CURLUPART_HOST);
  if (scheme != "http" && scheme != "https") return fail(kNotSent, "not an http or https URL");
  transfer->loopback_only_ = scheme == "http" && settings.plain_http == PlainHttp::loopback_only;
  if (transfer->loopback_only_ && !names_loopback(host))
    return fail(kNotSent, "https is required for hosts other than loopback");
  if (!is_token(request.method)) return fail(kNotSent, "not an HTTP method");
  for (const auto& [name, value] : request.headers)
    if (!is_token(name) || !one_line(value)) return fail(kNotSent, "not an HTTP header");
  transfer->origin_ = scheme + "://" + host + ":" + part(url, CURLUPART_PORT);
  transfer->deadline_ = now + request.timeout;
  transfer->request_ = std::move(request);
  return transfer;
}

CURL* Transfer::prepare(const ClientSettings& settings, base::Monotonic now) {
  easy_.reset(curl_easy_init());
  if (!easy_ || !add_headers()) return nullptr;
  CURL* easy = easy_.get();
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - now).count();
  curl_easy_setopt(easy, CURLOPT_PRIVATE, static_cast<void*>(this));
  curl_easy_setopt(easy, CURLOPT_CURLU, url_.get());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<decltype(left)>(left, 1)));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::max<decltype(left)>(left, 1)));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, static_cast<void*>(this));
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, static_cast<void*>(this));
  set_method();
  set_rules(settings);
  return easy;
}

bool Transfer::add_headers() {
  const auto add = [this](const std::string& line) {
    curl_slist* longer = curl_slist_append(headers_.get(), line.c_str());
    if (longer == nullptr) return false;
    headers_.release();
    headers_.reset(longer);
    return true;
  };
  bool has_type = false;
  for (const auto& [name, value] : request_.headers) {
    has_type = has_type || curl_strequal(name.c_str(), "content-type") != 0;
    // libcurl's way of sending a header without a value.
    if (!add(value.empty() ? name + ";" : name + ": " + value)) return false;
  }
  // Without these libcurl waits for a 100 before large bodies and calls every body a form.
  return add("Expect:") && (has_type || add("Content-Type:"));
}

void Transfer::set_method() {
  CURL* easy = easy_.get();
  const bool has_body = !request_.body.empty() || request_.method == "POST" || request_.method == "PUT";
  if (request_.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (has_body) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request_.body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
  }
  if (request_.method != "GET" && request_.method != "HEAD" && request_.method != "POST")
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  else if (request_.method == "GET" && has_body)
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "GET");
}

void Transfer::set_rules(const ClientSettings& settings) {
  CURL* easy = easy_.get();
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // A name server that does not answer must not hold up the thread once the request has timed out.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "carillon");
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &Transfer::open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
  if (!settings.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, settings.ca_file.c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
}

// Here, and not before, the address is known: a name may resolve to anything, and to something else later.
curl_socket_t Transfer::open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto* transfer = static_cast<Transfer*>(self);
  const sockaddr* to = &address->addr;
  if (is_forbidden(to) || (transfer->loopback_only_ && !is_loopback(to))) {
    transfer->address_refused_ = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t Transfer::on_body(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  std::string& body = transfer->response_.body;
  if (size * count > transfer->request_.max_response_bytes - body.size()) {
    transfer->too_large_ = true;
    return CURL_WRITEFUNC_ERROR;
  }
  body.append(bytes, size * count);
  return size * count;
}

std::size_t Transfer::on_header(char*, std::size_t size, std::size_t count, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  transfer->header_bytes_ += size * count;
  if (transfer->header_bytes_ > kMaxHeaderBytes) {
    transfer->too_large_ = true;
    return CURL_WRITEFUNC_ERROR;
  }
  return size * count;
}

void Transfer::complete(CURLcode code) {
  if (too_large_) return abandon("the answer is too large");
  if (code != CURLE_OK && address_refused_) return abandon("the address is not allowed");
  if (code == CURLE_OPERATION_TIMEDOUT) return abandon("timed out");
  if (code != CURLE_OK) return abandon(curl_easy_strerror(code));
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  done(std::move(response_));
}

void Transfer::abandon(std::string reason) {
  long sent_bytes = 0;
  if (easy_) curl_easy_getinfo(easy_.get(), CURLINFO_REQUEST_SIZE, &sent_bytes);
  done(base::fail(sent_bytes > 0 ? kUnavailable : kNotSent, std::move(reason)));
}

}  // namespace carillon::outbound
