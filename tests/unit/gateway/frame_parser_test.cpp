#include "gateway/frame_parser.hpp"

#include <gtest/gtest.h>

#include "unit/gateway/parsed_frames.hpp"
#include "unit/gateway/test_client.hpp"

namespace carillon::gateway {
namespace {

using model::Opcode;
using testing::ClientFrame;
using testing::close_frame;
using testing::Kind;
using testing::parse;
using testing::Seen;
using testing::text;
using testing::text_frame;
using testing::violation;

std::string fragment(Opcode opcode, std::string payload, bool final) {
  return ClientFrame{.opcode = opcode, .payload = std::move(payload), .final = final}.bytes();
}

std::string with_header(std::initializer_list<int> header) {
  std::string out;
  for (const int byte : header) out += static_cast<char>(byte);
  return out;
}

TEST(FrameParser, ReadsMessagesOfEveryLengthForm) {
  for (const std::size_t size : {0u, 1u, 7u, 8u, 9u, 125u, 126u, 127u, 65'535u, 65'536u, 65'537u, 262'144u}) {
    const std::string payload(size, 'a');
    EXPECT_EQ(parse(text_frame(payload)), std::vector{text(payload)}) << size;
  }
}

TEST(FrameParser, EverySplitPointGivesTheSame) {
  const std::string stream = text_frame("hello") + fragment(Opcode::text, "h\xc3", false) +
                             fragment(Opcode::ping, "ping", true) +
                             fragment(Opcode::continuation, "\xa4l", false) +
                             fragment(Opcode::pong, "", true) + fragment(Opcode::continuation, "lo", true) +
                             text_frame(std::string(200, 'x')) + close_frame(1000, "bye");
  const std::vector<Seen> expected{
      text("hello"),        {Kind::ping, 0, "ping", false}, {Kind::pong, 0, "", false},
      text("h\xc3\xa4llo"), text(std::string(200, 'x')),    {Kind::close, 1000, "bye", false}};
  ASSERT_EQ(parse(stream), expected);
  for (std::size_t first = 0; first <= stream.size(); ++first) {
    EXPECT_EQ(parse({stream.substr(0, first), stream.substr(first)}), expected) << first;
    for (std::size_t second = first; second <= stream.size(); second += 7)
      EXPECT_EQ(parse({stream.substr(0, first), stream.substr(first, second - first), stream.substr(second)}),
                expected)
          << first << "," << second;
  }
  std::vector<std::string> bytes;
  for (const char byte : stream) bytes.emplace_back(1, byte);
  EXPECT_EQ(parse(bytes), expected);
}

TEST(FrameParser, UnmasksWithAnyKeyAndAlignment) {
  for (const std::uint32_t mask : {0u, 0xffffffffu, 0x01020304u, 0x00ff00ffu})
    for (std::size_t size = 0; size < 40; ++size) {
      std::string payload;
      for (std::size_t i = 0; i < size; ++i) payload += static_cast<char>('a' + i % 26);
      EXPECT_EQ(parse(ClientFrame{.payload = payload, .mask = mask}.bytes()), std::vector{text(payload)});
    }
}

TEST(FrameParser, TheFirstTwoBytesDecide) {
  // Nothing but the two bytes is there: the refusal does not wait for more.
  EXPECT_EQ(parse(with_header({0x81, 0x00})), std::vector{violation(1002)}) << "not masked";
  for (const int reserved : {0x10, 0x20, 0x40, 0x70})
    EXPECT_EQ(parse(with_header({0x81 | reserved, 0x80})), std::vector{violation(1002)});
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15})
    EXPECT_EQ(parse(with_header({0x80 | opcode, 0x80})), std::vector{violation(1002)}) << opcode;
  for (const int opcode : {8, 9, 10}) {
    EXPECT_EQ(parse(with_header({opcode, 0x80})), std::vector{violation(1002)}) << "fragmented control";
    EXPECT_EQ(parse(with_header({0x80 | opcode, 0x80 | 126})), std::vector{violation(1002)})
        << "long control";
    EXPECT_EQ(parse(with_header({0x80 | opcode, 0x80 | 127})), std::vector{violation(1002)})
        << "long control";
  }
  EXPECT_EQ(parse(with_header({0x82, 0x80})), std::vector{violation(1003)});
  EXPECT_EQ(parse(with_header({0x80, 0x80})), std::vector{violation(1002)}) << "nothing to continue";
  EXPECT_EQ(parse(with_header({0x00, 0x80})), std::vector{violation(1002)}) << "nothing to continue";
}

TEST(FrameParser, FragmentsMustFollowEachOther) {
  const std::string begun = fragment(Opcode::text, "a", false);
  EXPECT_EQ(parse(begun + text_frame("b")), std::vector{violation(1002)});
  EXPECT_EQ(parse(begun + fragment(Opcode::text, "b", false)), std::vector{violation(1002)});
  EXPECT_EQ(
      parse(begun + fragment(Opcode::continuation, "b", true) + fragment(Opcode::continuation, "c", true)),
      (std::vector{text("ab"), violation(1002)}));
  FrameRules binary{.binary = true};
  EXPECT_EQ(parse(begun + fragment(Opcode::binary, "b", true), binary), std::vector{violation(1002)});
}

TEST(FrameParser, EmptyFragmentsAreFragments) {
  EXPECT_EQ(parse(fragment(Opcode::text, "", false) + fragment(Opcode::continuation, "", false) +
                  fragment(Opcode::continuation, "", true)),
            std::vector{text("")});
  EXPECT_EQ(
      parse(fragment(Opcode::text, "", false) + fragment(Opcode::continuation, "x", true) + text_frame("y")),
      (std::vector{text("x"), text("y")}));
}

TEST(FrameParser, LengthsMustBeMinimalAndSane) {
  EXPECT_EQ(parse(with_header({0x81, 0xfe, 0, 125})), std::vector{violation(1002)});
  EXPECT_EQ(parse(with_header({0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff})), std::vector{violation(1002)});
  EXPECT_EQ(parse(with_header({0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0})), std::vector{violation(1002)});
}

TEST(FrameParser, OverLongMessagesAreRefusedBeforeTheyArrive) {
  const FrameRules rules{.max_message_bytes = 1000};
  EXPECT_EQ(parse(with_header({0x81, 0xfe, 0x03, 0xe9}), rules), std::vector{violation(1009)});
  EXPECT_EQ(parse(with_header({0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), rules),
            std::vector{violation(1009)});
  EXPECT_EQ(parse(text_frame(std::string(1000, 'x')), rules).front().kind, Kind::text);
  EXPECT_EQ(parse(fragment(Opcode::text, std::string(600, 'x'), false) +
                      fragment(Opcode::continuation, std::string(401, 'x'), true).substr(0, 4),
                  rules),
            std::vector{violation(1009)});
  EXPECT_EQ(parse(fragment(Opcode::text, std::string(600, 'x'), false) +
                      fragment(Opcode::continuation, std::string(400, 'x'), true),
                  rules),
            std::vector{text(std::string(1000, 'x'))});
}

TEST(FrameParser, CloseFrames) {
  EXPECT_EQ(parse(fragment(Opcode::close, "", true)), (std::vector<Seen>{{Kind::close, 1005, "", false}}));
  EXPECT_EQ(parse(fragment(Opcode::close, "\x03", true)), std::vector{violation(1002)});
  for (const int code :
       {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999})
    EXPECT_EQ(parse(close_frame(static_cast<std::uint16_t>(code), "why")),
              (std::vector<Seen>{{Kind::close, static_cast<std::uint16_t>(code), "why", false}}));
  for (const int code : {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535})
    EXPECT_EQ(parse(close_frame(static_cast<std::uint16_t>(code), "why")), std::vector{violation(1002)})
        << code;
  EXPECT_EQ(parse(close_frame(1000, "\xff")), std::vector{violation(1007)});
  EXPECT_EQ(parse(close_frame(1000, std::string(123, 'x'))).front().kind, Kind::close);
}

TEST(FrameParser, Utf8IsCheckedAsItArrives) {
  // RFC 3629's borders, and what is just beyond them.
  for (const char* good :
       {"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
        "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"})
    EXPECT_EQ(parse(text_frame(good)), std::vector{text(good)});
  for (const char* bad :
       {"\x80", "\xc0\xaf", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff", "a\xe2\x82", "\xe2\x28\xa1"}) {
    EXPECT_EQ(parse(text_frame(bad)), std::vector{violation(1007)});
    EXPECT_EQ(parse(fragment(Opcode::text, bad, false) + fragment(Opcode::continuation, "", true)),
              std::vector{violation(1007)});
  }
}

TEST(FrameParser, BrokenUtf8IsRefusedBeforeTheMessageEnds) {
  const std::string begun = fragment(Opcode::text, "\xce\xba\xe1\xbd\xb9\xf4\x90", false);
  EXPECT_EQ(parse(begun), std::vector{violation(1007)}) << "a fragment was enough";
  const std::string whole = text_frame("good \xff and more");
  EXPECT_EQ(parse(whole.substr(0, 6 + 6)), std::vector{violation(1007)}) << "the byte itself was enough";
}

TEST(FrameParser, BinaryWhereItIsAllowed) {
  const FrameRules rules{.binary = true};
  EXPECT_EQ(parse(fragment(Opcode::binary, "\xff\xfe", true), rules),
            (std::vector<Seen>{{Kind::binary, 0, "\xff\xfe", false}}));
  EXPECT_EQ(
      parse(fragment(Opcode::binary, "\xff", false) + fragment(Opcode::continuation, "\xfe", true), rules),
      (std::vector<Seen>{{Kind::binary, 0, "\xff\xfe", false}}));
}

TEST(FrameParser, CompressedMessages) {
  const std::string whole = ClientFrame{.payload = "\xff\xfe", .reserved = 4}.bytes();
  EXPECT_EQ(parse(whole), std::vector{violation(1002)}) << "not negotiated";
  EXPECT_EQ(parse(whole, {}, true), (std::vector<Seen>{{Kind::text, 0, "\xff\xfe", true}}));
  const std::string begun = ClientFrame{.payload = "\xff", .final = false, .reserved = 4}.bytes();
  EXPECT_EQ(parse(begun + fragment(Opcode::continuation, "\xfe", true), {}, true),
            (std::vector<Seen>{{Kind::text, 0, "\xff\xfe", true}}));
  EXPECT_EQ(parse(begun + ClientFrame{.opcode = Opcode::continuation, .reserved = 4}.bytes(), {}, true),
            std::vector{violation(1002)})
      << "RSV1 marks the first fragment only";
  EXPECT_EQ(parse(ClientFrame{.opcode = Opcode::ping, .reserved = 4}.bytes(), {}, true),
            std::vector{violation(1002)});
  EXPECT_EQ(parse(whole + text_frame("plain"), {}, true),
            (std::vector<Seen>{{Kind::text, 0, "\xff\xfe", true}, text("plain")}));
}

TEST(FrameParser, UnfinishedMessagesShareOneBudget) {
  MemoryBudget budget(10'000);
  const FrameRules rules{.max_message_bytes = 8000, .budget = &budget};
  FrameParser first(rules);
  std::string bytes = fragment(Opcode::text, std::string(6000, 'x'), false);
  std::span<char> input(bytes);
  EXPECT_EQ(first.next(input).kind, Kind::need_more);
  EXPECT_GE(budget.used(), 6000u);
  {
    FrameParser second(rules);
    std::string more = fragment(Opcode::text, std::string(6000, 'x'), false);
    std::span<char> rest(more);
    const FrameEvent refused = second.next(rest);
    EXPECT_EQ(refused.kind, Kind::violation);
    EXPECT_EQ(refused.code, 1013);
  }
  std::string end = fragment(Opcode::continuation, "y", true);
  input = end;
  EXPECT_EQ(first.next(input).payload.size(), 6001u);
  first.release();
  EXPECT_EQ(budget.used(), 0u);
  EXPECT_EQ(parse(text_frame(std::string(8000, 'x')), rules).front().kind, Kind::text);
  EXPECT_EQ(budget.used(), 0u) << "whole frames need none";
}

TEST(FrameParser, GivesItsBudgetBackWhenItEnds) {
  MemoryBudget budget(10'000);
  const FrameRules rules{.budget = &budget};
  {
    FrameParser parser(rules);
    std::string bytes = fragment(Opcode::text, "begun", false);
    std::span<char> input(bytes);
    parser.next(input);
    EXPECT_GT(budget.used(), 0u);
  }
  EXPECT_EQ(budget.used(), 0u);
}

}  // namespace
}  // namespace carillon::gateway
