#pragma once

#include <functional>

#include "base/result.hpp"

namespace carillon::ports {

/// Receives the one answer of an asynchronous call: exactly once, on whatever thread decided it. It must not
/// block; HttpResponder and SocketHandle, which most completions end in, hop to their own loop.
template <typename T>
using Completion = std::move_only_function<void(base::Result<T>)>;

}  // namespace carillon::ports
