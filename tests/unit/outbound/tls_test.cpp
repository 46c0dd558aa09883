#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outbound/curl_http_client.hpp"

namespace carillon::outbound {
namespace {

/// `openssl s_server` on a free port, with a certificate of its own for the address 127.0.0.1 only.
class TlsServer {
 public:
  TlsServer() {
    std::string name = (std::filesystem::temp_directory_path() / "carillon-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    directory_ = name;
    const std::string make =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test "
        "-addext subjectAltName=IP:127.0.0.1 -keyout " +
        key() + " -out " + certificate() + " 2>/dev/null";
    if (std::system(make.c_str()) != 0) std::abort();
    start();
  }
  ~TlsServer() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    close(output_);
    std::filesystem::remove_all(directory_);
  }

  std::string certificate() const { return directory_ / "certificate.pem"; }
  std::string url(const std::string& host) const { return "https://" + host + ":" + port_ + "/"; }

 private:
  std::string key() const { return directory_ / "key.pem"; }

  void start() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    const std::string certificate_path = certificate();
    const std::string key_path = key();
    process_ = fork();
    if (process_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-cert",
             certificate_path.c_str(), "-key", key_path.c_str(), nullptr);
      _exit(1);
    }
    close(ends[1]);
    output_ = ends[0];
    std::string said;
    static constexpr std::string_view kBefore = "ACCEPT 127.0.0.1:";
    for (char c; read(output_, &c, 1) == 1;) {
      const std::size_t at = said.find(kBefore);
      if (c == '\n' && at != std::string::npos) {
        port_ = said.substr(at + kBefore.size());
        return;
      }
      said += c;
    }
    std::abort();
  }

  std::filesystem::path directory_;
  pid_t process_ = -1;
  int output_ = -1;
  std::string port_;
};

base::Result<ports::OutboundResponse> get(const ClientSettings& settings, const std::string& url) {
  CurlHttpClient client(settings);
  std::promise<base::Result<ports::OutboundResponse>> answer;
  client.send({.url = url, .timeout = std::chrono::seconds(60)},
              [&](base::Result<ports::OutboundResponse> each) { answer.set_value(std::move(each)); });
  return answer.get_future().get();
}

TEST(CurlHttpClientTls, speaks_with_whom_it_trusts_only) {
  const TlsServer server;
  ClientSettings trusting;
  trusting.ca_file = server.certificate();
  trusting.plain_http = PlainHttp::loopback_only;
  const auto answer = get(trusting, server.url("127.0.0.1"));
  ASSERT_TRUE(answer) << answer.error().details();
  EXPECT_EQ(answer->status, 200);

  const auto stranger = get({}, server.url("127.0.0.1"));
  ASSERT_FALSE(stranger) << "a certificate that nobody vouches for";
  EXPECT_NE(stranger.error().details().find("certificate"), std::string::npos) << stranger.error().details();

  const auto other_name = get(trusting, server.url("localhost"));
  ASSERT_FALSE(other_name) << "a certificate for another name";
  EXPECT_NE(other_name.error().details().find("certificate"), std::string::npos)
      << other_name.error().details();
}

}  // namespace
}  // namespace carillon::outbound
