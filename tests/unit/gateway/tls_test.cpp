#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "unit/gateway/gateway_fixture.hpp"

namespace carillon::gateway::testing {
namespace {

using model::Target;

/// A self-signed certificate for `name` and its key, as PEM files.
void write_certificate(const std::string& name, const std::string& cert_file, const std::string& key_file) {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const cert = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), 0);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
  X509_set_pubkey(cert, key);
  X509_NAME* const subject = X509_get_subject_name(cert);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(cert, subject);
  X509_sign(cert, key, EVP_sha256());
  FILE* file = std::fopen(cert_file.c_str(), "w");
  PEM_write_X509(file, cert);
  std::fclose(file);
  file = std::fopen(key_file.c_str(), "w");
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  X509_free(cert);
  EVP_PKEY_free(key);
}

class TlsClient final : public TestClient {
 public:
  explicit TlsClient(std::uint16_t port, int max_version = 0, int receive_buffer = 0)
      : TestClient(Unconnected{}) {
    connect(port, receive_buffer);
    context_ = SSL_CTX_new(TLS_client_method());
    if (max_version != 0) SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
    if (max_version != 0) SSL_CTX_set_max_proto_version(context_, max_version);
    SSL_CTX_set_security_level(context_, 0);
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd());
    connected_ = SSL_connect(ssl_) == 1;
  }
  ~TlsClient() override {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  bool connected() const { return connected_; }
  std::string version() const { return SSL_get_version(ssl_); }
  std::string server_name() const {
    X509* const cert = SSL_get1_peer_certificate(ssl_);
    char name[256] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof(name));
    X509_free(cert);
    return name;
  }
  void close_notify() { SSL_shutdown(ssl_); }

 private:
  long receive(char* out, std::size_t room) override {
    const int count = SSL_read(ssl_, out, static_cast<int>(room));
    if (count > 0) return count;
    return SSL_get_error(ssl_, count) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
  }
  long transmit(const char* bytes, std::size_t size) override {
    return SSL_write(ssl_, bytes, static_cast<int>(std::min<std::size_t>(size, 1 << 20)));
  }
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
};

class TlsTest : public GatewayTest {
 protected:
  TlsTest() {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ("carillon-tls-" + std::to_string(::getpid()) + "-" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    settings_.tls_cert = folder_ / "cert.pem";
    settings_.tls_key = folder_ / "key.pem";
    write_certificate("first", settings_.tls_cert, settings_.tls_key);
    add_route("GET", "/open", ports::Access::open, echo_route());
    add_route("POST", "/open", ports::Access::open, echo_route());
  }
  ~TlsTest() override { std::filesystem::remove_all(folder_); }
  static constexpr const char* kGet = "GET /open HTTP/1.1\r\nHost: x\r\n\r\n";
  std::filesystem::path folder_;
};

TEST_F(TlsTest, ServesHttpAndWebSocket) {
  handler_.receiving = [](const ports::FrameContext& context, std::string_view text) {
    context.socket->send(std::string(text));
  };
  start();
  TlsClient client(port());
  ASSERT_TRUE(client.connected());
  EXPECT_EQ(client.version(), "TLSv1.3");
  client.send(kGet);
  EXPECT_EQ(client.answer().status, 200);
  client.send(upgrade_request("/", "Origin: https://localhost\r\n"));
  EXPECT_EQ(client.answer().status, 101) << "https is the same origin here";
  for (const std::size_t size : {0u, 1u, 1000u, 16'384u, 16'385u, 200'000u}) {
    client.send(text_frame(std::string(size, 'x')));
    EXPECT_EQ(client.message().payload, std::string(size, 'x'));
  }
  client.send(close_frame(1000));
  EXPECT_EQ(client.message().close_code(), 1000);
  EXPECT_TRUE(client.ended());
}

TEST_F(TlsTest, PlainOriginIsNotTheSameOverTls) {
  start();
  TlsClient client(port());
  client.send(upgrade_request("/", "Origin: http://localhost\r\n"));
  EXPECT_EQ(client.answer().status, 403);
}

TEST_F(TlsTest, OldVersionsAreRefused) {
  start();
  EXPECT_FALSE(TlsClient(port(), TLS1_1_VERSION).connected());
  TlsClient client(port(), TLS1_2_VERSION);
  ASSERT_TRUE(client.connected());
  EXPECT_EQ(client.version(), "TLSv1.2");
  client.send(kGet);
  EXPECT_EQ(client.answer().status, 200);
}

TEST_F(TlsTest, LargeBodiesBothWays) {
  start();
  TlsClient client(port());
  const std::string body(262'144, 'y');
  client.send("POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 262144\r\n\r\n" + body);
  EXPECT_EQ(client.answer().body, "POST /open? [" + body + "]");
}

TEST_F(TlsTest, ASlowReaderGetsEverything) {
  settings_.max_outbound_bytes = 10'000'000;
  start();
  TlsClient client(port(), 0, 4096);
  client.send(upgrade_request("/"));
  EXPECT_EQ(client.answer().status, 101);
  subscribe(0, {Target::chat("x")});
  for (ports::DeliveryId i = 1; i <= 50; ++i)
    gateway_->deliver(0, {run_of(Target::chat("x"), {std::string(50'000, 'a') + std::to_string(i)}, i)});
  EXPECT_EQ(outcome(50).delivered, 1u);
  for (int i = 1; i <= 50; ++i)
    EXPECT_EQ(client.message().payload, std::string(50'000, 'a') + std::to_string(i));
}

TEST_F(TlsTest, PlainTextIsNotServed) {
  start();
  TestClient client(port());
  client.send(kGet);
  client.drain();
  TlsClient good(port());
  good.send(kGet);
  EXPECT_EQ(good.answer().status, 200);
}

TEST_F(TlsTest, AHandshakeThatNeverEndsIsDropped) {
  start();
  TestClient client(port());
  client.send("\x16\x03\x01");
  settle();
  advance(settings_.handshake_timeout);
  EXPECT_TRUE(client.ended());
}

TEST_F(TlsTest, ReloadTakesTheNewCertificateForNewConnections) {
  start();
  TlsClient before(port());
  EXPECT_EQ(before.server_name(), "first");
  write_certificate("second", settings_.tls_cert, settings_.tls_key);
  EXPECT_TRUE(gateway_->reload_tls());
  EXPECT_EQ(TlsClient(port()).server_name(), "second");
  before.send(kGet);
  EXPECT_EQ(before.answer().status, 200);
}

TEST_F(TlsTest, ABadCertificateKeepsTheOldOne) {
  start();
  std::ofstream(settings_.tls_cert) << "no certificate";
  EXPECT_FALSE(gateway_->reload_tls());
  EXPECT_EQ(TlsClient(port()).server_name(), "first");
  // A key that belongs to another certificate.
  write_certificate("third", settings_.tls_cert, folder_ / "other.pem");
  EXPECT_FALSE(gateway_->reload_tls());
  EXPECT_EQ(TlsClient(port()).server_name(), "first");
}

TEST_F(TlsTest, AMissingCertificateStopsTheStart) {
  Settings bad = settings_;
  bad.tls_cert = folder_ / "nowhere.pem";
  try {
    Gateway gateway(bad);
    FAIL() << "started without a certificate";
  } catch (const std::runtime_error& problem) {
    EXPECT_NE(std::string(problem.what()).find("nowhere.pem"), std::string::npos);
  }
  bad = settings_;
  bad.tls_key.clear();
  EXPECT_THROW(Gateway{bad}, std::runtime_error);
}

}  // namespace
}  // namespace carillon::gateway::testing
