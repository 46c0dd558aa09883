#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "gateway/memory_budget.hpp"
#include "ports/http.hpp"

namespace carillon::gateway {

struct HttpLimits {
  std::size_t max_header_bytes = 16384;
  std::size_t max_target_bytes = 8192;
  std::size_t max_fields = 200;
  MemoryBudget* budget = nullptr;  ///< for bodies under way
};

/// Reads one HTTP/1.x request after another (RFC 9112) from whatever pieces they arrive in. Strict: what two
/// readers could understand in two ways (CL with TE, repeated CL or Host, bare LF) is refused. Pure.
class HttpRequestParser {
 public:
  enum class State {
    head,      ///< the header is not complete
    body,      ///< the header is; the body is not
    complete,  ///< the request may be taken
    failed,    ///< error() says why; the rest of the stream has no meaning
  };

  explicit HttpRequestParser(const HttpLimits& limits);
  ~HttpRequestParser();

  /// Reads on and returns how many bytes it is done with; the others have to come again, with more behind
  /// them. Returns early when the header is complete (state `body` or `complete`).
  std::size_t feed(std::string_view bytes);
  /// Gets ready for the next request.
  void reset();

  State state() const { return state_; }
  const model::Error& error() const { return *error_; }
  /// Method, path (without query), query, headers, body; from `body` (the body: `complete`) on.
  ports::HttpRequest& request() { return request_; }

  // From state `body` on:
  std::optional<std::uint64_t> content_length() const { return content_length_; }
  bool keep_alive() const { return keep_alive_; }
  bool http_1_0() const { return http_1_0_; }
  bool expects_continue() const { return expects_continue_; }
  /// Both `Connection: upgrade` and an Upgrade field that names websocket are there.
  bool wants_websocket() const { return wants_websocket_; }
  /// Some of both is there.
  bool mentions_websocket() const { return mentions_websocket_; }

  /// Over it: message_too_large. To be set when the header is complete.
  void limit_body(std::size_t bytes) { max_body_bytes_ = bytes; }
  /// Reads the body without keeping it.
  void discard_body() { discard_ = true; }
  /// Whether anything of a request is there.
  bool started() const { return state_ != State::head || scanned_ > 0; }

 private:
  class Reader;

  std::size_t feed_head(std::string_view bytes);
  std::size_t feed_body(std::string_view bytes);
  std::optional<std::size_t> find_end_of_head(std::string_view bytes);
  bool check_head();
  bool check_framing(std::string_view transfer_encoding, std::size_t content_lengths);
  bool split_target();
  bool add_body(std::string_view bytes);
  std::size_t fail(const base::ErrorEntry& entry, std::string details);
  void release_budget();

  const HttpLimits& limits_;
  State state_ = State::head;
  std::unique_ptr<Reader> reader_;
  ports::HttpRequest request_;
  std::optional<model::Error> error_;
  std::size_t scanned_ = 0;  ///< of a header that is not complete
  std::size_t body_bytes_ = 0;
  std::size_t charged_ = 0;
  std::size_t max_body_bytes_ = 0;
  std::optional<std::uint64_t> content_length_;
  bool discard_ = false;
  bool keep_alive_ = true;
  bool http_1_0_ = false;
  bool expects_continue_ = false;
  bool wants_websocket_ = false;
  bool mentions_websocket_ = false;
};

}  // namespace carillon::gateway
