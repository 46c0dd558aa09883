#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/histogram.hpp"

/// What a metric came to in a slot, as a record (docs/storage-format.md). Decoders as in embedded/record.hpp.
namespace carillon::embedded::record {

/// Only buckets that have any are written.
void append_series(std::string& out, const base::Histogram& values);
std::optional<base::Histogram> decode_series(std::string_view bytes);

}  // namespace carillon::embedded::record
