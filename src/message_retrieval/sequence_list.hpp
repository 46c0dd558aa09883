#pragma once

#include <string_view>
#include <vector>

#include "model/errors.hpp"
#include "ports/message_history.hpp"

namespace carillon::message_retrieval {

/// How many numbers one request may name, and how long its list may be written (CONTRACT §10).
inline constexpr std::size_t kMaxSequenceNumbers = 1000;
inline constexpr std::size_t kMaxSequenceListBytes = 32'768;

/// The numbers of `3,5-9`: parts in any order, each a number or a range from 1 to 2^53−1, none of them empty.
/// Ascending; duplicates, overlaps and neighbours are one range. Pure. Errors: invalid_parameter.
model::Result<std::vector<ports::NumberRange>> parse_sequence_list(std::string_view text);

}  // namespace carillon::message_retrieval
