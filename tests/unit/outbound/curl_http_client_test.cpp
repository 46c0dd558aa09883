#include "outbound/curl_http_client.hpp"

#include <cstdlib>
#include <future>
#include <vector>

#include <gtest/gtest.h>

#include "local_server.hpp"
#include "model/errors.hpp"

namespace carillon::outbound {
namespace {

using Answer = base::Result<ports::OutboundResponse>;

std::future<Answer> send(CurlHttpClient& client, ports::OutboundRequest request) {
  auto promise = std::make_shared<std::promise<Answer>>();
  auto answer = promise->get_future();
  client.send(std::move(request), [promise](Answer each) { promise->set_value(std::move(each)); });
  return answer;
}

ports::OutboundRequest get(std::string url) {
  ports::OutboundRequest request;
  request.url = std::move(url);
  request.timeout = std::chrono::seconds(60);
  return request;
}

std::string reason(const Answer& answer) {
  if (answer) return "(status " + std::to_string(answer->status) + ")";
  EXPECT_TRUE(answer.error().is(model::errors::kUnavailable) || answer.error().is(ports::kNotSent));
  return answer.error().details();
}

/// A server that says when a request has come and answers it only when told to.
class HeldServer {
 public:
  std::string url() const { return server_.url(); }
  void await_request() { arrived_.get_future().wait(); }
  void let_go() {
    if (!std::exchange(gone_, true)) go_.set_value();
  }
  ~HeldServer() { let_go(); }

 private:
  bool gone_ = false;
  std::atomic_flag first_ = ATOMIC_FLAG_INIT;
  std::promise<void> arrived_;
  std::promise<void> go_;
  std::shared_future<void> may_go_{go_.get_future()};
  LocalServer server_{[this](const std::string&) {
    if (!first_.test_and_set()) arrived_.set_value();
    may_go_.wait();
    return LocalServer::response("200 OK", "late");
  }};
};

TEST(CurlHttpClient, sends_method_headers_and_body) {
  std::promise<std::string> seen;
  LocalServer server([&](const std::string& request) {
    seen.set_value(request);
    return LocalServer::response("201 Created", "made");
  });
  CurlHttpClient client;
  auto request = get(server.url("/hook?a=b"));
  request.method = "POST";
  request.headers = {{"webhook-id", "m1"}, {"X-Empty", ""}};
  request.body = std::string("nul \0 in it", 11);
  const Answer answer = send(client, std::move(request)).get();
  ASSERT_TRUE(answer) << answer.error().details();
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "made");
  const std::string text = seen.get_future().get();
  EXPECT_TRUE(text.starts_with("POST /hook?a=b HTTP/1.1\r\n")) << text;
  EXPECT_TRUE(text.ends_with("\r\n\r\n" + std::string("nul \0 in it", 11))) << text;
  EXPECT_NE(text.find("\r\nwebhook-id: m1\r\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\r\nX-Empty:"), std::string::npos) << text;
  EXPECT_EQ(text.find("Content-Type"), std::string::npos) << text;
  EXPECT_EQ(text.find("Expect"), std::string::npos) << text;
}

TEST(CurlHttpClient, other_methods_and_large_bodies) {
  LocalServer server([](const std::string& request) {
    return LocalServer::response(
        "200 OK", request.substr(0, request.find(' ')) + std::to_string(request.size() > 2'000'000));
  });
  CurlHttpClient client;
  for (const char* method : {"GET", "PUT", "DELETE", "PATCH"}) {
    auto request = get(server.url());
    request.method = method;
    EXPECT_EQ(send(client, request).get()->body, std::string(method) + "0");
    request.body.assign(2'000'000, 'x');
    EXPECT_EQ(send(client, request).get()->body, std::string(method) + "1");
  }
}

TEST(CurlHttpClient, error_statuses_are_answers) {
  LocalServer server(
      [](const std::string&) { return LocalServer::response("503 Service Unavailable", "no"); });
  CurlHttpClient client;
  const Answer answer = send(client, get(server.url())).get();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
}

TEST(CurlHttpClient, follows_no_redirect) {
  std::string location;
  LocalServer server([&](const std::string&) {
    return LocalServer::response("302 Found", "", "Location: " + location + "\r\n");
  });
  location = server.url("/elsewhere");
  CurlHttpClient client;
  EXPECT_EQ(send(client, get(server.url())).get()->status, 302);
  EXPECT_EQ(server.requests(), 1);
}

TEST(CurlHttpClient, uses_no_proxy_from_the_environment) {
  for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})
    setenv(name, "http://127.0.0.1:1", 1);
  unsetenv("no_proxy");
  LocalServer server([](const std::string&) { return LocalServer::response("200 OK", "direct"); });
  {
    CurlHttpClient client;
    const Answer answer = send(client, get(server.url())).get();
    EXPECT_TRUE(answer && answer->body == "direct") << reason(answer);
  }
  for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}) unsetenv(name);
}

TEST(CurlHttpClient, reaches_no_link_local_address) {
  CurlHttpClient client;
  for (const char* url : {"http://169.254.169.254/latest/meta-data/", "http://2852039166/",
                          "http://0xa9.254.0.1/", "https://169.254.1.1/"})
    EXPECT_EQ(reason(send(client, get(url)).get()), "the address is not allowed") << url;
}

TEST(CurlHttpClient, speaks_http_and_https_only) {
  CurlHttpClient client;
  for (const char* url :
       {"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "dict://127.0.0.1/"})
    EXPECT_EQ(reason(send(client, get(url)).get()), "not an http or https URL") << url;
  for (const char* url : {"", "127.0.0.1/", "http://", "http://a b/", "http://127.0.0.1:99999/"})
    EXPECT_EQ(reason(send(client, get(url)).get()), "not a URL") << url;
  EXPECT_EQ(reason(send(client, get("http://127.0.0.1/\r\nX: y")).get()), "not a URL");
}

TEST(CurlHttpClient, plain_http_can_be_kept_to_loopback) {
  LocalServer server([](const std::string&) { return LocalServer::response("200 OK", "here"); });
  CurlHttpClient client(ClientSettings{.plain_http = PlainHttp::loopback_only});
  const Answer answer = send(client, get(server.url())).get();
  EXPECT_TRUE(answer && answer->body == "here") << reason(answer);
  for (const char* url :
       {"http://192.0.2.1/", "http://localhost.example.com/", "http://127.0.0.1.example.com/",
        "http://0.0.0.0/", "http://user:127.0.0.1@example.com/"})
    EXPECT_EQ(reason(send(client, get(url)).get()), "https is required for hosts other than loopback") << url;
}

TEST(CurlHttpClient, refuses_what_would_break_out_of_a_header) {
  CurlHttpClient client;
  auto request = get("http://127.0.0.1:1/");
  for (const auto& header :
       std::vector<std::pair<std::string, std::string>>{{"X-A", "b\r\nX-C: d"},
                                                        {"X-A", "b\nc"},
                                                        {"X-A\r\nX-B", "c"},
                                                        {"X A", "b"},
                                                        {"", "b"},
                                                        {"X-A", std::string("b\0c", 3)}}) {
    request.headers = {header};
    EXPECT_EQ(reason(send(client, request).get()), "not an HTTP header");
  }
  request.headers.clear();
  request.method = "GET / HTTP/1.1\r\n";
  EXPECT_EQ(reason(send(client, request).get()), "not an HTTP method");
}

TEST(CurlHttpClient, bounds_the_answers_body) {
  LocalServer server([](const std::string& request) {
    const std::string body(request.find("/more") != std::string::npos ? 1001 : 1000, 'x');
    if (request.find("/chunked") == std::string::npos) return LocalServer::response("200 OK", body);
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + body + "x\r\n0\r\n\r\n";
  });
  CurlHttpClient client;
  auto request = get(server.url());
  request.max_response_bytes = 1000;
  EXPECT_EQ(send(client, request).get()->body.size(), 1000u);
  request.url = server.url("/more");
  EXPECT_EQ(reason(send(client, request).get()), "the answer is too large");
  request.url = server.url("/chunked");
  EXPECT_EQ(reason(send(client, request).get()), "the answer is too large");
}

TEST(CurlHttpClient, bounds_the_answers_headers) {
  LocalServer server([](const std::string&) {
    std::string headers;
    for (int i = 0; i < 2000; ++i)
      headers += "X-Header-" + std::to_string(i) + ": " + std::string(50, 'x') + "\r\n";
    return LocalServer::response("200 OK", "", headers);
  });
  CurlHttpClient client;
  EXPECT_EQ(reason(send(client, get(server.url())).get()), "the answer is too large");
}

TEST(CurlHttpClient, broken_answers_and_refused_connections_are_unavailable) {
  LocalServer server([](const std::string& request) -> std::string {
    if (request.find("/short") != std::string::npos)
      return "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
    return request.find("/empty") != std::string::npos ? "" : "SSH-2.0-nothing\r\n\r\n";
  });
  CurlHttpClient client;
  for (const char* path : {"/short", "/empty", "/ssh"})
    EXPECT_TRUE(send(client, get(server.url(path))).get().error().is(model::errors::kUnavailable)) << path;
  for (const char* nowhere : {"http://127.0.0.1:1/", "http://no-such-host.invalid/", "https://127.0.0.1:1/"})
    EXPECT_TRUE(send(client, get(nowhere)).get().error().is(ports::kNotSent)) << nowhere;
  // Where TLS is not agreed on nothing of the request was said.
  EXPECT_TRUE(send(client, get("https" + server.url("/ssh").substr(4))).get().error().is(ports::kNotSent));
}

TEST(CurlHttpClient, times_out) {
  HeldServer server;
  CurlHttpClient client(ClientSettings{.max_running_per_host = 1});
  auto request = get(server.url());
  auto holding = send(client, request);
  server.await_request();
  request.timeout = std::chrono::milliseconds(20);
  EXPECT_EQ(reason(send(client, request).get()), "timed out") << "waiting for a place";
  server.let_go();
  EXPECT_TRUE(holding.get());
  HeldServer silent;
  request.url = silent.url();
  EXPECT_EQ(reason(send(client, request).get()), "timed out") << "running";
}

TEST(CurlHttpClient, a_host_that_does_not_answer_holds_up_no_other) {
  HeldServer silent;
  LocalServer quick([](const std::string&) { return LocalServer::response("200 OK", "quick"); });
  CurlHttpClient client(ClientSettings{.max_running = 2, .max_running_per_host = 1});
  std::vector<std::future<Answer>> held;
  for (int i = 0; i < 5; ++i) held.push_back(send(client, get(silent.url())));
  silent.await_request();
  EXPECT_EQ(send(client, get(quick.url())).get()->body, "quick");
  silent.let_go();
  for (auto& each : held) EXPECT_TRUE(each.get());
}

TEST(CurlHttpClient, no_more_than_the_configured_number_run) {
  HeldServer silent;
  LocalServer quick([](const std::string&) { return LocalServer::response("200 OK", "quick"); });
  CurlHttpClient client(ClientSettings{.max_running = 1});
  auto holding = send(client, get(silent.url()));
  silent.await_request();
  auto request = get(quick.url());
  request.timeout = std::chrono::milliseconds(20);
  EXPECT_EQ(reason(send(client, request).get()), "timed out");
  EXPECT_EQ(quick.requests(), 0);
  silent.let_go();
  EXPECT_TRUE(holding.get());
}

TEST(CurlHttpClient, over_the_bounds_requests_are_refused_at_once) {
  HeldServer server;
  CurlHttpClient client(
      ClientSettings{.max_running_per_host = 1, .max_queued_per_host = 1, .max_held_bytes = 100});
  auto holding = send(client, get(server.url()));
  server.await_request();
  auto queued = send(client, get(server.url()));
  EXPECT_EQ(reason(send(client, get(server.url())).get()), "too many requests under way");
  auto large = get("http://127.0.0.1:1/");
  large.body.assign(101, 'x');
  EXPECT_EQ(reason(send(client, large).get()), "too many requests under way");
  large.body.resize(100);
  EXPECT_NE(reason(send(client, large).get()), "too many requests under way");
  server.let_go();
  EXPECT_TRUE(holding.get());
  EXPECT_TRUE(queued.get());
  EXPECT_TRUE(send(client, get(server.url())).get()) << "places are free again";
}

TEST(CurlHttpClient, the_total_queue_is_bounded) {
  HeldServer first;
  HeldServer second;
  CurlHttpClient client(ClientSettings{.max_running = 1, .max_queued = 1});
  auto holding = send(client, get(first.url()));
  first.await_request();
  auto queued = send(client, get(second.url()));
  EXPECT_EQ(reason(send(client, get("http://127.0.0.1:1/")).get()), "too many requests under way");
  second.let_go();
  first.let_go();
  EXPECT_TRUE(holding.get());
  EXPECT_TRUE(queued.get());
}

TEST(CurlHttpClient, stopping_answers_everything_pending) {
  HeldServer server;
  CurlHttpClient client(ClientSettings{.max_running_per_host = 2});
  std::vector<std::future<Answer>> pending;
  for (int i = 0; i < 6; ++i) pending.push_back(send(client, get(server.url())));
  server.await_request();
  client.stop();
  for (auto& each : pending) EXPECT_EQ(reason(each.get()), "the client has stopped");
  EXPECT_EQ(reason(send(client, get(server.url())).get()), "the client has stopped");
  client.stop();
}

TEST(CurlHttpClient, a_completion_may_send_again) {
  LocalServer server([](const std::string&) { return LocalServer::response("200 OK", "yes"); });
  CurlHttpClient client;
  std::promise<Answer> second;
  client.send(get(server.url()), [&](Answer first) {
    ASSERT_TRUE(first);
    client.send(get(server.url()), [&](Answer answer) { second.set_value(std::move(answer)); });
  });
  EXPECT_TRUE(second.get_future().get());
}

TEST(CurlHttpClient, many_threads_at_once) {
  LocalServer server(
      [](const std::string& request) { return LocalServer::response("200 OK", request.substr(5, 3)); });
  CurlHttpClient client(ClientSettings{.max_running_per_host = 4});
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 10; i < 35; ++i) {
        const std::string path = std::to_string(thread) + std::to_string(i);
        const Answer answer = send(client, get(server.url("/" + path))).get();
        if (answer && answer->body == path) ++right;
      }
    });
  for (auto& each : threads) each.join();
  EXPECT_EQ(right, 100);
}

}  // namespace
}  // namespace carillon::outbound
