#include "model/websocket_frame.hpp"

#include "base/bytes.hpp"

namespace carillon::model {

void append_frame_header(std::string& out, Opcode opcode, std::size_t payload_size, bool compressed) {
  constexpr unsigned kFinal = 0x80;
  constexpr unsigned kRsv1 = 0x40;
  out += static_cast<char>(kFinal | (compressed ? kRsv1 : 0) | static_cast<unsigned>(opcode));
  if (payload_size < 126) {
    out += static_cast<char>(payload_size);
  } else if (payload_size < 65536) {
    out += static_cast<char>(126);
    out += static_cast<char>(payload_size >> 8);
    out += static_cast<char>(payload_size & 0xff);
  } else {
    out += static_cast<char>(127);
    base::append_big_endian(out, payload_size);
  }
}

}  // namespace carillon::model
