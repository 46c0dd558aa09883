#include "bus/filter_policy.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

/// Any text is a policy or an error that says why; a policy can be applied to any message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto policy = bus::FilterPolicy::parse(text);
  if (!policy) {
    if (policy.error().details().empty()) std::abort();
    return 0;
  }
  if (size > bus::FilterPolicy::kMaxBytes) std::abort();
  model::MessageBody message;
  message.target = model::Target::chat("chat-1");
  message.event_type = "chat";
  message.sender = model::UserId("user-1");
  const bool plain = policy->matches(message);
  message.attributes = {{"priority", 5.0}, {"name", "alpha"}, {"tags", std::vector<std::string>{"a", "b"}}};
  policy->matches(message);
  message.attributes.clear();
  if (policy->matches(message) != plain) std::abort();
  return 0;
}
