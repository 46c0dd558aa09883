// The WebSocket frame parser: any bytes, cut anywhere, are parsed the same, within bounds.
#include "gateway/frame_parser.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <tuple>
#include <vector>

#include "base/bytes.hpp"

namespace {

using carillon::gateway::FrameEvent;
using carillon::gateway::FrameParser;
using carillon::gateway::FrameRules;
using carillon::gateway::MemoryBudget;

using Seen = std::vector<std::tuple<FrameEvent::Kind, std::uint16_t, std::string>>;

Seen parse(std::string bytes, std::size_t step, bool binary, bool compression) {
  MemoryBudget budget(1u << 20);
  const FrameRules rules{.max_message_bytes = 4096, .binary = binary, .budget = &budget};
  Seen seen;
  {
    FrameParser parser(rules);
    if (compression) parser.allow_compression();
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      std::span<char> input(bytes.data() + at, std::min(step, bytes.size() - at));
      while (!input.empty()) {
        const FrameEvent event = parser.next(input);
        if (event.kind == FrameEvent::Kind::need_more) break;
        if (event.payload.size() > rules.max_message_bytes) std::abort();
        const bool text = event.kind == FrameEvent::Kind::text && !event.compressed;
        if (text && !carillon::base::valid_utf8(event.payload)) std::abort();
        seen.emplace_back(event.kind, event.code, std::string(event.payload));
        if (event.kind == FrameEvent::Kind::close || event.kind == FrameEvent::Kind::violation) return seen;
      }
    }
  }
  if (budget.used() != 0) std::abort();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const bool binary = (data[0] & 1) != 0;
  const bool compression = (data[0] & 2) != 0;
  const std::size_t step = data[1] % 64 + 1u;
  const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (parse(bytes, step, binary, compression) != parse(bytes, bytes.size() + 1, binary, compression))
    std::abort();
  return 0;
}
