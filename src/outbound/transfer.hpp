#pragma once

#include <memory>
#include <string>

#include <curl/curl.h>

#include "base/clock.hpp"
#include "outbound/curl_http_client.hpp"

namespace carillon::outbound {

/// One request with its libcurl handle, from send() to its completion. Made on any thread, then owned by one
/// at a time.
class Transfer {
 public:
  /// Checks the request and finds its origin. Errors: kNotSent, saying what is wrong with it.
  static base::Result<std::unique_ptr<Transfer>> make(ports::OutboundRequest request,
                                                      const ClientSettings& settings, base::Monotonic now);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// Makes the handle ready to run for what is left of the timeout; nothing when libcurl has no memory. The
  /// handle's CURLOPT_PRIVATE is this transfer.
  CURL* prepare(const ClientSettings& settings, base::Monotonic now);
  CURL* handle() const { return easy_.get(); }

  const std::string& origin() const { return origin_; }
  base::Monotonic deadline() const { return deadline_; }
  std::size_t body_bytes() const { return request_.body.size(); }

  void complete(CURLcode code);
  /// Without an answer: whether any of it was sent is seen from the handle.
  void abandon(std::string reason);

  ports::Completion<ports::OutboundResponse> done;

 private:
  Transfer() = default;
  bool add_headers();
  void set_method();
  void set_rules(const ClientSettings& settings);

  static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* self);
  static std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* self);

  template <auto Free>
  struct Freer {
    void operator()(auto* each) const { Free(each); }
  };
  std::unique_ptr<CURLU, Freer<&curl_url_cleanup>> url_;
  std::unique_ptr<curl_slist, Freer<&curl_slist_free_all>> headers_;
  std::unique_ptr<CURL, Freer<&curl_easy_cleanup>> easy_;
  ports::OutboundRequest request_;
  ports::OutboundResponse response_;
  std::string origin_;
  base::Monotonic deadline_;
  std::size_t header_bytes_ = 0;
  bool loopback_only_ = false;
  bool too_large_ = false;
  bool address_refused_ = false;
};

}  // namespace carillon::outbound
