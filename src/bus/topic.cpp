#include "bus/topic.hpp"

#include <algorithm>

#include "model/errors.hpp"

namespace carillon::bus {
namespace {

constexpr QueueMask bit(QueueIndex queue) {
  return QueueMask{1} << queue;
}

std::unexpected<base::Error> wrong_channel(const std::string& name, std::string_view why) {
  return base::fail(model::errors::kInvalidParameter, "channels." + name + ": " + std::string(why));
}

}  // namespace

base::Result<Topics> Topics::create(const Settings& settings) {
  Topics topics;
  topics.queues_ = {{"WebSocketFifoQueue", "WebSocketFifoDLQ", true, Consumer::web_socket},
                    {"WebSocketStandardQueue", "WebSocketStandardDLQ", false, Consumer::web_socket},
                    {"MessageStorageQueue", "MessageStorageDLQ", false, Consumer::storage}};
  const std::string web_socket(model::kWebSocketChannel);
  topics.channels_.push_back({web_socket, false, FilterPolicy::for_channel(web_socket),
                              bit(kWebSocketStandardQueue), bit(kWebSocketFifoQueue)});
  for (std::size_t index = 0; index < settings.channels.size(); ++index) {
    auto added = topics.add_channel(settings.channels[index], index);
    if (!added) return std::unexpected(added.error());
  }
  return topics;
}

base::Result<FilterPolicy> Topics::filter_of(const ChannelSettings& channel) {
  if (channel.filter.empty()) return FilterPolicy::for_channel(channel.name);
  auto filter = FilterPolicy::parse(channel.filter);
  if (!filter) return wrong_channel(channel.name, "filter: " + filter.error().details());
  return filter;
}

base::Result<void> Topics::add_channel(const ChannelSettings& channel, std::size_t index) {
  if (channel.name.empty()) return wrong_channel(channel.name, "a channel needs a name");
  if (has_channel(channel.name)) return wrong_channel(channel.name, "the name is taken");
  if (queues_.size() + 2 > kMaxQueues) return wrong_channel(channel.name, "more than 30 channels");
  auto filter = filter_of(channel);
  if (!filter) return std::unexpected(filter.error());
  const auto first = static_cast<QueueIndex>(queues_.size());
  for (const bool fifo : {false, true}) {
    const std::string stem = channel.name + (fifo ? "Fifo" : "");
    QueueDefinition queue{stem + "Queue", stem + "DLQ", fifo, Consumer::webhook, index};
    if (find(queue.name) || find_by_dead_letter_queue(queue.dead_letter_queue))
      return wrong_channel(channel.name, "its queue " + queue.name + " is another's");
    queues_.push_back(std::move(queue));
  }
  channels_.push_back({channel.name, channel.backend_only, std::move(*filter), bit(first),
                       bit(static_cast<QueueIndex>(first + 1))});
  return {};
}

QueueMask Topics::route(const model::MessageBody& message) const {
  if (message.type == model::MessageType::ephemeral) return 0;
  const bool fifo = message.type == model::MessageType::fifo;
  QueueMask mask = bit(kMessageStorageQueue);
  for (const Channel& channel : channels_)
    if (channel.filter.matches(message)) mask |= fifo ? channel.fifo : channel.standard;
  return mask;
}

QueueMask Topics::route(const model::Message& message) const {
  if (!message.redrive) return route(static_cast<const model::MessageBody&>(message));
  const auto queue = find(message.redrive->queue);
  return queue ? bit(*queue) : 0;
}

std::optional<QueueIndex> Topics::find(std::string_view queue) const {
  const auto at = std::ranges::find(queues_, queue, &QueueDefinition::name);
  if (at == queues_.end()) return std::nullopt;
  return static_cast<QueueIndex>(at - queues_.begin());
}

std::optional<QueueIndex> Topics::find_by_dead_letter_queue(std::string_view dead_letter_queue) const {
  const auto at = std::ranges::find(queues_, dead_letter_queue, &QueueDefinition::dead_letter_queue);
  if (at == queues_.end()) return std::nullopt;
  return static_cast<QueueIndex>(at - queues_.begin());
}

bool Topics::has_channel(std::string_view channel) const {
  return std::ranges::find(channels_, channel, &Channel::name) != channels_.end();
}

bool Topics::backend_only(std::string_view channel) const {
  const auto at = std::ranges::find(channels_, channel, &Channel::name);
  return at != channels_.end() && at->backend_only;
}

std::vector<std::string> Topics::channels() const {
  std::vector<std::string> names;
  names.reserve(channels_.size());
  for (const Channel& channel : channels_) names.push_back(channel.name);
  return names;
}

base::Result<void> Topics::reload(const Settings& settings) {
  std::vector<Channel> changed = channels_;
  if (settings.channels.size() + 1 != changed.size())
    return base::fail(model::errors::kInvalidParameter, "channels: adding or removing one needs a restart");
  for (std::size_t index = 0; index < settings.channels.size(); ++index) {
    const ChannelSettings& channel = settings.channels[index];
    if (channel.name != changed[index + 1].name)
      return wrong_channel(channel.name, "adding or removing one needs a restart");
    auto filter = filter_of(channel);
    if (!filter) return std::unexpected(filter.error());
    changed[index + 1].filter = std::move(*filter);
    changed[index + 1].backend_only = channel.backend_only;
  }
  channels_ = std::move(changed);
  return {};
}

}  // namespace carillon::bus
