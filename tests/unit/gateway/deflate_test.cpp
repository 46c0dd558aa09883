#include "gateway/deflate.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "unit/gateway/gateway_fixture.hpp"

namespace carillon::gateway::testing {
namespace {

using model::Target;

constexpr const char* kAccepted =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

TEST(Deflate, OffersThatAreAccepted) {
  for (const char* offer :
       {"permessage-deflate", "permessage-deflate; client_max_window_bits", "x-other, permessage-deflate",
        "permessage-deflate;client_max_window_bits=10;server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10, permessage-deflate",
        "permessage-deflate; unknown, permessage-deflate; client_no_context_takeover"})
    EXPECT_EQ(accept_deflate(offer), kAccepted) << offer;
  EXPECT_EQ(accept_deflate("permessage-deflate; server_max_window_bits=15"),
            std::string(kAccepted) + "; server_max_window_bits=15");
}

TEST(Deflate, OffersThatAreDeclined) {
  for (const char* offer :
       {"", "x-webkit-deflate-frame", "permessage-deflate; server_max_window_bits=10",
        "permessage-deflate; server_max_window_bits", "permessage-deflate; unknown",
        "permessage-deflate; client_max_window_bits=16", "permessage-deflate; client_max_window_bits=010",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover"})
    EXPECT_EQ(accept_deflate(offer), std::nullopt) << offer;
}

RC_GTEST_PROP(DeflateProperty, WhatIsDeflatedInflatesAgain, (const std::string& message)) {
  std::string small;
  deflate_message(message, small);
  std::string again = "before ";
  RC_ASSERT(inflate_message(small, message.size(), again) == Inflated::ok);
  RC_ASSERT(again == "before " + message);
}

TEST(Deflate, InflationIsBoundedWhileItRuns) {
  std::string bomb;
  deflate_message(std::string(100'000'000, 'x'), bomb);
  std::string out;
  EXPECT_EQ(inflate_message(bomb, 262'144, out), Inflated::too_large);
  EXPECT_LE(out.capacity(), 1'000'000u);
  out.clear();
  std::string exact;
  deflate_message(std::string(262'144, 'x'), exact);
  EXPECT_EQ(inflate_message(exact, 262'144, out), Inflated::ok);
  out.clear();
  EXPECT_EQ(inflate_message(exact, 262'143, out), Inflated::too_large);
}

TEST(Deflate, BrokenDataIsRefused) {
  std::string out;
  EXPECT_EQ(inflate_message("\xff\xff\xff\xff", 1000, out), Inflated::broken);
}

TEST(Deflate, RfcSamples) {
  // RFC 7692 §7.2.3.1, .3, .4 (no compression) and .5 (final block).
  for (const std::string& sample :
       {std::string("\xf2\x48\xcd\xc9\xc9\x07\x00", 7),
        std::string("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11),
        std::string("\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8),
        std::string("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13)}) {
    std::string out;
    EXPECT_EQ(inflate_message(sample, 1000, out), Inflated::ok);
    EXPECT_EQ(out, "Hello");
  }
}

class CompressionTest : public GatewayTest {
 protected:
  CompressionTest() { settings_.compression = true; }
  static constexpr const char* kOffer =
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
  static std::string inflated(const ServerFrame& frame) {
    std::string out;
    EXPECT_TRUE(frame.compressed);
    EXPECT_EQ(inflate_message(frame.payload, 10'000'000, out), Inflated::ok);
    return out;
  }
  static std::string compressed_frame(std::string_view text) {
    ClientFrame frame{.reserved = 4};
    deflate_message(text, frame.payload);
    return frame.bytes();
  }
};

TEST_F(CompressionTest, IsNegotiated) {
  start();
  TestClient client(port());
  client.send(upgrade_request("/", kOffer));
  EXPECT_EQ(client.answer()["sec-websocket-extensions"], kAccepted);
  TestClient plain(port());
  plain.send(upgrade_request("/"));
  EXPECT_EQ(plain.answer()["sec-websocket-extensions"], "");
}

TEST_F(CompressionTest, IsOffByDefault) {
  settings_.compression = Settings{}.compression;
  start();
  TestClient client(port());
  client.send(upgrade_request("/", kOffer));
  EXPECT_EQ(client.answer()["sec-websocket-extensions"], "");
  client.send(compressed_frame("hello"));
  EXPECT_EQ(client.message().close_code(), 1002);
}

TEST_F(CompressionTest, MessagesBothWays) {
  handler_.receiving = [](const ports::FrameContext& context, std::string_view text) {
    context.socket->send(std::string(text));
  };
  start();
  const auto client = open("/", kOffer);
  const std::string large(100'000, 'z');
  client->send(compressed_frame(large) + text_frame("plain") + compressed_frame("small"));
  EXPECT_EQ(inflated(client->message()), large);
  EXPECT_EQ(client->message().payload, "plain");
  EXPECT_EQ(client->message().payload, "small");
}

TEST_F(CompressionTest, BadMessagesCloseWithTheirCode) {
  start();
  const auto code_for = [&](const std::string& frame) {
    const auto client = open("/", kOffer);
    client->send(frame);
    return client->message().close_code();
  };
  EXPECT_EQ(code_for(compressed_frame(std::string(262'145, 'x'))), 1009);
  EXPECT_EQ(code_for(compressed_frame("\xff\xfe")), 1007);
  EXPECT_EQ(code_for(ClientFrame{.payload = "\xff\xff\xff\xff", .reserved = 4}.bytes()), 1007);
}

TEST_F(CompressionTest, ARunIsCompressedOnceAndSharedWithPlainClients) {
  start();
  const auto small = open("/", kOffer);
  const auto small_too = open("/", kOffer);
  const auto plain = open();
  for (std::size_t i = 0; i < 3; ++i) subscribe(i, {Target::chat("x")});
  const std::string large(5000, 'q');
  const auto run = run_of(Target::chat("x"), {large, "a", large + "b"});
  gateway_->deliver(0, {run});
  for (const auto& client : {small.get(), small_too.get()}) {
    EXPECT_EQ(inflated(client->message()), large);
    EXPECT_EQ(client->message().payload, "a") << "not worth compressing";
    EXPECT_EQ(inflated(client->message()), large + "b");
  }
  for (const std::string& text : {large, std::string("a"), large + "b"})
    EXPECT_EQ(plain->message().payload, text);
  EXPECT_EQ(outcome(3).delivered, 3u);
  EXPECT_LT(run->compressed->frames.size(), 200u);
}

}  // namespace
}  // namespace carillon::gateway::testing
