#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "embedded/crc32c.hpp"

namespace carillon::embedded::record {

/// Takes a record apart, field by field. A read beyond the end, or a length that is not there, spoils the
/// reader: from then on every read gives zero or nothing, and at_end() is false.
class RecordReader {
 public:
  /// Nothing when the checksum does not fit or the version is another.
  static std::optional<RecordReader> open(std::string_view bytes, std::uint8_t version) {
    if (bytes.size() < 5 || base::read_big_endian32(&bytes.front()) != crc32c(bytes.substr(4)) ||
        static_cast<std::uint8_t>(bytes[4]) != version)
      return std::nullopt;
    return RecordReader(bytes.substr(5));
  }

  bool good() const { return good_; }
  bool at_end() const { return good_ && rest_.empty(); }
  void spoil() {
    good_ = false;
    rest_ = {};
  }

  std::uint8_t byte() {
    const std::string_view raw = take(1);
    return raw.empty() ? 0 : static_cast<std::uint8_t>(raw[0]);
  }
  std::uint64_t fixed64() {
    const std::string_view raw = take(8);
    return raw.empty() ? 0 : base::read_big_endian(&raw.front());
  }
  /// As many bytes as the array has.
  template <typename Bytes>
  Bytes bytes() {
    Bytes bytes{};
    if (const std::string_view raw = take(bytes.size()); !raw.empty())
      std::memcpy(bytes.data(), &raw.front(), bytes.size());
    return bytes;
  }
  base::MessageId message_id() { return base::MessageId(bytes<base::MessageId::Bytes>()); }
  /// Shortest form only, so that a record has one encoding.
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t next = byte();
      const std::uint64_t part = next & 0x7f;
      if (!good_ || (shift == 63 && part > 1) || (next == 0 && shift > 0)) break;
      value |= part << shift;
      if (!(next & 0x80)) return value;
    }
    spoil();
    return 0;
  }
  std::string_view view() {
    const std::uint64_t size = varint();
    if (size > rest_.size()) spoil();
    return good_ ? take(size) : std::string_view();
  }
  std::string text() { return std::string(view()); }
  /// How many elements follow, each of which takes `least` bytes or more.
  std::uint64_t count(std::size_t least) {
    const std::uint64_t number = varint();
    if (number > rest_.size() / least) spoil();
    return good_ ? number : 0;
  }

 private:
  explicit RecordReader(std::string_view rest) : rest_(rest) {}

  std::string_view take(std::size_t size) {
    if (size > rest_.size()) {
      spoil();
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool good_ = true;
};

}  // namespace carillon::embedded::record
