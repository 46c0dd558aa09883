#include "gateway/outbound_queue.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace carillon::gateway {
namespace {

constexpr std::size_t kFirstBuffer = 256;
constexpr std::size_t kNextBuffer = 4096;
constexpr std::size_t kCopied = 4096;  ///< up to here copying is cheaper than a slice of its own
constexpr std::size_t kMaxSlice = 1u << 30;

}  // namespace

void OutboundQueue::append(std::string_view bytes) {
  while (!bytes.empty()) {
    if (head_ < slices_.size() && slices_.back().room > 0) {
      Slice& last = slices_.back();
      const std::size_t size = std::min<std::size_t>(last.room, bytes.size());
      std::memcpy(const_cast<char*>(last.data) + last.size, bytes.data(), size);
      last.size += static_cast<std::uint32_t>(size);
      last.room -= static_cast<std::uint32_t>(size);
      bytes_ += size;
      bytes.remove_prefix(size);
      continue;
    }
    const std::size_t wanted = std::min(bytes.size(), kMaxSlice);
    const std::size_t room = std::max(wanted, head_ < slices_.size() ? kNextBuffer : kFirstBuffer);
    auto buffer = std::make_shared_for_overwrite<char[]>(room);
    const char* data = buffer.get();
    slices_.push_back({std::move(buffer), data, 0, static_cast<std::uint32_t>(room)});
  }
}

void OutboundQueue::append(std::string&& bytes) {
  if (bytes.size() <= kCopied || bytes.size() > kMaxSlice) return append(std::string_view(bytes));
  auto owner = std::make_shared<const std::string>(std::move(bytes));
  const std::string_view view = *owner;
  append_shared(std::move(owner), view);
}

void OutboundQueue::append_shared(std::shared_ptr<const void> owner, std::string_view bytes) {
  if (bytes.empty()) return;
  slices_.push_back({std::move(owner), bytes.data(), static_cast<std::uint32_t>(bytes.size()), 0});
  bytes_ += bytes.size();
}

void OutboundQueue::splice(OutboundQueue& other) {
  for (std::size_t i = other.head_; i < other.slices_.size(); ++i)
    slices_.push_back(std::move(other.slices_[i]));
  bytes_ += other.bytes_;
  other.clear();
}

std::size_t OutboundQueue::gather(std::span<iovec> out) const {
  std::size_t count = 0;
  for (std::size_t i = head_; i < slices_.size() && count < out.size(); ++i, ++count)
    out[count] = {const_cast<char*>(slices_[i].data), slices_[i].size};
  return count;
}

std::size_t OutboundQueue::peek(char* out, std::size_t room) const {
  std::size_t copied = 0;
  for (std::size_t i = head_; i < slices_.size() && copied < room; ++i) {
    const std::size_t size = std::min<std::size_t>(slices_[i].size, room - copied);
    std::memcpy(out + copied, slices_[i].data, size);
    copied += size;
  }
  return copied;
}

void OutboundQueue::consume(std::size_t bytes) {
  bytes_ -= bytes;
  if (bytes_ == 0) return clear();
  while (bytes > 0) {
    Slice& front = slices_[head_];
    const std::size_t size = std::min<std::size_t>(bytes, front.size);
    front.data += size;
    front.size -= static_cast<std::uint32_t>(size);
    bytes -= size;
    if (front.size > 0) break;
    front = {};
    ++head_;
  }
  if (head_ >= 64 && head_ * 2 >= slices_.size()) {
    slices_.erase(slices_.begin(), slices_.begin() + head_);
    head_ = 0;
  }
}

void OutboundQueue::clear() {
  bytes_ = 0;
  head_ = 0;
  if (slices_.capacity() > kKept)
    std::vector<Slice>().swap(slices_);
  else
    slices_.clear();
}

}  // namespace carillon::gateway
