#include "gateway/tls_context.hpp"

#include <array>
#include <stdexcept>
#include <string_view>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace carillon::gateway {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  std::array<char, 256> reason{};
  const unsigned long code = ERR_get_error();
  if (code != 0) ERR_error_string_n(code, reason.data(), reason.size());
  ERR_clear_error();
  throw std::runtime_error(what + (code != 0 ? ": " + std::string(reason.data()) : std::string()));
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  static constexpr std::string_view kOurs = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(kOurs.data()),
                            kOurs.size(), offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

TlsContext make_tls_context(const std::string& cert_file, const std::string& key_file) {
  ERR_clear_error();
  TlsContext context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) refuse("TLS cannot be set up");
  SSL_CTX* const raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(
      raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  if (SSL_CTX_use_certificate_chain_file(raw, cert_file.c_str()) != 1)
    refuse("the certificate " + cert_file + " cannot be read");
  if (SSL_CTX_use_PrivateKey_file(raw, key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    refuse("the key " + key_file + " cannot be read");
  if (SSL_CTX_check_private_key(raw) != 1) refuse("the key " + key_file + " is not that of " + cert_file);
  SSL_CTX_set_alpn_select_cb(raw, choose_protocol, nullptr);
  return context;
}

}  // namespace carillon::gateway
