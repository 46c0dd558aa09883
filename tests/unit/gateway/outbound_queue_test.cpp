#include "gateway/outbound_queue.hpp"

#include <array>
#include <random>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace carillon::gateway {
namespace {

std::string gathered(const OutboundQueue& queue) {
  std::vector<iovec> slices(10'000);
  std::string out;
  const std::size_t count = queue.gather(slices);
  for (std::size_t i = 0; i < count; ++i)
    out.append(static_cast<const char*>(slices[i].iov_base), slices[i].iov_len);
  return out;
}

TEST(OutboundQueue, SmallAppendsAreJoined) {
  OutboundQueue queue;
  for (int i = 0; i < 20; ++i) queue.append(std::string_view("0123456789"));
  std::array<iovec, 8> slices;
  EXPECT_EQ(queue.gather(slices), 1u);
  EXPECT_EQ(queue.bytes(), 200u);
}

TEST(OutboundQueue, SharedBuffersAreKeptAliveUntilSent) {
  OutboundQueue queue;
  auto shared = std::make_shared<const std::string>("shared");
  const std::weak_ptr<const std::string> watch = shared;
  queue.append_shared(shared, *shared);
  shared.reset();
  EXPECT_FALSE(watch.expired());
  queue.consume(3);
  EXPECT_EQ(gathered(queue), "red");
  EXPECT_FALSE(watch.expired());
  queue.consume(3);
  EXPECT_TRUE(watch.expired());
  EXPECT_TRUE(queue.empty());
}

RC_GTEST_PROP(OutboundQueueProperty, IsAString, (std::uint64_t seed)) {
  std::mt19937_64 random(seed);
  OutboundQueue queue;
  std::string expected;
  for (int step = 0; step < 100; ++step) {
    std::string bytes;
    const std::size_t size = random() % 10 == 0 ? random() % 20'000 : random() % 40;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>('a' + random() % 26);
    switch (random() % 6) {
      case 0:
        queue.append(std::string_view(bytes));
        expected += bytes;
        break;
      case 1:
        expected += bytes;
        queue.append(std::move(bytes));
        break;
      case 2: {
        expected += bytes;
        auto owner = std::make_shared<const std::string>(std::move(bytes));
        queue.append_shared(owner, *owner);
        break;
      }
      case 3: {
        OutboundQueue other;
        other.append(std::string_view("other"));
        other.append(std::string_view(bytes));
        queue.splice(other);
        expected += "other" + bytes;
        RC_ASSERT(other.empty());
        break;
      }
      default: {
        const std::size_t sent = std::min<std::size_t>(expected.size(), random() % 30'000);
        queue.consume(sent);
        expected.erase(0, sent);
      }
    }
    RC_ASSERT(queue.bytes() == expected.size());
    RC_ASSERT(gathered(queue) == expected);
    std::string peeked(100, '\0');
    peeked.resize(queue.peek(peeked.data(), peeked.size()));
    RC_ASSERT(peeked == expected.substr(0, 100));
  }
}

}  // namespace
}  // namespace carillon::gateway
