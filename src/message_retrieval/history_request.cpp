#include "message_retrieval/history_request.hpp"

#include <array>
#include <charconv>

#include "base/bytes.hpp"
#include "message_retrieval/sequence_list.hpp"

namespace carillon::message_retrieval {
namespace {

namespace errors = model::errors;
using model::Result;
using model::Target;
using model::TargetClass;

std::unexpected<model::Error> invalid(std::string details) {
  return model::fail(errors::kInvalidParameter, std::move(details));
}

struct Parameters {
  std::optional<std::string> chat_id, target_class, target_id;
  std::optional<std::string> limit, order, from, to, start_key, next_token, sequences;
};

Result<Parameters> parameters_of(const ports::HttpRequest& request) {
  // query_values() passes over what it cannot decode: a bound that is lost would answer more than was asked.
  if (!base::percent_decode(request.query, true)) return invalid("the query is badly percent-encoded");
  Parameters found;
  const std::array<std::pair<const char*, std::optional<std::string>*>, 10> all{
      {{"chatId", &found.chat_id},
       {"targetClass", &found.target_class},
       {"targetId", &found.target_id},
       {"limit", &found.limit},
       {"order", &found.order},
       {"fromTimestamp", &found.from},
       {"toTimestamp", &found.to},
       {"startKey", &found.start_key},
       {"nextToken", &found.next_token},
       {"sequences", &found.sequences}}};
  for (const auto& [name, place] : all) {
    std::vector<std::string> values = request.query_values(name);
    if (values.empty()) continue;
    if (values.size() > 1) return invalid(std::string(name) + " must stand there once");
    // A walk's first request has no token to name yet.
    const bool token = place == &found.start_key || place == &found.next_token;
    if (values.front().empty() && token) continue;
    if (values.front().empty()) return invalid(std::string(name) + " must not be empty");
    *place = std::move(values.front());
  }
  return found;
}

Result<Target> target_of(const Parameters& given) {
  std::optional<TargetClass> target_class;
  if (given.target_class) {
    target_class = model::parse_target_class(*given.target_class);
    if (!target_class) return model::fail(errors::kInvalidTargetClass);
  }
  if (target_class == TargetClass::all) {
    if (given.chat_id || given.target_id)
      return invalid("chatId and targetId must be absent beside targetClass all");
    return Target::all();
  }
  if (given.chat_id && !base::valid_id(*given.chat_id)) return invalid("chatId is no valid id");
  if (given.target_id && !base::valid_id(*given.target_id)) return invalid("targetId is no valid id");
  if (given.chat_id) {
    const bool chat = !target_class || target_class == TargetClass::chat;
    if (!chat || given.target_id.value_or(*given.chat_id) != *given.chat_id)
      return invalid("chatId must be what targetClass and targetId name");
    return Target::chat(*given.chat_id);
  }
  if (!target_class || !given.target_id) return invalid("chatId, or targetClass and targetId, are required");
  return Target{*target_class, *given.target_id};
}

Result<std::size_t> limit_of(const std::string& text) {
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc() || end != text.data() + text.size() || limit < 1 || limit > kMaxLimit)
    return invalid("limit must be a number from 1 to 1000");
  return limit;
}

Result<void> read_numbers(const Parameters& given, HistoryRequest& request) {
  if (!request.target.is_chat()) return invalid("sequences goes with a chatId");
  if (given.order || given.from || given.to || given.start_key || given.next_token)
    return invalid("sequences goes without order, fromTimestamp, toTimestamp and startKey");
  auto numbers = parse_sequence_list(*given.sequences);
  if (!numbers) return std::unexpected(numbers.error());
  request.numbers = std::move(*numbers);
  return {};
}

}  // namespace

Result<HistoryRequest> read_history_request(const ports::HttpRequest& http) {
  const auto given = parameters_of(http);
  if (!given) return std::unexpected(given.error());
  auto target = target_of(*given);
  if (!target) return std::unexpected(target.error());
  HistoryRequest request{.target = std::move(*target)};
  if (given->limit) {
    const auto limit = limit_of(*given->limit);
    if (!limit) return std::unexpected(limit.error());
    request.limit = *limit;
  }
  if (given->sequences) {
    if (auto read = read_numbers(*given, request); !read) return std::unexpected(read.error());
    return request;
  }
  if (given->order && *given->order != "asc" && *given->order != "desc")
    return invalid("order must be asc or desc");
  request.oldest_first = given->order == "asc";
  const auto range = parse_time_range(given->from, given->to);
  if (!range) return std::unexpected(range.error());
  request.range = *range;
  if (given->start_key && given->next_token && *given->start_key != *given->next_token)
    return invalid("startKey and nextToken are two names of one parameter");
  request.start_key = given->start_key ? *given->start_key : given->next_token.value_or("");
  return request;
}

}  // namespace carillon::message_retrieval
