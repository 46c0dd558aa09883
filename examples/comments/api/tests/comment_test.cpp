#include "comment_store/comment.hpp"

#include <gtest/gtest.h>

namespace carillon::comment_store {
namespace {

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  while (times-- > 0) out += text;
  return out;
}

TEST(Names, are_1_to_64_plain_characters) {
  for (const std::string& good :
       {std::string("a"), std::string("A-z_0.9"), std::string(64, 'x'), std::string("..")})
    EXPECT_TRUE(valid_name(good)) << good;
  for (const std::string& bad : {std::string(), std::string(65, 'x'), std::string("a b"), std::string("a/b"),
                                 std::string("ä"), std::string("a\0b", 3), std::string("a,b"),
                                 std::string("*"), std::string("a\n"), std::string("a%20")})
    EXPECT_FALSE(valid_name(bad)) << bad;
}

TEST(Content, is_1_to_10000_characters_however_many_bytes_they_take) {
  for (const char* character : {"x", "ü", "€", "😀"}) {
    EXPECT_TRUE(valid_content(character));
    EXPECT_TRUE(valid_content(repeated(character, 10'000))) << character;
    EXPECT_FALSE(valid_content(repeated(character, 10'001))) << character;
  }
  EXPECT_FALSE(valid_content(""));
}

TEST(Content, is_text) {
  EXPECT_TRUE(valid_content("a\tb\r\nc \"quoted\" \\ <b>"));
  for (const std::string& bad : {std::string("a\0b", 3), std::string("\x1b[31m"), std::string("\x7f"),
                                 std::string("\xff"), std::string("\xc3"), std::string("\xed\xa0\x80"),
                                 std::string("\xc0\xaf"), std::string("\xf4\x90\x80\x80")})
    EXPECT_FALSE(valid_content(bad));
}

}  // namespace
}  // namespace carillon::comment_store
