#include "gateway/front.hpp"

#include <stdexcept>

#include "base/log.hpp"

namespace carillon::gateway {

Front::Front(Settings with, Timing clocks)
    : settings(std::move(with)),
      timing(std::move(clocks)),
      origins(settings.allowed_origins, settings.dev),
      proxies(settings.trusted_proxies),
      rules{.max_message_bytes = settings.max_message_bytes, .binary = false, .budget = &unfinished},
      echo_rules{.max_message_bytes = settings.max_message_bytes, .binary = true, .budget = &unfinished},
      http_limits{.max_header_bytes = settings.max_header_bytes, .budget = &unfinished},
      limits(settings.max_connections, settings.max_connections_per_address, settings.connects_per_second) {
  if (settings.tls_cert.empty() != settings.tls_key.empty())
    throw std::runtime_error("tls.cert and tls.key belong together");
  if (!settings.tls_cert.empty()) tls_ = make_tls_context(settings.tls_cert, settings.tls_key);
}

TlsContext Front::tls() const {
  const std::lock_guard lock(tls_mutex_);
  return tls_;
}

bool Front::reload_tls() {
  if (settings.tls_cert.empty()) return true;
  try {
    TlsContext fresh = make_tls_context(settings.tls_cert, settings.tls_key);
    const std::lock_guard lock(tls_mutex_);
    tls_ = std::move(fresh);
    return true;
  } catch (const std::exception& problem) {
    base::log::error("tls_reload_failed", "the certificate in use stays",
                     {{"reason", std::string_view(problem.what())}});
    return false;
  }
}

}  // namespace carillon::gateway
