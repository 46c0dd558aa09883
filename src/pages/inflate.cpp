#include "pages/inflate.hpp"

#include <array>

#include <zlib.h>

namespace carillon::pages {
namespace {

constexpr int kGzip = 16 + MAX_WBITS;
constexpr std::size_t kMost = 16 * 1024 * 1024;

}  // namespace

std::optional<std::string> inflate(std::string_view gzip) {
  z_stream stream{};
  if (::inflateInit2(&stream, kGzip) != Z_OK) return std::nullopt;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data()));
  stream.avail_in = static_cast<uInt>(gzip.size());
  std::string content;
  std::array<char, 16384> chunk;
  int state = Z_OK;
  while (state == Z_OK && content.size() <= kMost) {
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = chunk.size();
    state = ::inflate(&stream, Z_NO_FLUSH);
    content.append(chunk.data(), chunk.size() - stream.avail_out);
  }
  ::inflateEnd(&stream);
  if (state != Z_STREAM_END || content.size() > kMost) return std::nullopt;
  return content;
}

}  // namespace carillon::pages
