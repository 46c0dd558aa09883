#pragma once

#include <string_view>

#include "model/json.hpp"
#include "ports/message_bus.hpp"
#include "publisher/publication.hpp"

namespace carillon::publisher {

/// What a `POST /broadcast` publishes (CONTRACT §12): the body as it is, a timestamp added where it has none,
/// as a standard message to `all`. `body` is what `document` was made of; `now` is the timestamp. Pure.
/// Errors: invalid_parameter, also for a type or member by which clients know the server's own frames.
model::Result<ports::Publication> make_broadcast(const model::JsonDocument& document, std::string_view body,
                                                 const Origin& origin, base::EpochMs now);

}  // namespace carillon::publisher
