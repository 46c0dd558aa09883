#include "comment_store/comment.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace carillon::comment_store {
namespace {

constexpr std::size_t kMaxNameBytes = 64;
constexpr std::ptrdiff_t kMaxContentCharacters = 10'000;
constexpr std::size_t kMaxContentBytes = 4 * kMaxContentCharacters;
constexpr std::string_view kNameCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

bool is_unwanted_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f;
}

bool starts_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

}  // namespace

bool valid_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes &&
         text.find_first_not_of(kNameCharacters) == std::string_view::npos;
}

bool valid_content(std::string_view text) {
  if (text.empty() || text.size() > kMaxContentBytes || !base::valid_utf8(text)) return false;
  return std::ranges::count_if(text, starts_character) <= kMaxContentCharacters &&
         std::ranges::none_of(text, is_unwanted_control);
}

}  // namespace carillon::comment_store
