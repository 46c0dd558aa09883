#include <cstdlib>
#include <filesystem>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "cli/websocket_client.hpp"
#include "unit/cli/fake_server.hpp"

namespace carillon::cli {
namespace {

using testing::HasSubstr;

/// A certificate for `name` (`IP:127.0.0.1`), signed by itself, and the file it is in.
class Certificate {
 public:
  explicit Certificate(const char* name)
      : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), certificate_(X509_new(), X509_free) {
    X509* certificate = certificate_.get();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key_.get());
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"),
                               -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, name);
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key_.get(), EVP_sha256());
    std::string pattern = testing::TempDir() + "tls_test.XXXXXX";
    const int file = ::mkstemp(pattern.data());
    path_ = pattern;
    FILE* stream = ::fdopen(file, "w");
    PEM_write_X509(stream, certificate);
    std::fclose(stream);
  }
  ~Certificate() { std::filesystem::remove(path_); }

  const std::string& path() const { return path_; }

  /// Answers one WebSocket upgrade over TLS, then sends one message, if the client gets that far.
  void serve(int socket) const {
    const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_server_method()),
                                                               SSL_CTX_free);
    SSL_CTX_use_certificate(context.get(), certificate_.get());
    SSL_CTX_use_PrivateKey(context.get(), key_.get());
    const std::unique_ptr<SSL, void (*)(SSL*)> session(SSL_new(context.get()), SSL_free);
    SSL_set_fd(session.get(), socket);
    if (SSL_accept(session.get()) != 1) return;
    std::string request;
    char byte = 0;
    while (!request.ends_with("\r\n\r\n") && SSL_read(session.get(), &byte, 1) == 1) request += byte;
    std::string answer =
        "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
        websocket_accept(header_value(request, "sec-websocket-key")) + "\r\n\r\n";
    model::append_frame(answer, model::Opcode::text, "over TLS");
    SSL_write(session.get(), answer.data(), static_cast<int>(answer.size()));
    SSL_read(session.get(), &byte, 1);
  }

 private:
  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
  std::unique_ptr<X509, void (*)(X509*)> certificate_;
  std::string path_;
};

class Tls : public testing::Test {
 protected:
  void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }
  void TearDown() override { ::unsetenv("SSL_CERT_FILE"); }

  /// Connects to a server with `certificate`; the message it sent, or why there is none.
  static std::string connect(const Certificate& certificate, const std::string& host) {
    FakeServer server([&](int socket) { certificate.serve(socket); });
    const std::string port = server.url().substr(server.url().rfind(':'));
    auto client =
        WebSocketClient::connect({.endpoint = *parse_endpoint("wss://" + host + port), .target = "/ws"});
    if (!client) return client.error().reason;
    auto event = client->next();
    return event.ending == WebSocketClient::Ending::none ? event.message.payload : event.reason;
  }
};

TEST_F(Tls, ATrustedCertificateForTheHostIsAccepted) {
  const Certificate address("IP:127.0.0.1");
  ::setenv("SSL_CERT_FILE", address.path().c_str(), 1);
  EXPECT_EQ(connect(address, "127.0.0.1"), "over TLS");
  const Certificate name("DNS:localhost");
  ::setenv("SSL_CERT_FILE", name.path().c_str(), 1);
  EXPECT_EQ(connect(name, "localhost"), "over TLS");
}

TEST_F(Tls, ACertificateThatNobodyVouchesForIsRefused) {
  EXPECT_THAT(connect(Certificate("IP:127.0.0.1"), "127.0.0.1"),
              HasSubstr("the certificate was refused: self"));
}

TEST_F(Tls, ACertificateForAnotherHostIsRefused) {
  const Certificate address("IP:127.0.0.2");
  ::setenv("SSL_CERT_FILE", address.path().c_str(), 1);
  EXPECT_EQ(connect(address, "127.0.0.1"), "the certificate was refused: IP address mismatch");
  const Certificate name("DNS:example.com");
  ::setenv("SSL_CERT_FILE", name.path().c_str(), 1);
  EXPECT_EQ(connect(name, "localhost"), "the certificate was refused: hostname mismatch");
}

TEST_F(Tls, HttpCallsVerifyToo) {
  const Certificate certificate("IP:127.0.0.1");
  FakeServer server([&](int socket) { certificate.serve(socket); });
  ClientOptions options;
  options.url = "https" + server.url().substr(4);
  const auto reply = send_http(options, {});
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error(), HasSubstr("certificate"));
}

TEST_F(Tls, AServerWithoutTlsIsNoCrash) {
  FakeServer server([](int socket) {
    FakeServer::read_bytes(socket, 1);
    FakeServer::write(socket, "HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  const auto client = WebSocketClient::connect(
      {.endpoint = *parse_endpoint("https" + server.url().substr(4)), .target = "/"});
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().reason, HasSubstr("TLS"));
}

}  // namespace
}  // namespace carillon::cli
