#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::cli::bench {

/// What a message's content starts with, so that a receiver knows it again without parsing anything around
/// it: `~cb`, the run, the message's number within the run and when it was sent, in lower-case hex.
struct Marker {
  std::uint32_t index = 0;    ///< 0 for the run's first message
  std::uint64_t sent_ns = 0;  ///< CLOCK_MONOTONIC

  static constexpr std::size_t kBytes = 3 + 8 + 8 + 16;
};

/// Writes and finds the markers of one run; those of other runs are passed over.
class MarkerCodec {
 public:
  explicit MarkerCodec(std::uint32_t run);

  /// Adds a content of `size` bytes (at least Marker::kBytes), filled up with letters.
  void append_content(std::string& out, Marker marker, std::size_t size) const;
  /// Adds every marker that stands whole in `bytes` to `out`.
  void find(std::string_view bytes, std::vector<Marker>& out) const;

 private:
  std::string prefix_;
};

enum class FrameKind { data, close, ping, pong };

/// One unmasked frame of a server, within the bytes it was read into.
struct ServerFrame {
  FrameKind kind;
  std::string_view payload;
  std::size_t size;  ///< header and payload
};

/// A frame over this size is taken for a broken stream.
inline constexpr std::size_t kMaxFrameBytes = std::size_t{1} << 24;

enum class FrameError { incomplete, broken };

/// Reads the frame that `bytes` begins with. Fragments count as data frames of their own: no server that is
/// measured cuts messages as small as these.
struct FrameResult {
  std::optional<ServerFrame> frame;
  FrameError error = FrameError::incomplete;  ///< why there is no frame
};
FrameResult read_frame(std::string_view bytes);

/// Adds one masked, final frame, as clients send them (RFC 6455 §5.3).
void append_client_frame(std::string& out, std::uint8_t opcode, std::string_view payload);

}  // namespace carillon::cli::bench
