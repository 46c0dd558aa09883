#include "base/terminal.hpp"

#include "base/bytes.hpp"

namespace carillon::base {
namespace {

std::size_t sequence_size(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  if (byte < 0x80) return 1;
  return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

}  // namespace

std::string printable_json(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const std::string_view sequence = json.substr(0, sequence_size(json[0]));
    const auto lead = static_cast<unsigned char>(json[0]);
    if (lead == '\n' || lead == '\r' || lead == '\t') {
      out += ' ';
    } else if (lead >= 0x20 && lead < 0x7f) {
      out += json[0];
    } else {
      // printable() writes `\u{202e}`; JSON wants the four digits alone.
      const std::string shown = printable(sequence);
      out += shown == sequence ? shown : "\\u" + shown.substr(3, 4);
    }
    json.remove_prefix(sequence.size());
  }
  return out;
}

}  // namespace carillon::base
