#include "message_retrieval/sequence_list.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

/// Any text is a list within its bounds or an error that says why; a list written out again is the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto list = message_retrieval::parse_sequence_list(text);
  if (!list) {
    if (list.error().details().empty()) std::abort();
    return 0;
  }
  std::string again;
  std::uint64_t count = 0;
  model::SequenceNumber last = 0;
  for (const ports::NumberRange& each : *list) {
    if (each.first <= last || each.first > each.last || each.last > model::kMaxSequenceNumber) std::abort();
    last = each.last;
    count += each.last - each.first + 1;
    again += (again.empty() ? "" : ",") + std::to_string(each.first) + '-' + std::to_string(each.last);
  }
  if (count < 1 || count > message_retrieval::kMaxSequenceNumbers) std::abort();
  if (again.size() > message_retrieval::kMaxSequenceListBytes) return 0;
  const auto twice = message_retrieval::parse_sequence_list(again);
  if (!twice || *twice != *list) std::abort();
  return 0;
}
