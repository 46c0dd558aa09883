#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"

namespace carillon::base {

/// A string that is an identifier of one kind, so that a user is never passed for a chat. Compares as bytes.
template <typename Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string value) : value_(std::move(value)) {}
  explicit Id(std::string_view value) : value_(value) {}
  explicit Id(const char* value) : value_(value) {}
  const std::string& str() const { return value_; }
  bool empty() const { return value_.empty(); }
  auto operator<=>(const Id&) const = default;

 private:
  std::string value_;
};

using UserId = Id<struct UserTag>;
using ConnectionId = Id<struct ConnectionTag>;

/// A message's name: UUID version 7 (RFC 9562), so that ids made later sort later.
class MessageId {
 public:
  static constexpr std::size_t kBytes = 16;
  using Bytes = std::array<std::uint8_t, kBytes>;

  MessageId() = default;
  explicit MessageId(const Bytes& bytes) : bytes_(bytes) {}

  /// A new one for `time`; its 74 other bits come from the operating system. Any thread.
  static MessageId generate(EpochMs time);
  /// The canonical 36 characters only (either case).
  static std::optional<MessageId> parse(std::string_view text);

  std::string str() const;
  void append_to(std::string& out) const;
  const Bytes& bytes() const { return bytes_; }
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes_.data()), kBytes}; }
  auto operator<=>(const MessageId&) const = default;

 private:
  Bytes bytes_{};
};

/// Whether `text` may name a user, chat, org, hub or project: 1 to `max` code points of valid UTF-8, no
/// control characters, no comma, not `*` (CONTRACT §4).
bool valid_id(std::string_view text, std::size_t max_code_points = 256);

/// Fills `out` from the operating system's generator, buffered per thread. Any thread.
void random_bytes(std::uint8_t* out, std::size_t size);
/// `bytes` random bytes as URL-safe base64 without padding.
std::string random_token(std::size_t bytes);

}  // namespace carillon::base

template <typename Tag>
struct std::hash<carillon::base::Id<Tag>> {
  std::size_t operator()(const carillon::base::Id<Tag>& id) const {
    return std::hash<std::string>()(id.str());
  }
};

template <typename Tag>
struct std::__is_fast_hash<std::hash<carillon::base::Id<Tag>>> : std::false_type {};

template <>
struct std::hash<carillon::base::MessageId> {
  std::size_t operator()(const carillon::base::MessageId& id) const {
    return std::hash<std::string_view>()(id.view());
  }
};
