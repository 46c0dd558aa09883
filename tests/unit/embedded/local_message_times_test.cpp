#include "embedded/local_message_times.hpp"

#include <thread>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace carillon::embedded {
namespace {

using model::MessageId;

MessageId id_of(std::uint8_t first, std::uint32_t last) {
  MessageId::Bytes bytes{};
  bytes[0] = first;
  for (std::size_t i = 0; i < 4; ++i) bytes[15 - i] = static_cast<std::uint8_t>(last >> (8 * i));
  return MessageId(bytes);
}

TEST(LocalMessageTimes, KnowsNothingAtFirst) {
  const LocalMessageTimes times;
  EXPECT_FALSE(times.find(MessageId()));
  EXPECT_FALSE(times.find(MessageId::generate(5)));
}

TEST(LocalMessageTimes, FindsTheLastThatWasPutWhereItIs) {
  LocalMessageTimes times;
  times.put(id_of(1, 7), {100, 105});
  times.put(id_of(1, 8), {200, 201});
  EXPECT_EQ(times.find(id_of(1, 7))->published_at, 100);
  EXPECT_EQ(times.find(id_of(1, 7))->processed_at, 105);
  times.put(id_of(1, 7), {100, 300});
  EXPECT_EQ(times.find(id_of(1, 7))->processed_at, 300) << "delivered again";
  EXPECT_EQ(times.find(id_of(1, 8))->processed_at, 201);
  EXPECT_FALSE(times.find(id_of(2, 7))) << "same place, another message";
  times.put(id_of(2, 7 + LocalMessageTimes::kSlots), {400, 401});
  EXPECT_FALSE(times.find(id_of(1, 7))) << "a newer one took its place";
  EXPECT_EQ(times.find(id_of(2, 7 + LocalMessageTimes::kSlots))->published_at, 400);
}

RC_GTEST_PROP(LocalMessageTimes, keeps_most_of_the_newest, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 3000);
  LocalMessageTimes times;
  std::vector<MessageId> ids;
  for (std::size_t i = 0; i < count; ++i) {
    ids.push_back(MessageId::generate(1'760'000'000'000));
    times.put(ids.back(), {static_cast<base::EpochMs>(i), static_cast<base::EpochMs>(2 * i)});
  }
  std::size_t found = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = times.find(ids[i]);
    if (!at) continue;
    ++found;
    RC_ASSERT(at->published_at == static_cast<base::EpochMs>(i));
    RC_ASSERT(at->processed_at == static_cast<base::EpochMs>(2 * i));
  }
  RC_ASSERT(found + 10 + count / 20 >= count);
}

TEST(LocalMessageTimes, ReadersNeverSeeHalfOfOneAndHalfOfAnother) {
  LocalMessageTimes times;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> wrong{0}, right{0};
  // Both take turns in one place; of each, processed_at belongs to published_at.
  const MessageId ids[] = {id_of(1, 3), id_of(2, 3)};
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader)
    readers.emplace_back([&] {
      while (!stop)
        for (int which = 0; which < 2; ++which)
          if (const auto found = times.find(ids[which])) {
            const bool whole =
                found->processed_at == found->published_at + 1 + which && found->published_at % 2 == which;
            (whole ? right : wrong).fetch_add(1);
          }
    });
  for (base::EpochMs i = 0; i < 200'000 || right < 100; ++i) {
    const auto which = static_cast<std::size_t>(i % 2);
    times.put(ids[which], {i, i + 1 + static_cast<base::EpochMs>(which)});
  }
  stop = true;
  for (std::thread& each : readers) each.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_GE(right, 100u);
}

}  // namespace
}  // namespace carillon::embedded
