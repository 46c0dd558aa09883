#pragma once

#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gateway/frame_parser.hpp"

namespace carillon::gateway::testing {

using Kind = FrameEvent::Kind;

/// An event with its views copied.
struct Seen {
  Kind kind;
  std::uint16_t code;
  std::string payload;
  bool compressed;
  bool operator==(const Seen&) const = default;
};
inline void PrintTo(const Seen& seen, std::ostream* out) {
  *out << "{kind " << static_cast<int>(seen.kind) << ", code " << seen.code << ", " << seen.payload.size()
       << " bytes}";
}

inline Seen text(std::string payload) {
  return {Kind::text, 0, std::move(payload), false};
}
inline Seen violation(std::uint16_t code) {
  return {Kind::violation, code, "", false};
}

/// What a parser makes of a stream that arrives in the given pieces.
inline std::vector<Seen> parse(const std::vector<std::string>& pieces, FrameRules rules = {},
                               bool compression = false) {
  FrameParser parser(rules);
  if (compression) parser.allow_compression();
  std::vector<Seen> seen;
  for (std::string piece : pieces) {
    std::span<char> input(piece);
    while (!input.empty()) {
      const FrameEvent event = parser.next(input);
      if (event.kind == Kind::need_more) {
        EXPECT_TRUE(input.empty()) << "need_more takes all";
        break;
      }
      seen.push_back({event.kind, event.code, std::string(event.payload), event.compressed});
      if (event.kind == Kind::violation) EXPECT_FALSE(event.why.empty());
      if (event.kind == Kind::violation || event.kind == Kind::close) return seen;
    }
  }
  return seen;
}

inline std::vector<Seen> parse(const std::string& whole, FrameRules rules = {}, bool compression = false) {
  return parse(std::vector<std::string>{whole}, rules, compression);
}

}  // namespace carillon::gateway::testing
