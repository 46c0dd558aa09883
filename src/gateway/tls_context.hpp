#pragma once

#include <memory>
#include <string>

#include <openssl/types.h>

namespace carillon::gateway {

using TlsContext = std::shared_ptr<SSL_CTX>;

/// TLS 1.2 and newer with the certificate chain and key of two PEM files, ALPN `http/1.1`. Throws
/// std::runtime_error that names the file and the reason.
TlsContext make_tls_context(const std::string& cert_file, const std::string& key_file);

}  // namespace carillon::gateway
