#pragma once

#include <string>
#include <string_view>

#include "message_retrieval/time_range.hpp"
#include "model/message.hpp"

namespace carillon::message_retrieval {

/// What a page token is good for: another reader, target, order or bound needs another one.
struct PageScope {
  model::UserId user;
  model::Target target;
  bool oldest_first = false;
  TimeRange range;
};

/// A page token: where the walk goes on, sealed for its scope. Version (1 byte), position (8), the first 16
/// bytes of HMAC-SHA256 by `secret` over both and the scope; base64url. Pure.
/// Source: CONTRACT §10, RFC 2104.
std::string seal_page_token(std::string_view secret, const PageScope& scope, model::Position position);

/// The position of a token that `seal_page_token` made for this scope. Errors: invalid_parameter, the same
/// for whatever is wrong with it.
model::Result<model::Position> open_page_token(std::string_view secret, const PageScope& scope,
                                               std::string_view token);

}  // namespace carillon::message_retrieval
