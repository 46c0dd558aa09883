#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/uio.h>

namespace carillon::gateway {

/// What a connection still has to send: slices of shared buffers (frames that many connections get) and
/// bytes of its own, in order. Holds no memory to speak of while it is empty. Loop only.
class OutboundQueue {
 public:
  /// Copies `bytes`, joining them to the last own bytes when there is room.
  void append(std::string_view bytes);
  /// Takes a buffer over without copying; short ones are copied all the same.
  void append(std::string&& bytes);
  /// Adds part of a shared buffer, which `owner` keeps alive.
  void append_shared(std::shared_ptr<const void> owner, std::string_view bytes);
  /// Moves all of `other` behind what is here.
  void splice(OutboundQueue& other);

  bool empty() const { return bytes_ == 0; }
  std::size_t bytes() const { return bytes_; }

  /// Fills `out` with the front of the queue; how many entries it used.
  std::size_t gather(std::span<iovec> out) const;
  /// Copies up to `room` bytes from the front to `out`; how many.
  std::size_t peek(char* out, std::size_t room) const;
  /// Takes `bytes` that were sent off the front.
  void consume(std::size_t bytes);
  void clear();

 private:
  struct Slice {
    std::shared_ptr<const void> owner;
    const char* data = nullptr;
    std::uint32_t size = 0;
    std::uint32_t room = 0;  ///< behind the slice, in an own buffer
  };
  static constexpr std::size_t kKept = 4;  ///< slices whose room an empty queue keeps

  std::vector<Slice> slices_;
  std::uint32_t head_ = 0;  ///< slices before it are sent
  std::size_t bytes_ = 0;
};

}  // namespace carillon::gateway
