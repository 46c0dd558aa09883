#include "house.hpp"

#include <algorithm>

namespace carillon::simulation {

House::House(World& world, std::function<void()> crash)
    : world_(world),
      crash_(std::move(crash)),
      topics_(bus::Topics::create(settings()).value()),
      processor_(topics_.queues().size(), static_cast<ports::LoopIndex>(world.nature.loops), 1200),
      limiter_(world.nature.publish_per_second, 5, 3),
      hook_(world, kHookQueue),
      fifo_hook_(world, kHookFifoQueue) {
  const auto exhausted = [this](QueueIndex queue, Position position, int attempts) {
    deaths_.push_back(
        {queue, {world_.disk.log[position - 1], attempts, {}, "answered 500", world_.agenda.wall()}});
    pump_writer();
  };
  hook_.on_exhausted(exhausted);
  fifo_hook_.on_exhausted(exhausted);
  world_.unreported.clear();
  for (QueueIndex queue = 0; queue < topics_.queues().size(); ++queue) {
    bus::DeadLetterIndex index({});
    for (const auto& [place, letter] : world_.disk.dead_letters[queue])
      index.add(place, letter.message->id, letter.dead_at, 1);
    dead_.emplace(queue, std::move(index));
  }
  for (std::size_t at = 0; at < world.nature.loops; ++at) {
    to_loop_.emplace_back(world);
    from_loop_.emplace_back(world);
  }
  for (std::size_t at = 0; at < world.nature.loops; ++at) {
    const auto outcomes = [this, at](std::vector<ports::DeliveryOutcome> answers) {
      const auto take = [this, at](std::vector<ports::DeliveryOutcome> each) {
        std::vector<processor::SettledDelivery> settled;
        processor_.on_outcomes(static_cast<ports::LoopIndex>(at), std::move(each), settled);
        take_settled(std::move(settled));
      };
      if (world_.random.percent(10)) {
        auto firsts = answers;
        std::erase_if(firsts, [](const auto& each) { return !each.first; });
        world_.in_this_life(world_.agenda.now() + world_.moment(9000), [take, firsts] { take(firsts); });
      }
      from_loop_[at].post([take, answers = std::move(answers)] { take(answers); });
    };
    const auto closed = [this, at](const model::ConnectionId& id) {
      from_loop_[at].post([this, id] {
        for (auto& [target, holders] : directory_)
          std::erase_if(holders, [&](const Connection* each) { return each->id == id; });
      });
    };
    loops_.push_back(std::make_unique<GatewayLoop>(world, outcomes, closed));
  }
}

void House::recover() {
  dispatch(world_.disk.log);
  recovered_ = true;
  writing_ = false;
  pump_writer();
}

processor::LoopMask House::loops_of(const model::Target& target) const {
  const auto at = directory_.find(target);
  processor::LoopMask mask = 0;
  if (at != directory_.end())
    for (const Connection* each : at->second) mask |= processor::LoopMask{1} << each->loop;
  return mask;
}

void House::publish(const ports::Publication& publication, Answer answer) {
  inbox_.push_back({publication, std::move(answer)});
  pump_writer();
}

void House::pump_writer() {
  if (writing_ || (inbox_.empty() && deaths_.empty() && redrives_.empty())) return;
  writing_ = true;
  auto batch = std::make_shared<Batch>();
  repeats_.clear();
  for (Waiting& each : std::exchange(inbox_, {})) decide(*batch, std::move(each));
  batch->deaths = std::exchange(deaths_, {});
  decide_redrives(*batch);
  for (const auto& [scope, number] : counters_.changes()) batch->counters.emplace_back(scope, number);
  world_.in_this_life(world_.agenda.now() + world_.moment(), [this, batch] { sync(batch); });
}

base::Result<void> House::admit(const ports::Publication& publication, bus::QueueMask queues) {
  const std::string& user = publication.sender.str();
  if (limiter_.take(user, world_.agenda.now()) > 0) return base::fail(model::errors::kTooManyRequests);
  if (publication.target.is_chat() && user != "u0" &&
      !world_.disk.members.contains({user, publication.target.id}))
    return base::fail(model::errors::kNoChatAccess);
  bool full = false;
  bus::for_each_queue(queues, [&](QueueIndex queue) { full |= depth(queue) >= world_.nature.max_depth; });
  if (full) return base::fail(model::errors::kOverloaded);
  return {};
}

void House::decide(Batch& batch, Waiting waiting) {
  const ports::Publication& publication = waiting.publication;
  if (const auto admitted = admit(publication, topics_.route(publication)); !admitted)
    return waiting.answer(std::unexpected(admitted.error()));
  const auto key = bus::deduplication_key(publication, true);
  if (key) {
    const auto verdict = repeats_.decide(
        *key, batch.accepted.size(), world_.agenda.wall(),
        [this](const bus::DeduplicationKey& wanted) -> base::Result<std::optional<bus::DeduplicationRecord>> {
          const auto at = world_.disk.window.find(wanted);
          if (at == world_.disk.window.end()) return std::nullopt;
          return at->second;
        });
    if (const auto* receipt = std::get_if<ports::Receipt>(&*verdict)) return waiting.answer(*receipt);
    if (const auto* repeats = std::get_if<bus::DeduplicationBatch::Repeats>(&*verdict)) {
      batch.repeats.emplace_back(std::move(waiting.answer), repeats->index);
      return;
    }
  }
  auto message = enrich(publication);
  require(message.has_value(), "a sequence counter cannot be read");
  (*message)->position = world_.disk.log.size() + batch.accepted.size() + 1;
  batch.accepted.push_back({std::move(*message), std::move(waiting.answer), key});
}

base::Result<std::shared_ptr<model::Message>> House::enrich(const ports::Publication& publication) {
  auto message = std::make_shared<model::Message>();
  static_cast<model::MessageBody&>(*message) = publication;
  model::MessageId::Bytes bytes{};
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(world_.random.next());
  message->id = model::MessageId(bytes);
  message->published_at = world_.agenda.wall();
  message->sequence = publication.custom_sequence;
  message->client_sequence = publication.custom_sequence.has_value();
  if (message->sequence || message->type != model::MessageType::fifo || !message->target.is_chat() ||
      !publication.generate_sequence)
    return message;
  const auto number = counters_.next(message->target.id, [this](const std::string& scope) {
    return base::Result<model::SequenceNumber>(world_.disk.counters[scope]);
  });
  if (!number) return std::unexpected(number.error());
  message->sequence = *number;
  return message;
}

void House::decide_redrives(Batch& batch) {
  Position position = world_.disk.log.size() + batch.accepted.size();
  for (const auto& [queue, place] : std::exchange(redrives_, {})) {
    const auto at = world_.disk.dead_letters[queue].find(place);
    const bool twice = std::ranges::any_of(
        batch.redrives, [&](const Redrive& each) { return each.queue == queue && each.place == place; });
    if (at == world_.disk.dead_letters[queue].end() || twice) continue;
    auto message = std::make_shared<model::Message>(*at->second.message);
    message->position = ++position;
    message->redrive = model::Message::Redrive{topics_.queues()[queue].name, {}};
    for (const auto& each : at->second.failed) message->redrive->users.push_back(each.user);
    batch.redrives.push_back({queue, place, std::move(message)});
  }
}

void House::sync(std::shared_ptr<Batch> batch) {
  if (world_.random.percent(world_.nature.crash_percent)) {
    if (world_.random.percent(50)) write(*batch);
    return crash_();
  }
  if (world_.random.percent(world_.nature.failed_sync_percent)) {
    const bool landed = world_.random.percent(50);
    if (landed) write(*batch);
    return failed(*batch, landed);
  }
  write(*batch);
  durable(*batch);
}

void House::write(const Batch& batch) {
  Disk& disk = world_.disk;
  for (const Accepted& each : batch.accepted) {
    disk.log.push_back(each.message);
    const ports::Receipt receipt{each.message->id, each.message->published_at, each.message->sequence};
    if (each.key) disk.window[*each.key] = {receipt, world_.agenda.wall() + 300'000};
  }
  for (const Redrive& each : batch.redrives) {
    require(disk.dead_letters[each.queue].erase(each.place) == 1, "a dead letter was redriven twice");
    disk.log.push_back(each.message);
    ++world_.redriven;
  }
  for (const auto& [scope, number] : batch.counters) disk.counters[scope] = number;
  for (const Death& each : batch.deaths) {
    disk.dead_letters[each.queue].emplace(disk.next_place++, each.letter);
    for (const auto& failed : each.letter.failed) world_.unreported.erase(failed.connection);
    world_.oracle.settled(each.queue, each.letter.message->position);
    ++world_.dead_letters;
  }
}

void House::durable(Batch& batch) {
  counters_.commit();
  for (const Accepted& each : batch.accepted)
    each.answer(ports::Receipt{each.message->id, each.message->published_at, each.message->sequence});
  for (auto& [answer, index] : batch.repeats) {
    const model::Message& first = *batch.accepted[index].message;
    answer(ports::Receipt{first.id, first.published_at, first.sequence, true});
  }
  after_write(batch);
}

/// The store takes no write until it is reopened; what became of the batch is read from it then.
void House::failed(Batch& batch, bool landed) {
  counters_.rollback();
  for (const Accepted& each : batch.accepted) each.answer(base::fail(model::errors::kUnavailable));
  for (auto& [answer, index] : batch.repeats) answer(base::fail(model::errors::kUnavailable));
  if (!landed) {
    for (Death& each : batch.deaths) deaths_.push_back(std::move(each));
    for (const Redrive& each : batch.redrives) redrives_.emplace_back(each.queue, each.place);
    batch = {};
  }
  auto kept = std::make_shared<Batch>(std::move(batch));
  world_.in_this_life(world_.agenda.now() + world_.moment(20'000), [this, kept] { after_write(*kept); });
}

void House::after_write(Batch& batch) {
  std::vector<MessagePtr> messages;
  messages.reserve(batch.accepted.size() + batch.redrives.size());
  for (const Accepted& each : batch.accepted) messages.push_back(each.message);
  for (const Redrive& each : batch.redrives) {
    messages.push_back(each.message);
    require(dead_.at(each.queue).remove(each.place), "a dead letter that is in no index");
  }
  Position place = world_.disk.next_place - batch.deaths.size();
  for (const Death& each : batch.deaths) {
    dead_.at(each.queue).add(place++, each.letter.message->id, each.letter.dead_at, 1);
    const Position position = each.letter.message->position;
    if (each.delivery != 0)
      require(processor_.dead_lettered(each.delivery), "a dead letter of no delivery");
    else if (each.queue == kHookQueue)
      hook_.dead_lettered(position);
    else
      fifo_hook_.dead_lettered(position);
  }
  dispatch(messages);
  writing_ = false;
  pump_writer();
}

void House::dispatch(const std::vector<MessagePtr>& messages) {
  std::vector<processor::QueuedItem> items;
  for (const MessagePtr& each : messages) {
    applied_ = std::max(applied_, each->position);
    bus::for_each_queue(topics_.route(*each), [&](QueueIndex queue) {
      const auto cursor = world_.disk.cursors.find(queue);
      if (cursor != world_.disk.cursors.end() && each->position < cursor->second) return;
      if (queue <= bus::kWebSocketStandardQueue) items.push_back({queue, each});
      if (queue == bus::kMessageStorageQueue) storage_.push_back(each->position);
      if (queue == kHookQueue) hook_.enqueue(*each);
      if (queue == kHookFifoQueue) fifo_hook_.enqueue(*each);
    });
  }
  store();
  for (const auto& item : items) expect(item.message);
  auto dispatch = processor_.dispatch(items, *this, world_.agenda.wall());
  for (std::size_t loop = 0; loop < loops_.size(); ++loop)
    if (!dispatch.runs[loop].empty())
      to_loop_[loop].post(
          [this, loop, runs = std::move(dispatch.runs[loop])] { loops_[loop]->deliver(runs); });
  take_settled(std::move(dispatch.settled));
}

/// Who is subscribed now and meant by the message must get it.
void House::expect(const MessagePtr& message) {
  const auto at = directory_.find(message->target);
  if (at == directory_.end()) return;
  for (Connection* each : at->second) {
    if (message->exclude_sender && each->user == message->sender) continue;
    if (message->redrive && !message->redrive->users.empty() &&
        std::ranges::find(message->redrive->users, each->user) == message->redrive->users.end())
      continue;
    GatewayLoop::expect(*each, *message);
  }
}

void House::take_settled(std::vector<processor::SettledDelivery> settled) {
  for (auto& each : settled) {
    if (!each.is_dead_letter()) {
      world_.oracle.settled(each.queue, each.message->position);
      continue;
    }
    for (const auto& failed : each.failed)
      require(failed.reason == "outbound buffer full", "a failure without a reason");
    deaths_.push_back(
        {each.queue,
         {each.message, 3, std::move(each.failed), "outbound buffer full", world_.agenda.wall()},
         each.delivery});
  }
  pump_writer();
}

void House::store() {
  if (storing_ || storage_.empty()) return;
  storing_ = true;
  world_.in_this_life(world_.agenda.now() + world_.moment(5000), [this] {
    const std::size_t count = std::min<std::size_t>(storage_.size(), 1 + world_.random.below(10));
    for (std::size_t at = 0; at < count; ++at) {
      world_.disk.stored.insert(storage_.front());
      storage_.pop_front();
    }
    storing_ = false;
    store();
  });
}

std::size_t House::depth(QueueIndex queue) const {
  if (queue == bus::kMessageStorageQueue) return storage_.size();
  if (queue == kHookQueue) return hook_.queue().depth();
  if (queue == kHookFifoQueue) return fifo_hook_.queue().depth();
  return processor_.depth(queue);
}

std::optional<Position> House::low_watermark(QueueIndex queue) const {
  if (queue == bus::kMessageStorageQueue)
    return storage_.empty() ? std::nullopt : std::optional(storage_.front());
  if (queue == kHookQueue) return hook_.low_watermark();
  if (queue == kHookFifoQueue) return fifo_hook_.low_watermark();
  return processor_.low_watermark(queue);
}

void House::write_cursors() {
  if (!recovered_) return;
  for (QueueIndex queue = 0; queue < topics_.queues().size(); ++queue) {
    const Position cursor = low_watermark(queue).value_or(applied_ + 1);
    world_.oracle.cursor_written(queue, cursor);
    Position& written = world_.disk.cursors[queue];
    require(cursor >= written, "a cursor went back");
    written = cursor;
  }
}

void House::connect(std::shared_ptr<Connection> connection, const std::vector<std::string>& chats) {
  connection->targets = {model::Target::all(), model::Target::user(connection->user.str())};
  for (const std::string& chat : chats)
    if (world_.disk.members.contains({connection->user.str(), chat}))
      connection->targets.insert(model::Target::chat(chat));
  connections_.push_back(connection);
  for (const auto& target : connection->targets) directory_[target].push_back(connection.get());
  to_loop_[connection->loop].post([this, connection] { loops_[connection->loop]->add(connection); });
}

void House::disconnect(std::size_t which) {
  if (connections_.empty()) return;
  const auto connection = connections_[which % connections_.size()];
  to_loop_[connection->loop].post([this, connection] { loops_[connection->loop]->disconnect(*connection); });
}

void House::revoke(const UserChat& pair) {
  if (world_.disk.members.erase(pair) == 0) return;
  ++world_.revocations;
  const auto target = model::Target::chat(pair.second);
  auto unconfirmed = std::make_shared<std::size_t>(1);
  const auto confirm = [this, pair, unconfirmed] {
    if (--*unconfirmed == 0 && !world_.disk.members.contains(pair)) world_.oracle.revocation_answered(pair);
  };
  auto& holders = directory_[target];
  for (Connection* each : holders) {
    if (each->user.str() != pair.first) continue;
    ++*unconfirmed;
    const std::size_t loop = each->loop;
    to_loop_[loop].post([this, loop, each, target, confirm] {
      loops_[loop]->remove_target(*each, target);
      from_loop_[loop].post(confirm);
    });
  }
  std::erase_if(holders, [&](const Connection* each) { return each->user.str() == pair.first; });
  confirm();
}

void House::redrive(QueueIndex queue, bool all) {
  for (const Position place : dead_.at(queue).oldest(all ? 100 : 1)) {
    const auto& letter = world_.disk.dead_letters[queue].find(place);
    if (letter == world_.disk.dead_letters[queue].end()) continue;
    const auto found = dead_.at(queue).find(letter->second.message->id);
    require(std::ranges::find(found, place) != found.end(), "a dead letter cannot be found by its id");
    redrives_.emplace_back(queue, place);
  }
  pump_writer();
}

void House::check_end() const {
  for (const auto& loop : loops_) loop->check_end();
  hook_.check_end();
  fifo_hook_.check_end();
  require(processor_.in_flight() == 0, "a delivery never ends");
  require(world_.unreported.empty(), "a recipient that was given up is in no dead letter");
  for (QueueIndex queue = 0; queue < topics_.queues().size(); ++queue) {
    require(depth(queue) == 0 && !low_watermark(queue), "a queue never empties");
    const auto dead = world_.disk.dead_letters.find(queue);
    require(dead_.at(queue).depth() == (dead == world_.disk.dead_letters.end() ? 0 : dead->second.size()),
            "a dead letter queue and its index differ");
  }
}

}  // namespace carillon::simulation
