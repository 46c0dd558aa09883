#include "gateway/deflate.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include <zlib.h>

#include "gateway/header_value.hpp"
#include "model/websocket_frame.hpp"

namespace carillon::gateway {
namespace {

constexpr int kRawDeflate = -MAX_WBITS;
constexpr std::string_view kTail("\x00\x00\xff\xff", 4);  ///< RFC 7692 §7.2.1
constexpr std::size_t kStep = 16384;

struct InflateStream {
  InflateStream() {
    if (inflateInit2(&z, kRawDeflate) != Z_OK) throw std::bad_alloc();
  }
  ~InflateStream() { inflateEnd(&z); }
  z_stream z{};
};

struct DeflateStream {
  DeflateStream() {
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, kRawDeflate, 8, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }
  ~DeflateStream() { deflateEnd(&z); }
  z_stream z{};
};

/// Of an unmasked frame, as servers send them.
std::size_t header_size(std::string_view frame) {
  const unsigned length = static_cast<unsigned char>(frame[1]);
  return length == 127 ? 10 : length == 126 ? 4 : 2;
}

Bytef* input(std::string_view bytes) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
}

std::string_view unquoted(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    return value.substr(1, value.size() - 2);
  return value;
}

/// 8 to 15 without leading zeros (RFC 7692 §7.1.2).
std::optional<int> window_bits(std::string_view text) {
  text = unquoted(text);
  if (text == "8" || text == "9") return text[0] - '0';
  if (text.size() == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5') return 10 + text[1] - '0';
  return std::nullopt;
}

/// The answer to one offer; nothing declines it.
std::optional<std::string> accept_offer(std::string_view offer) {
  bool first = true;
  std::array<bool, 4> seen{};
  std::string answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  for (const std::string_view part : split(offer, ';')) {
    if (std::exchange(first, false)) {
      if (part != "permessage-deflate") return std::nullopt;
      continue;
    }
    const std::size_t equals = part.find('=');
    const std::string_view name = trimmed(part.substr(0, equals));
    const bool has_value = equals != std::string_view::npos;
    const std::string_view value = has_value ? trimmed(part.substr(equals + 1)) : std::string_view();
    static constexpr std::array<std::string_view, 4> kNames = {
        "server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits",
        "client_max_window_bits"};
    const auto index = static_cast<std::size_t>(std::ranges::find(kNames, name) - kNames.begin());
    if (index == kNames.size() || std::exchange(seen[index], true)) return std::nullopt;
    if (index < 2 && has_value) return std::nullopt;
    if (index == 2) {
      // Shared frames are made with the full window: an offer that demands less cannot be accepted.
      if (window_bits(value) != 15) return std::nullopt;
      answer += "; server_max_window_bits=15";
    }
    if (index == 3 && has_value && !window_bits(value)) return std::nullopt;
  }
  return answer;
}

}  // namespace

std::optional<std::string> accept_deflate(std::string_view offers) {
  for (const std::string_view offer : split(offers, ','))
    if (auto answer = accept_offer(offer)) return answer;
  return std::nullopt;
}

Inflated inflate_message(std::string_view compressed, std::size_t max_bytes, std::string& out) {
  thread_local InflateStream stream;
  z_stream& z = stream.z;
  inflateReset(&z);
  const std::size_t start = out.size();
  std::array<char, kStep> step;
  for (const std::string_view part : {compressed, kTail}) {
    z.next_in = input(part);
    z.avail_in = static_cast<uInt>(part.size());
    do {
      z.next_out = reinterpret_cast<Bytef*>(step.data());
      z.avail_out = static_cast<uInt>(step.size());
      const int status = inflate(&z, Z_SYNC_FLUSH);
      // A final block may end before the tail does (RFC 7692 §7.2.3.5); bytes after it are not deflate data.
      if (status != Z_OK && status != Z_BUF_ERROR && status != Z_STREAM_END) return Inflated::broken;
      const std::size_t made = step.size() - z.avail_out;
      if (out.size() - start + made > max_bytes) return Inflated::too_large;
      out.append(step.data(), made);
      if (status == Z_STREAM_END) {
        if (z.avail_in > 0 && part.data() != kTail.data())
          inflateReset(&z);
        else
          return Inflated::ok;
      } else if (status == Z_BUF_ERROR && made == 0) {
        break;
      }
    } while (z.avail_in > 0 || z.avail_out == 0);
  }
  return Inflated::ok;
}

void deflate_message(std::string_view message, std::string& out) {
  thread_local DeflateStream stream;
  z_stream& z = stream.z;
  deflateReset(&z);
  z.next_in = input(message);
  z.avail_in = static_cast<uInt>(message.size());
  const std::size_t start = out.size();
  std::array<char, kStep> step;
  do {
    z.next_out = reinterpret_cast<Bytef*>(step.data());
    z.avail_out = static_cast<uInt>(step.size());
    deflate(&z, Z_SYNC_FLUSH);
    out.append(step.data(), step.size() - z.avail_out);
  } while (z.avail_out == 0);
  if (out.size() - start >= kTail.size() && out.ends_with(kTail)) out.resize(out.size() - kTail.size());
}

const ports::DeliveryRun::Compressed& compressed_frames(const ports::DeliveryRun& run) {
  ports::DeliveryRun::Compressed& made = *run.compressed;
  std::call_once(made.once, [&] {
    std::string payload;
    std::uint32_t begin = 0;
    for (const ports::RunFrame& frame : run.index) {
      const std::string_view whole = std::string_view(run.frames).substr(begin, frame.end - begin);
      const std::string_view content = whole.substr(header_size(whole));
      payload.clear();
      deflate_message(content, payload);
      if (payload.size() < content.size()) {
        model::append_frame_header(made.frames, model::Opcode::text, payload.size(), true);
        made.frames += payload;
      } else {
        made.frames += whole;
      }
      made.ends.push_back(static_cast<std::uint32_t>(made.frames.size()));
      begin = frame.end;
    }
  });
  return made;
}

}  // namespace carillon::gateway
