#include <gtest/gtest.h>

#include "unit/gateway/http_fixture.hpp"

namespace carillon::gateway::testing {
namespace {

struct BadRequest {
  std::string name;
  std::string bytes;
  int status;
};
void PrintTo(const BadRequest& request, std::ostream* out) {
  *out << request.name;
}

class BadRequestTest : public HttpTest, public ::testing::WithParamInterface<BadRequest> {};

TEST_P(BadRequestTest, IsAnsweredAndNotJustClosed) {
  start();
  TestClient client(port());
  client.send(GetParam().bytes);
  const Answer answer = client.answer();
  EXPECT_EQ(answer.status, GetParam().status) << answer.body;
  EXPECT_TRUE(answer.body.starts_with(R"({"error":")")) << answer.body;
  EXPECT_EQ(answer["connection"], "close");
  EXPECT_TRUE(client.ended());
}

INSTANTIATE_TEST_SUITE_P(
    Http, BadRequestTest,
    ::testing::Values(
        BadRequest{"Garbage", "\x16\x03\x01 hello", 400}, BadRequest{"NoVersion", "GET /open\r\n\r\n", 400},
        BadRequest{"BareLf", "GET /open HTTP/1.1\nHost: x\n\n", 400},
        BadRequest{"Version2", "GET /open HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        BadRequest{"NoHost", "GET /open HTTP/1.1\r\n\r\n", 400},
        BadRequest{"TwoHosts", "GET /open HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        BadRequest{"BadHost", "GET /open HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        BadRequest{"SpaceBeforeColon", "GET /open HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        BadRequest{"LengthAndChunked",
                   "POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n0\r\n\r\n",
                   400},
        BadRequest{"ChunkedAndLength",
                   "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: "
                   "5\r\n\r\n0\r\n\r\n",
                   400},
        BadRequest{"TwoLengths",
                   "POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
                   400},
        BadRequest{"LengthNoNumber", "POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400},
        BadRequest{"LengthTooLong",
                   "POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
        BadRequest{"ChunkSize", "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                   400},
        BadRequest{
            "ChunkEnd",
            "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", 400},
        BadRequest{"ChunkExtensionForEver",
                   "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                       std::string(70'000, 'a'),
                   400},
        BadRequest{"Gzip", "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
        BadRequest{"GzipChunked",
                   "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        BadRequest{"ChunkedTwice",
                   "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400},
        BadRequest{"Fragment", "GET /open#x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        BadRequest{"NoSlash", "GET open HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        BadRequest{"LongTarget", "GET /" + std::string(8200, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
        BadRequest{"EndlessTarget", "GET /" + std::string(20'000, 'a'), 414},
        BadRequest{"LongHeader",
                   "GET /open HTTP/1.1\r\nHost: x\r\nA: " + std::string(17'000, 'a') + "\r\n\r\n", 431},
        BadRequest{"EndlessHeader", "GET /open HTTP/1.1\r\nHost: x\r\nA: " + std::string(17'000, 'a'), 431},
        BadRequest{"DeclaredTooLarge", "POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 262145\r\n\r\n",
                   413},
        BadRequest{"StreamedTooLarge",
                   "POST /open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n40001\r\n" +
                       std::string(0x40001, 'a'),
                   413}),
    [](const auto& info) { return info.param.name; });

TEST_F(HttpTest, HeadersInSmallPiecesAreBoundedToo) {
  start();
  TestClient client(port());
  client.send("GET /open HTTP/1.1\r\nHost: x\r\n");
  const std::string field = "X-Field: " + std::string(500, 'a') + "\r\n";
  for (int i = 0; i < 33; ++i) client.send(field);
  EXPECT_EQ(client.answer().status, 431);
}

TEST_F(HttpTest, TheClientThatStillSendsCanReadItsRefusal) {
  start();
  TestClient client(port());
  client.send("POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n");
  for (int i = 0; i < 20; ++i) client.send(std::string(50'000, 'x'));
  EXPECT_EQ(client.answer().status, 413);
}

}  // namespace
}  // namespace carillon::gateway::testing
