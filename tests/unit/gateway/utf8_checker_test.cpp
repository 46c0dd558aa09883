#include "gateway/utf8_checker.hpp"

#include <random>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/bytes.hpp"

namespace carillon::gateway {
namespace {

TEST(Utf8Checker, AgreesOnEveryPairAndTripleOfBytes) {
  for (unsigned first = 0x80; first < 0x100; ++first)
    for (unsigned second = 0; second < 0x100; ++second)
      for (const unsigned third : {0x00u, 0x7fu, 0x80u, 0xbfu, 0xc0u}) {
        const std::string text{static_cast<char>(first), static_cast<char>(second), static_cast<char>(third)};
        Utf8Checker checker;
        EXPECT_EQ(checker.feed(text) && checker.complete(), base::valid_utf8(text));
      }
}

RC_GTEST_PROP(Utf8CheckerProperty, PiecesGiveWhatTheWholeGives, (std::uint64_t seed)) {
  static const std::vector<std::string> kParts = {"plain text ",      "\xc3\xa4", "\xe2\x82\xac",
                                                  "\xf0\x9f\x98\x80", "\xff",     "\xed\xa0\x80"};
  std::mt19937_64 random(seed);
  for (int round = 0; round < 50; ++round) {
    std::string text;
    for (auto left = random() % 10; left > 0; --left) text += kParts[random() % (random() % 8 == 0 ? 6 : 4)];
    if (random() % 3 == 0) text.resize(random() % (text.size() + 1));
    Utf8Checker checker;
    bool good = true;
    for (std::size_t at = 0; good && at < text.size();) {
      const std::size_t size = random() % 5 + 1;
      good = checker.feed(std::string_view(text).substr(at, size));
      at += size;
    }
    RC_ASSERT((good && checker.complete()) == base::valid_utf8(text));
  }
}

}  // namespace
}  // namespace carillon::gateway
