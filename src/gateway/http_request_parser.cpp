#include "gateway/http_request_parser.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "gateway/header_value.hpp"

namespace carillon::gateway {
namespace {

namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

std::string_view plain(string_view text) {
  return {text.data(), text.size()};
}

std::string lower(string_view name) {
  std::string out(name.data(), name.size());
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

/// `HTTP/2.0`: a version that could be one, but is not ours.
bool names_other_version(std::string_view head) {
  const std::string_view line = head.substr(0, head.find('\r'));
  const std::size_t space = line.rfind(' ');
  const std::string_view version = space == std::string_view::npos ? line : line.substr(space + 1);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return version.size() == 8 && version.starts_with("HTTP/") && digit(version[5]) && version[6] == '.' &&
         digit(version[7]);
}

}  // namespace

/// Beast's parser, which reads fields and chunks into the request.
class HttpRequestParser::Reader final : public http::basic_parser<true> {
 public:
  explicit Reader(HttpRequestParser& owner) : owner_(owner) {
    header_limit(std::numeric_limits<std::uint32_t>::max());
    body_limit(boost::none);
  }

 private:
  void on_request_impl(http::verb, string_view method, string_view target, int version,
                       error_code&) override {
    owner_.request_.method.assign(method.data(), method.size());
    owner_.request_.path.assign(target.data(), target.size());
    owner_.http_1_0_ = version == 10;
  }
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(http::field, string_view name, string_view value, error_code& error) override {
    if (owner_.state_ != State::head) return;  // trailer fields have no meaning here
    if (owner_.request_.headers.size() >= owner_.limits_.max_fields) {
      error = http::error::header_limit;
      return;
    }
    owner_.request_.headers.emplace_back(lower(name), plain(value));
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view bytes, error_code& error) override {
    if (!owner_.add_body(plain(bytes))) error = http::error::body_limit;
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code& error) override {
    return on_body_impl(bytes, error);
  }
  void on_finish_impl(error_code&) override {}

  HttpRequestParser& owner_;
};

HttpRequestParser::HttpRequestParser(const HttpLimits& limits) : limits_(limits) {}

HttpRequestParser::~HttpRequestParser() {
  release_budget();
}

void HttpRequestParser::reset() {
  state_ = State::head;
  reader_.reset();
  request_ = {};
  error_.reset();
  scanned_ = body_bytes_ = max_body_bytes_ = 0;
  release_budget();
  content_length_.reset();
  discard_ = http_1_0_ = expects_continue_ = wants_websocket_ = mentions_websocket_ = false;
  keep_alive_ = true;
}

std::size_t HttpRequestParser::feed(std::string_view bytes) {
  if (state_ == State::head) return feed_head(bytes);
  if (state_ == State::body) return feed_body(bytes);
  return 0;
}

std::size_t HttpRequestParser::feed_head(std::string_view bytes) {
  // RFC 9112 §2.2: an empty line before a request is passed over.
  if (scanned_ == 0 && bytes.starts_with("\r\n")) return 2;
  if (bytes == "\r") return 0;
  const auto end = find_end_of_head(bytes);
  if (!end) return 0;
  const std::string_view head = bytes.substr(0, *end);
  reader_ = std::make_unique<Reader>(*this);
  reader_->eager(false);
  error_code problem;
  std::size_t used = 0;
  while (used < head.size() && !reader_->is_header_done()) {
    used += reader_->put({head.data() + used, head.size() - used}, problem);
    if (problem) break;
  }
  if (problem == http::error::header_limit)
    return fail(model::errors::kHeadersTooLarge, "too many header fields");
  if (problem == http::error::bad_version && names_other_version(head))
    return fail(model::errors::kVersionNotSupported, "HTTP/1.1 is spoken here");
  if (problem || !reader_->is_header_done())
    return fail(model::errors::kBadRequest, "malformed request header");
  if (!check_head()) return 0;
  state_ = reader_->is_done() ? State::complete : State::body;
  return head.size();
}

/// Also refuses what need not be waited for: header too long, lines that do not end in CRLF.
std::optional<std::size_t> HttpRequestParser::find_end_of_head(std::string_view bytes) {
  const auto refuse_size = [&](std::size_t line_end) {
    const std::string_view line = bytes.substr(0, line_end);
    const std::size_t target = std::min(line.find(' '), line.size());
    if (line.size() - target > limits_.max_target_bytes + 16)
      fail(model::errors::kUriTooLong, "");
    else
      fail(model::errors::kHeadersTooLarge, "");
  };
  if (!bytes.empty() && scanned_ == 0 && !is_token(bytes.substr(0, 1))) {
    fail(model::errors::kBadRequest, "malformed request line");
    return std::nullopt;
  }
  for (std::size_t at = bytes.find('\n', scanned_); at != std::string_view::npos;
       at = bytes.find('\n', at + 1)) {
    scanned_ = at + 1;
    if (at == 0 || bytes[at - 1] != '\r') {
      fail(model::errors::kBadRequest, "a line does not end in CRLF");
      return std::nullopt;
    }
    if (at >= 3 && bytes[at - 2] == '\n' && bytes[at - 3] == '\r') {
      if (at + 1 <= limits_.max_header_bytes) return at + 1;
      refuse_size(bytes.find('\r'));
      return std::nullopt;
    }
  }
  scanned_ = bytes.size();
  if (bytes.size() > limits_.max_header_bytes) refuse_size(bytes.find('\r'));
  return std::nullopt;
}

bool HttpRequestParser::check_head() {
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  bool connection_upgrade = false;
  bool upgrade_websocket = false;
  std::string transfer_encoding;
  for (const auto& [name, value] : request_.headers) {
    if (name == "host") {
      ++hosts;
      if (value.find_first_of(" \t/\\@?#") != std::string::npos) hosts = 2;
    } else if (name == "content-length") {
      ++lengths;
    } else if (name == "transfer-encoding") {
      transfer_encoding += transfer_encoding.empty() ? value : "," + value;
    } else if (name == "connection") {
      connection_upgrade = connection_upgrade || list_has(value, "upgrade");
    } else if (name == "upgrade") {
      upgrade_websocket = upgrade_websocket || list_has(value, "websocket");
    } else if (name == "expect") {
      if (!iequals(value, "100-continue")) {
        fail(model::errors::kExpectationFailed, "");
        return false;
      }
      expects_continue_ = !http_1_0_;
    }
  }
  if (hosts > 1 || (hosts == 0 && !http_1_0_)) {
    fail(model::errors::kBadRequest, hosts == 0 ? "the Host header is missing" : "bad Host header");
    return false;
  }
  wants_websocket_ = connection_upgrade && upgrade_websocket;
  mentions_websocket_ = upgrade_websocket;
  keep_alive_ = reader_->keep_alive();
  return check_framing(transfer_encoding, lengths) && split_target();
}

bool HttpRequestParser::check_framing(std::string_view transfer_encoding, std::size_t content_lengths) {
  if (content_lengths > 1) {
    fail(model::errors::kBadRequest, "more than one Content-Length");
    return false;
  }
  if (!transfer_encoding.empty()) {
    if (content_lengths > 0 || http_1_0_) {
      fail(model::errors::kBadRequest, "Transfer-Encoding is not allowed here");
      return false;
    }
    const auto codings = split(transfer_encoding, ',');
    for (const std::string_view coding : codings)
      if (!iequals(coding, "chunked")) {
        fail(model::errors::kNotImplemented, "only the chunked transfer coding is known");
        return false;
      }
    if (codings.size() != 1) {
      fail(model::errors::kBadRequest, "chunked more than once");
      return false;
    }
  }
  if (const auto length = reader_->content_length()) content_length_ = *length;
  return true;
}

bool HttpRequestParser::split_target() {
  std::string& target = request_.path;
  if (target.size() > limits_.max_target_bytes) {
    fail(model::errors::kUriTooLong, "");
    return false;
  }
  // RFC 9112 §3.2.2: the absolute form is accepted by servers too.
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() || !iequals(std::string_view(target).substr(0, scheme.size()), scheme))
      continue;
    const std::size_t slash = target.find_first_of("/?", scheme.size());
    target = slash == std::string::npos ? "/" : target.substr(slash);
    if (target.front() == '?') target.insert(0, 1, '/');
    break;
  }
  const bool asterisk = target == "*" && request_.method == "OPTIONS";
  if ((target.front() != '/' && !asterisk) || target.find('#') != std::string::npos) {
    fail(model::errors::kBadRequest, "malformed request target");
    return false;
  }
  const std::size_t question = target.find('?');
  if (question != std::string::npos) {
    request_.query = target.substr(question + 1);
    target.resize(question);
  }
  return true;
}

std::size_t HttpRequestParser::feed_body(std::string_view bytes) {
  std::size_t used = 0;
  error_code problem;
  while (used < bytes.size() && !reader_->is_done()) {
    const std::size_t taken = reader_->put({bytes.data() + used, bytes.size() - used}, problem);
    used += taken;
    if (problem == http::error::need_more) break;
    if (problem) break;
  }
  if (state_ == State::failed) return used;
  if (problem && problem != http::error::need_more) {
    fail(model::errors::kBadRequest, "malformed request body");
    return used;
  }
  if (reader_->is_done()) {
    state_ = State::complete;
  } else if (bytes.size() - used > limits_.max_header_bytes) {
    fail(model::errors::kBadRequest, "chunk header or trailer too long");
  }
  return used;
}

bool HttpRequestParser::add_body(std::string_view bytes) {
  body_bytes_ += bytes.size();
  if (body_bytes_ > max_body_bytes_) {
    fail(model::errors::kMessageTooLarge, "");
    return false;
  }
  if (discard_) return true;
  if (limits_.budget && !limits_.budget->take(bytes.size())) {
    fail(model::errors::kOverloaded, "too many unfinished requests");
    return false;
  }
  if (limits_.budget) charged_ += bytes.size();
  request_.body += bytes;
  return true;
}

std::size_t HttpRequestParser::fail(const base::ErrorEntry& entry, std::string details) {
  state_ = State::failed;
  error_.emplace(entry, std::move(details));
  return 0;
}

void HttpRequestParser::release_budget() {
  if (charged_ > 0) limits_.budget->give(charged_);
  charged_ = 0;
}

}  // namespace carillon::gateway
