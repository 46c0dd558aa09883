#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace carillon::base {

/// One entry of the error catalogue (model/errors.hpp holds them all). Entries are constants with static
/// storage: an Error points at one and compares by address.
struct ErrorEntry {
  std::string_view code;     ///< stable, snake_case; for logs and metrics
  std::uint16_t status;      ///< HTTP status, and `statusCode` of an error frame
  std::uint16_t close_code;  ///< WebSocket close code, 0 when the connection stays
  bool retryable;            ///< the same request may succeed later
  std::string_view text;     ///< exactly what `error` says to a client
};

/// What went wrong: a catalogue entry and, where it helps, details that hold no secret.
class Error {
 public:
  explicit Error(const ErrorEntry& entry, std::string details = {})
      : entry_(&entry), details_(std::move(details)) {}

  const ErrorEntry& entry() const { return *entry_; }
  std::string_view code() const { return entry_->code; }
  std::string_view text() const { return entry_->text; }
  int status() const { return entry_->status; }
  bool retryable() const { return entry_->retryable; }
  const std::string& details() const { return details_; }
  bool is(const ErrorEntry& entry) const { return entry_ == &entry; }

  /// JSON members for the answer beside `error` and `details`, each with a leading comma
  /// (`,"chatIds":["a"]`); empty for most.
  const std::string& members() const { return members_; }
  Error with_members(std::string members) && {
    members_ = std::move(members);
    return std::move(*this);
  }

  /// When the client may try again; 0 when it was not said.
  std::int64_t retry_after_ms() const { return retry_after_ms_; }
  Error with_retry_after_ms(std::int64_t delay) && {
    retry_after_ms_ = delay;
    return std::move(*this);
  }

 private:
  const ErrorEntry* entry_;
  std::string details_;
  std::string members_;
  std::int64_t retry_after_ms_ = 0;
};

/// Everything that can be expected to fail returns one of these. Exceptions are for failure to start only.
template <typename T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(const ErrorEntry& entry, std::string details = {}) {
  return std::unexpected(Error(entry, std::move(details)));
}

}  // namespace carillon::base
