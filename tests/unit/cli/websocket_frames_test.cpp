#include "cli/websocket_frames.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace carillon::cli {
namespace {

using model::Opcode;

std::string server_frame(Opcode opcode, std::string_view payload, bool final = true) {
  std::string frame;
  model::append_frame(frame, opcode, payload);
  if (!final) frame[0] = static_cast<char>(frame[0] & 0x7f);
  return frame;
}

std::string error_of(std::string_view bytes) {
  ServerFrames frames;
  const auto events = frames.feed(bytes);
  return events ? "" : events.error();
}

TEST(ClientFrame, IsMaskedAsRfc6455Shows) {
  // RFC 6455 §5.7: a single-frame masked text message.
  EXPECT_EQ(client_frame(Opcode::text, "Hello", {0x37, 0xfa, 0x21, 0x3d}),
            "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  EXPECT_EQ(client_frame(Opcode::pong, "", {1, 2, 3, 4}), "\x8a\x80\x01\x02\x03\x04");
  const std::string big = client_frame(Opcode::binary, std::string(70000, 'x'), {0, 0, 0, 0});
  EXPECT_EQ(big.substr(0, 2), "\x82\xff");
  EXPECT_EQ(big.size(), 2 + 8 + 4 + 70000u);
}

TEST(ServerFrames, ReadsMessagesOfEveryLength) {
  for (const std::size_t size : {0, 1, 125, 126, 65535, 65536, 200000}) {
    ServerFrames frames;
    const auto events = frames.feed(server_frame(Opcode::text, std::string(size, 'a')));
    ASSERT_TRUE(events) << events.error();
    ASSERT_EQ(events->size(), 1u);
    EXPECT_EQ((*events)[0].payload.size(), size);
  }
}

TEST(ServerFrames, PutsPiecesTogetherWithAPingBetween) {
  ServerFrames frames;
  const auto events = frames.feed(server_frame(Opcode::text, "Hel", false) + server_frame(Opcode::ping, "p") +
                                  server_frame(Opcode::continuation, "lo") + server_frame(Opcode::text, "!"));
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 3u);
  EXPECT_EQ((*events)[0].opcode, Opcode::ping);
  EXPECT_EQ((*events)[1].payload, "Hello");
  EXPECT_EQ((*events)[2].payload, "!");
}

TEST(ServerFrames, ReadsACloseWithAndWithoutACode) {
  ServerFrames frames;
  auto events = frames.feed(server_frame(Opcode::close, "\x11\x31go away"));
  ASSERT_TRUE(events);
  EXPECT_EQ((*events)[0].code, 4401);
  EXPECT_EQ((*events)[0].payload, "go away");
  ServerFrames others;
  events = others.feed(server_frame(Opcode::close, ""));
  ASSERT_TRUE(events);
  EXPECT_EQ((*events)[0].code, 1005);
}

TEST(ServerFrames, RefusesWhatBreaksTheProtocol) {
  EXPECT_EQ(error_of("\xc1\x01"
                     "a"),
            "a frame with a reserved bit set");
  EXPECT_EQ(error_of("\x81\x81\x01\x02\x03\x04"
                     "a"),
            "a masked frame");
  EXPECT_EQ(error_of("\x83\x01"
                     "a"),
            "a frame with an unknown opcode");
  EXPECT_EQ(error_of("\x8b\x01"
                     "a"),
            "a frame with an unknown opcode");
  EXPECT_EQ(error_of("\x09\x01"
                     "a"),
            "a control frame that is too long or in pieces");
  EXPECT_EQ(error_of(std::string("\x89\x7e\x00\x7e", 4)), "a control frame that is too long or in pieces");
  EXPECT_EQ(error_of("\x80\x01"
                     "a"),
            "pieces of messages out of order");
  EXPECT_EQ(error_of("\x01\x01"
                     "a"
                     "\x81\x01"
                     "b"),
            "pieces of messages out of order");
  EXPECT_EQ(error_of(std::string("\x81\x7f\x00\x00\x00\x00\x04\x00\x00\x01", 10)), "a message over 64 MiB");
  EXPECT_EQ(error_of("\x81\x01\xff"), "a text message that is not UTF-8");
  EXPECT_EQ(error_of("\x88\x01"
                     "a"),
            "a close frame of one byte");
  EXPECT_EQ(error_of("\x88\x03\x03\xe8\xff"), "a close reason that is not UTF-8");
  EXPECT_EQ(error_of("\x82\x01\xff"), "");
}

RC_GTEST_PROP(ServerFrames, DoesNotCareHowBytesAreCut, ()) {
  std::string bytes;
  std::vector<std::string> sent;
  const int count = *rc::gen::inRange(1, 6);
  for (int i = 0; i < count; ++i) {
    sent.emplace_back(*rc::gen::inRange<std::size_t>(0, 300), static_cast<char>('a' + i));
    bytes += server_frame(Opcode::text, sent.back());
  }
  ServerFrames frames;
  std::vector<std::string> received;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const std::string_view piece = rest.substr(0, *rc::gen::inRange<std::size_t>(1, 200));
    rest.remove_prefix(piece.size());
    const auto events = frames.feed(piece);
    RC_ASSERT(events.has_value());
    for (const ServerEvent& event : *events) received.push_back(event.payload);
  }
  RC_ASSERT(received == sent);
}

}  // namespace
}  // namespace carillon::cli
