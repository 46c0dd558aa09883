// JSON bodies as `POST /publish` and sendMessage frames carry them: whatever comes in, parsing stays within
// its bounds, and what is accepted is forwarded byte for byte.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/bytes.hpp"
#include "model/json.hpp"
#include "publisher/publication.hpp"

namespace {

using namespace carillon;

void require(bool holds) {
  if (!holds) std::abort();
}

model::IdentityPtr someone() {
  auto identity = std::make_shared<model::Identity>();
  identity->user = model::UserId("ann");
  return identity;
}

void check_members(const model::JsonDocument& document) {
  for (const auto& each : document.object()) {
    const std::string_view raw = document.raw(each.key());
    require(!raw.empty());
    boost::json::parse_options options;
    options.max_depth = model::JsonDocument::kMaxDepth;
    boost::json::error_code error;
    const auto again = boost::json::parse(raw, error, {}, options);
    require(!error && again == each.value());
    if (each.value().is_array()) require(model::raw_elements(raw).size() == each.value().get_array().size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const model::IdentityPtr identity = someone();
  static const publisher::Channels channels{{{"Email", false}, {"Audit", true}}};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = model::JsonDocument::parse(text);
  if (!document) return 0;
  require(base::valid_utf8(text));
  check_members(*document);
  const auto publication = publisher::make_publication(*document, {identity, {}, {}}, channels);
  if (!publication) {
    require(publication.error().status() == 400 || publication.error().status() == 403);
    require(model::JsonDocument::parse(model::error_body(publication.error())).has_value());
    return 0;
  }
  require(publication->payload == document->raw("payload"));
  model::Message message;
  static_cast<model::MessageBody&>(message) = *publication;
  std::string event;
  model::append_event(event, message, 1);
  const auto forwarded = model::JsonDocument::parse(event);
  // The payload's own nesting may reach the limit, and is one deeper inside the event.
  require(!forwarded || forwarded->raw("payload") == publication->payload);
  return 0;
}
