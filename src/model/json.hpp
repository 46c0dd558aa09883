#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/storage_ptr.hpp>
#include <boost/json/value.hpp>

#include "model/errors.hpp"

namespace carillon::model {

/// A JSON object from outside, checked as CONTRACT §6 demands: valid JSON and UTF-8, no key twice in one
/// object, no number that is not finite, nesting at most 64. Keeps the text, so that a member can be
/// forwarded byte for byte. Not thread-safe; the text must outlive it.
class JsonDocument {
 public:
  static constexpr std::size_t kMaxDepth = 64;

  /// Errors: invalid_json; `no_object` for JSON that is no object, as nothing that a body must have is in it.
  /// The document is made in memory of its own that is freed with it.
  static Result<JsonDocument> parse(std::string_view text,
                                    const base::ErrorEntry& no_object = errors::kMissingParameters);

  JsonDocument(JsonDocument&&) = default;
  JsonDocument& operator=(JsonDocument&&) = default;

  const boost::json::object& object() const { return value_->get_object(); }
  /// The bytes of a top-level member's value as the sender wrote them; empty when there is no such member.
  std::string_view raw(std::string_view key) const;

 private:
  struct Memory;
  JsonDocument(std::string_view text, std::unique_ptr<Memory> memory, boost::json::value* value);

  std::string_view text_;
  std::unique_ptr<Memory, void (*)(Memory*)> memory_;
  boost::json::value* value_;
};

/// The bytes of each element of `array`, which is a JSON array that was found valid.
std::vector<std::string_view> raw_elements(std::string_view array);

/// The string member `key`, or nothing when it is absent or no string.
const boost::json::string* string_member(const boost::json::object& object, std::string_view key);
inline std::string_view view(const boost::json::string& text) {
  return {text.data(), text.size()};
}

}  // namespace carillon::model
