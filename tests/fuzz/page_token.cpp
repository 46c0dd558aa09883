#include "message_retrieval/page_token.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

/// No text opens but those that were sealed, and these only for what they were sealed for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  static const std::string kSecret(32, 's');
  const std::string text(reinterpret_cast<const char*>(data), size);
  const message_retrieval::PageScope fixed{model::UserId("ann"), model::Target::chat("c"), false, {}};
  if (const auto forged = message_retrieval::open_page_token(kSecret, fixed, text);
      forged || forged.error().details().empty())
    std::abort();

  const std::size_t cut = size == 0 ? 0 : data[0] % size;
  const model::Position position = size * 0x9E3779B97F4A7C15u;
  message_retrieval::PageScope scope{
      model::UserId(text.substr(0, cut)), model::Target::chat(text.substr(cut)), size % 2 == 0, {}};
  std::string token = message_retrieval::seal_page_token(kSecret, scope, position);
  if (message_retrieval::open_page_token(kSecret, scope, token) != position) std::abort();
  if (message_retrieval::open_page_token(kSecret, fixed, token)) std::abort();
  token[cut % token.size()] = token[cut % token.size()] == 'A' ? 'B' : 'A';
  if (message_retrieval::open_page_token(kSecret, scope, token)) std::abort();
  return 0;
}
