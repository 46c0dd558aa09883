#include "cli/message_follower.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "cli/listen.hpp"

namespace carillon::cli {
namespace {

using std::chrono::milliseconds;

constexpr const char* kSubprotocol = "carillon.v1";
constexpr std::uint16_t kNormalClosure = 1000;
constexpr std::uint16_t kTokenExpired = 4401;
constexpr std::uint16_t kDisconnected = 4403;
constexpr unsigned kMaxDoublings = 6;
constexpr milliseconds kMaxToldDelay{60'000};

/// Whether asking again can help.
bool may_pass(int status) {
  return status == 0 || status == 408 || status == 429 || status >= 500;
}

std::string socket_target(const std::string& target_class, const std::string& target_id) {
  ListenOptions listening;
  if (target_class == "chat") listening.chats = {target_id};
  if (target_class == "org") listening.org = target_id;
  if (target_class == "hub") listening.hub = target_id;
  if (target_class == "project") listening.project = target_id;
  return listen_target(listening);
}

/// A member that is a text as it is, or empty.
std::string text_member(const boost::json::value& frame, std::string_view name) {
  const auto* object = frame.if_object();
  const auto* value = object == nullptr ? nullptr : object->if_contains(name);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

}  // namespace

bool RecentMessages::add(const std::string& message_id, base::EpochMs published_at) {
  if (!ids_.insert(message_id).second) return false;
  order_.push_back({message_id, published_at});
  newest_ = std::max(newest_.value_or(published_at), published_at);
  while (order_.size() > kMax ||
         (order_.size() > kMin && order_.front().published_at < *newest_ - 2 * kSpanMs)) {
    ids_.erase(order_.front().message_id);
    order_.pop_front();
  }
  return true;
}

MessageFollower::MessageFollower(const MessagesOptions& options, Console& console, MessagePrinter& printer,
                                 milliseconds retry_base)
    : options_(options), console_(console), printer_(printer), retry_base_(retry_base) {
  const QueryParameters target = target_parameters(options);
  target_class_ = options.target.empty() ? "chat" : target[0].second;
  target_id_ = options.target.empty() ? options.chat : target.size() > 1 ? target[1].second : "";
}

int MessageFollower::run() {
  while (true) {
    switch (session()) {
      case Step::interrupted:
        interrupts_.take();
        return 0;
      case Step::go_on:
      case Step::over:
        return 1;
      case Step::lost:
        break;
    }
    if (!started_) {
      explain_failure(options_.client, lost_reason_, console_.err);
      return 1;
    }
    const milliseconds delay = next_delay();
    console_.err << "carillon messages: connection lost: " << base::printable(lost_reason_)
                 << "; connecting again in " << delay.count() << " ms\n"
                 << std::flush;
    if (interrupts_.wait(delay)) {
      interrupts_.take();
      return 0;
    }
  }
}

/// Doubled after each failure in a row, and spread, so that many clients do not come back at once.
milliseconds MessageFollower::next_delay() {
  if (const auto told = std::exchange(told_delay_, std::nullopt)) return *told;
  const auto most = retry_base_ * (1 << std::min(failures_++, kMaxDoublings));
  std::uint8_t dice = 0;
  base::random_bytes(&dice, 1);
  return most / 2 + most * dice / 510;
}

MessageFollower::Step MessageFollower::lose(std::string reason) {
  lost_reason_ = std::move(reason);
  return Step::lost;
}

MessageFollower::Step MessageFollower::session() {
  const auto endpoint = parse_endpoint(options_.client.url);
  if (!endpoint) return lose("--url is no http://, https://, ws:// or wss:// URL");
  auto client = WebSocketClient::connect({.endpoint = *endpoint,
                                          .target = socket_target(target_class_, target_id_),
                                          .token = options_.client.token,
                                          .subprotocol = kSubprotocol,
                                          .interrupt = interrupts_.fd()});
  if (!client) {
    if (interrupts_.wait(milliseconds(0))) return Step::interrupted;
    return on_failure({client.error().reply, client.error().reason});
  }
  Step step = greet(*client);
  if (step == Step::go_on) step = catch_up();
  if (step == Step::go_on) step = follow(*client);
  if (step == Step::interrupted || step == Step::over) client->close(kNormalClosure);
  return step;
}

MessageFollower::Step MessageFollower::on_failure(const HistoryFailure& failure) {
  const int status = failure.reply.status;
  if (started_ && may_pass(status))
    return lose(status == 0 ? failure.reason : "status " + std::to_string(status));
  explain_history_failure(options_.client, failure, console_);
  return Step::over;
}

MessageFollower::Step MessageFollower::greet(WebSocketClient& client) {
  const WebSocketClient::Event event = client.next();
  if (event.ending != WebSocketClient::Ending::none) return on_end(event);
  const boost::json::value frame = parse_message_json(event.message.payload);
  if (text_member(frame, "type") != "connected") return lose("the server did not say that it is connected");
  if (target_class_ == "user" && text_member(frame, "userId") != target_id_) {
    console_.err << "carillon messages: only one's own inbox can be followed, and the token is "
                 << shown_member(frame, "userId") << "'s\n";
    return Step::over;
  }
  const std::string epoch = text_member(frame, "storeEpoch");
  if (started_ && epoch != store_epoch_) {
    console_.err << "carillon messages: the server has another store now; its newest messages follow\n";
    recent_ = {};
    started_ = false;
  }
  store_epoch_ = epoch;
  return Step::go_on;
}

MessageFollower::Step MessageFollower::catch_up() {
  if (!started_) {
    auto newest = read_newest(options_, console_);
    if (!newest) return on_failure(newest.error());
    floor_ = newest->empty() ? std::nullopt : std::optional(newest->back().published_at);
    started_ = true;
    failures_ = 0;
    return print_new(std::move(*newest));
  }
  QueryParameters parameters = target_parameters(options_);
  parameters.emplace_back("order", "asc");
  parameters.emplace_back("limit", "1000");
  if (const auto newest = recent_.newest()) {
    const base::EpochMs overlap = *newest - RecentMessages::kSpanMs;
    parameters.emplace_back("fromTimestamp", base::iso8601(std::max(overlap, floor_.value_or(overlap))));
  }
  parameters.emplace_back("startKey", "");
  do {
    auto page = read_history(options_.client, parameters, console_);
    if (!page) return on_failure(page.error());
    parameters.back().second = page->items.empty() ? std::string() : page->next_token;
    if (const Step step = print_new(std::move(page->items)); step != Step::go_on) return step;
  } while (!parameters.back().second.empty());
  failures_ = 0;
  return Step::go_on;
}

MessageFollower::Step MessageFollower::follow(WebSocketClient& client) {
  while (true) {
    const WebSocketClient::Event event = client.next();
    const Step step = event.ending == WebSocketClient::Ending::none ? on_frame(event.message) : on_end(event);
    if (step != Step::go_on) return step;
  }
}

MessageFollower::Step MessageFollower::on_frame(const ServerEvent& event) {
  const boost::json::value frame = parse_message_json(event.payload);
  if (auto item = item_of_frame(frame, event.payload)) {
    if (item->ephemeral || !is_ours(item->target_class, item->target_id)) return Step::go_on;
    std::vector<HistoryItem> items;
    items.push_back(std::move(*item));
    return print_new(std::move(items));
  }
  const std::string type = text_member(frame, "type");
  if (type == "reconnect") {
    const auto* delay = frame.get_object().if_contains("afterMs");
    boost::json::error_code error;
    const auto told = delay == nullptr ? 0 : delay->to_number<std::int64_t>(error);
    if (!error) told_delay_ = std::clamp(milliseconds(told), milliseconds(0), kMaxToldDelay);
  }
  const bool chat = target_class_ == "chat";
  if (type == "unsubscribed" && is_ours(chat ? "chat" : text_member(frame, "targetClass"),
                                        text_member(frame, chat ? "chatId" : "targetId"))) {
    console_.err << "carillon messages: no access any more: " << shown_member(frame, "reason") << '\n';
    return Step::over;
  }
  return Step::go_on;
}

MessageFollower::Step MessageFollower::on_end(const WebSocketClient::Event& event) {
  if (event.ending == WebSocketClient::Ending::interrupted) return Step::interrupted;
  if (event.ending == WebSocketClient::Ending::lost) return lose(event.reason);
  const std::uint16_t code = event.message.code;
  std::string reason = "closed by the server, code " + std::to_string(code);
  if (!event.message.payload.empty()) reason += ": " + event.message.payload;
  if (code != kTokenExpired && code != kDisconnected) return lose(std::move(reason));
  console_.err << "carillon messages: " << base::printable(reason) << '\n';
  if (code == kTokenExpired) console_.err << "The token has expired: take a new one.\n";
  return Step::over;
}

MessageFollower::Step MessageFollower::print_new(std::vector<HistoryItem> items) {
  std::erase_if(items,
                [&](const HistoryItem& each) { return !recent_.add(each.message_id, each.published_at); });
  printer_.print(items);
  return console_.out ? Step::go_on : Step::over;
}

bool MessageFollower::is_ours(std::string_view target_class, std::string_view target_id) const {
  return target_class == target_class_ && target_id == target_id_;
}

}  // namespace carillon::cli
