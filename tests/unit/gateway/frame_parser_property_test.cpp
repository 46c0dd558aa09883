#include <random>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/bytes.hpp"
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
using testing::violation;

/// The same protocol, written to be read: whole streams only, no thought of speed.
std::vector<Seen> reference(const std::string& stream, std::size_t max_message, bool binary_allowed) {
  std::vector<Seen> seen;
  std::string message;
  int under_way = 0;
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(stream[at]); };
  for (std::size_t at = 0; at + 2 <= stream.size();) {
    const int opcode = byte(at) & 15;
    const bool final = (byte(at) & 0x80) != 0;
    const bool control = opcode >= 8;
    const auto refuse = [&](int code) { seen.push_back(violation(static_cast<std::uint16_t>(code))); };
    if ((byte(at) & 0x70) != 0 || (opcode > 2 && opcode < 8) || opcode > 10 || (byte(at + 1) & 0x80) == 0 ||
        (control && (!final || (byte(at + 1) & 0x7f) > 125)) || (opcode == 0 && under_way == 0) ||
        ((opcode == 1 || opcode == 2) && under_way != 0))
      return refuse(1002), seen;
    if (opcode == 2 && !binary_allowed) return refuse(1003), seen;
    std::uint64_t length = byte(at + 1) & 0x7f;
    const std::size_t extra = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (at + 2 + extra > stream.size()) return seen;
    if (extra > 0) {
      length = 0;
      for (std::size_t i = 0; i < extra; ++i) length = length << 8 | byte(at + 2 + i);
      if (length < (extra == 2 ? 126u : 65536u) || length >> 63 != 0) return refuse(1002), seen;
    }
    if (!control && (length > max_message || message.size() + length > max_message))
      return refuse(1009), seen;
    if (at + 6 + extra > stream.size()) return seen;
    const std::size_t there = std::min<std::uint64_t>(length, stream.size() - at - 6 - extra);
    std::string payload;
    for (std::size_t i = 0; i < there; ++i)
      payload += static_cast<char>(stream[at + 6 + extra + i] ^ stream[at + 2 + extra + i % 4]);
    at += 6 + extra + there;
    const bool whole = there == length;
    if (control) {
      if (!whole) return seen;
      if (opcode != 8) {
        seen.push_back({opcode == 9 ? Kind::ping : Kind::pong, 0, payload, false});
        continue;
      }
      if (payload.empty()) return seen.push_back({Kind::close, 1005, "", false}), seen;
      if (payload.size() == 1) return refuse(1002), seen;
      const int code = static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
      const bool known =
          (code >= 1000 && code < 1004) || (code > 1006 && code < 1015) || (code >= 3000 && code < 5000);
      if (!known) return refuse(1002), seen;
      if (!base::valid_utf8(payload.substr(2))) return refuse(1007), seen;
      return seen.push_back({Kind::close, static_cast<std::uint16_t>(code), payload.substr(2), false}), seen;
    }
    if (opcode != 0) under_way = opcode;
    message += payload;
    if (under_way == 1) {
      // Valid so far: valid, or up to three more bytes can make it so.
      bool possible = base::valid_utf8(message);
      for (std::size_t cut = 1; !possible && cut <= 3 && cut <= message.size(); ++cut) {
        const std::string head = message.substr(0, message.size() - cut);
        std::string tail = message.substr(message.size() - cut);
        const auto lead = static_cast<unsigned char>(tail[0]);
        const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        if (lead < 0xc2 || lead > 0xf4 || size <= cut || !base::valid_utf8(head)) continue;
        for (int second = 0x80; second < 0xc0 && !possible; ++second) {
          std::string guess = tail;
          if (guess.size() == 1) guess += static_cast<char>(second);
          while (guess.size() < size) guess += '\x80';
          possible = base::valid_utf8(guess);
        }
      }
      if (!possible || (final && whole && !base::valid_utf8(message))) return refuse(1007), seen;
    }
    if (!whole) return seen;
    if (!final) continue;
    seen.push_back({under_way == 1 ? Kind::text : Kind::binary, 0, message, false});
    message.clear();
    under_way = 0;
  }
  return seen;
}

std::string random_payload(std::mt19937_64& random) {
  static const std::vector<std::string> kParts = {"a", "hello ", "\xc3\xa4", "\xe2\x82\xac",
                                                  "\xf0\x9f\x98\x80"};
  static const std::vector<std::string> kRare = {"\xc3", "\xff", "\xed\xa0\x80", "\x80", "\xe2\x82"};
  std::string out;
  for (std::uint64_t left = random() % 12; left > 0; --left)
    out += random() % 40 == 0 ? kRare[random() % kRare.size()] : kParts[random() % kParts.size()];
  if (random() % 20 == 0) out.append(random() % 300, 'x');
  return out;
}

std::string random_stream(std::mt19937_64& random) {
  std::string stream;
  bool under_way = false;
  for (std::uint64_t frames = random() % 10 + 1; frames > 0; --frames) {
    ClientFrame frame;
    frame.mask = static_cast<std::uint32_t>(random());
    frame.payload = random_payload(random);
    if (random() % 4 == 0) {
      frame.opcode = random() % 2 == 0 ? Opcode::ping : Opcode::pong;
      frame.payload.resize(std::min<std::size_t>(frame.payload.size(), 125));
    } else {
      frame.opcode = under_way ? Opcode::continuation : random() % 4 == 0 ? Opcode::binary : Opcode::text;
      frame.final = random() % 2 == 0;
      under_way = !frame.final;
    }
    std::string bytes = frame.bytes();
    if (random() % 15 == 0)
      bytes[random() % std::min<std::size_t>(bytes.size(), 4)] ^= static_cast<char>(1u << random() % 8);
    stream += bytes;
  }
  if (random() % 3 == 0)
    stream += close_frame(static_cast<std::uint16_t>(random() % 6000), random_payload(random).substr(0, 100));
  if (random() % 5 == 0) stream.resize(random() % (stream.size() + 1));
  return stream;
}

RC_GTEST_PROP(FrameParserProperty, AgreesWithTheReferenceHoweverTheStreamIsCut, (std::uint64_t seed)) {
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20; ++round) {
    const std::string stream = random_stream(random);
    const bool binary = random() % 2 == 0;
    const FrameRules rules{.max_message_bytes = 400, .binary = binary};
    const std::vector<Seen> expected = reference(stream, 400, binary);
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = random() % 4 == 0 ? 1 : random() % 60 + 1;
      pieces.push_back(stream.substr(at, size));
      at += size;
    }
    RC_ASSERT(parse(pieces, rules) == expected);
    RC_ASSERT(parse(stream, rules) == expected);
  }
}

}  // namespace
}  // namespace carillon::gateway
