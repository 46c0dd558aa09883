#include "embedded/local_node.hpp"

#include <future>

#include <boost/asio/steady_timer.hpp>

#include "base/event_loop.hpp"
#include "base/log.hpp"
#include "embedded/admission.hpp"
#include "embedded/delivery_results.hpp"
#include "embedded/local_bus.hpp"
#include "embedded/local_channels.hpp"
#include "embedded/local_connections.hpp"
#include "embedded/local_cursors.hpp"
#include "embedded/local_dead_letters.hpp"
#include "embedded/local_delivery.hpp"
#include "embedded/local_figures.hpp"
#include "embedded/local_history.hpp"
#include "embedded/local_permission_table.hpp"
#include "embedded/local_permissions.hpp"
#include "embedded/local_queues.hpp"
#include "embedded/local_series.hpp"
#include "embedded/local_trace.hpp"
#include "embedded/message_table.hpp"
#include "embedded/node_upkeep.hpp"
#include "embedded/store.hpp"
#include "embedded/store_watch.hpp"
#include "message_storage/message_storage.hpp"

namespace carillon::embedded {
namespace {

using base::Result;
using bus::QueueIndex;
using bus::QueueMask;
using model::MessagePtr;
using model::Position;
using Arrival = LocalDelivery::Arrival;

constexpr std::size_t kCachedRoles = 1'000'000;
constexpr std::size_t kReplayMessages = 1000;
constexpr std::size_t kReplayBytes = 8u << 20;
constexpr std::chrono::milliseconds kTick{500};
constexpr int kTicksPerSweep = 10;

}  // namespace

/// The parts and how they are joined; all but the constructor and stop() on the bus loop.
class LocalNode::Core {
 public:
  Core(NodeSettings settings, std::unique_ptr<Store> store, bus::Topics topics, LogEnd end,
       ports::ConnectionGateway& gateway, ports::HttpClient& http);
  ~Core() { end_threads(); }

  Result<void> start(LogEnd end);
  void stop();
  void end_threads();
  std::vector<std::string> not_ready_reasons() const;
  void reload(bus::Settings settings, ports::Completion<void> done);

  BusNeighbours neighbours();
  void hand_on(std::vector<std::pair<MessagePtr, QueueMask>> messages, Arrival arrival,
               std::int64_t durable_ns = 0);
  Result<void> replay(Position from, bool after_restart);
  Result<void> replay_page(std::vector<MessagePtr> page, const std::vector<std::vector<Position>>& settled,
                           bool after_restart);
  void tick();
  void bury_unstorable(ports::QueuedMessage letter, ports::Completion<void> done);

  NodeSettings settings_;
  base::EventLoop loop_{"bus"};
  base::EventLoop maintenance_{"maintenance"};
  std::unique_ptr<Store> store_;
  StoreWatch watch_;
  bus::Topics topics_;
  ports::MessageSpans spans_;
  QueueFigures queue_figures_;
  MessageLines lines_;
  LocalPermissions permissions_;
  LocalConnections connections_;
  LocalBus bus_;
  LocalDeadLetters dead_letters_;
  DeliveryResults results_;
  LocalDelivery delivery_;
  LocalChannels channels_;
  MessageTable table_;
  MessageLog log_;
  message_storage::MessageStorage storage_;
  LocalQueues queues_;
  Admission admission_;
  LocalCursors cursors_;
  LocalTrace trace_;
  LocalHistory history_;
  LocalPermissionTable permission_table_;
  LocalSeries series_;
  NodeUpkeep upkeep_;
  base::Recorder lag_;
  ports::LoopDue due_;
  LocalFigures figures_;
  std::atomic<bool> store_usable_{true};
  boost::asio::steady_timer timer_{loop_.io()};
  int ticks_ = 0;
  bool stopping_ = false;
};

LocalNode::Core::Core(NodeSettings settings, std::unique_ptr<Store> store, bus::Topics topics, LogEnd end,
                      ports::ConnectionGateway& gateway, ports::HttpClient& http)
    : settings_(std::move(settings)),
      store_(std::move(store)),
      watch_(maintenance_, *store_, settings_.disk_reserve_bytes),
      topics_(std::move(topics)),
      spans_(settings_.tracer),
      queue_figures_(topics_.queues()),
      permissions_(*store_, kCachedRoles),
      connections_(loop_, settings_.bus, permissions_, gateway),
      bus_(loop_, settings_.bus, *store_, topics_, permissions_, connections_, end, neighbours(), spans_),
      dead_letters_(settings_.bus, topics_, *store_, bus_, queue_figures_, lines_),
      results_([this] {
        if (bus_.store_usable()) cursors_.persist();
      }),
      delivery_(loop_, settings_.bus, topics_, connections_, dead_letters_, results_, gateway, lines_,
                spans_),
      channels_(loop_, settings_.bus, topics_, *store_, dead_letters_, results_, http, lines_, spans_),
      table_(*store_),
      log_(*store_),
      storage_(table_, log_,
               [this](ports::QueuedMessage letter, ports::Completion<void> done) {
                 bury_unstorable(std::move(letter), std::move(done));
               },
               {.tracer = settings_.tracer}),
      queues_(loop_, topics_, *store_, bus_, delivery_, channels_, dead_letters_, storage_),
      admission_(settings_.bus, bus_, queues_, storage_, watch_),
      cursors_(topics_, *store_, bus_, results_,
               [this](QueueIndex queue) { return queues_.settled_up_to(queue); }),
      trace_(loop_, topics_, *store_, delivery_, channels_, results_, storage_),
      history_(
          *store_, storage_, [this] { return bus_.last_position(); },
          [this](MessagePtr message, ports::Completion<LocalTrace::Rest> done) {
            trace_.describe(std::move(message), std::move(done));
          }),
      permission_table_(loop_, *store_, bus_, permissions_, connections_, history_.pool()),
      series_(*store_, watch_),
      upkeep_(*store_),
      figures_({bus_, queue_figures_, results_, delivery_, lines_, channels_, permission_table_, storage_,
                *store_, watch_, lag_, due_}) {}

BusNeighbours LocalNode::Core::neighbours() {
  return {.admit = [this](QueueMask queues) { return admission_.admit(queues); },
          .pace = [this] { return admission_.pace(); },
          .committed =
              [this](auto messages, std::int64_t durable_ns) {
                hand_on(std::move(messages), Arrival::published, durable_ns);
              },
          .ephemeral =
              [this](std::vector<MessagePtr> messages) {
                std::vector<processor::QueuedItem> items;
                for (MessagePtr& each : messages) items.push_back({bus::kNoQueue, std::move(each)});
                delivery_.dispatch(std::move(items), Arrival::published);
              },
          .failed = [this] { storage_.start_over(); },
          .recover =
              [this](Position from) {
                storage_.announce(bus_.last_position());
                if (auto replayed = replay(from, false); !replayed)
                  base::log::error("replay_failed", "messages in the reopened log are not delivered",
                                   {{"reason", replayed.error().details()}});
              }};
}

Result<void> LocalNode::Core::start(LogEnd end) {
  watch_.start();
  if (auto loaded = dead_letters_.load(); !loaded) return loaded;
  if (auto loaded = cursors_.load(end.position); !loaded) return loaded;
  const auto last_flush = store_->last_delivery_flush();
  if (!last_flush) return std::unexpected(last_flush.error());
  results_.start_after(*last_flush);
  maintenance_.start();
  loop_.start();
  storage_.start(end.position);
  std::promise<Result<void>> replayed;
  loop_.post([this, &replayed] {
    Position from = bus_.last_position();
    for (QueueIndex queue = 0; queue < topics_.queues().size(); ++queue)
      if (queue != bus::kMessageStorageQueue) from = std::min(from, cursors_.of(queue));
    replayed.set_value(replay(from + 1, true));
    tick();
  });
  upkeep_.start();
  return replayed.get_future().get();
}

void LocalNode::Core::hand_on(std::vector<std::pair<MessagePtr, QueueMask>> messages, Arrival arrival,
                              std::int64_t durable_ns) {
  // Storage reads for itself what was published before.
  const bool to_storage = arrival == Arrival::published;
  std::vector<processor::QueuedItem> for_sockets;
  std::vector<MessagePtr> for_storage;
  for_sockets.reserve(messages.size());
  for_storage.reserve(to_storage ? messages.size() : 0);
  for (auto& [message, queues] : messages) {
    if (message->redrive) trace_.remember_copy(*message);
    bus::for_each_queue(queues, [&](QueueIndex queue) {
      if (queue == bus::kWebSocketFifoQueue || queue == bus::kWebSocketStandardQueue)
        for_sockets.push_back({queue, message});
      else if (channels_.owns(queue))
        channels_.enqueue(queue, *message);
    });
    if (to_storage) for_storage.push_back(std::move(message));
  }
  delivery_.dispatch(std::move(for_sockets), arrival, durable_ns);
  channels_.pump();
  if (!to_storage) return;
  storage_.accept(std::move(for_storage));
  admission_.look();
}

/// Queues again what the log has from `from` on. After a restart, what a queue had settled is left out.
Result<void> LocalNode::Core::replay(Position from, bool after_restart) {
  std::vector<std::vector<Position>> settled(topics_.queues().size());
  for (QueueIndex queue = 0; after_restart && queue < settled.size(); ++queue) {
    auto marks = store_->settled(topics_.queues()[queue].name);
    if (!marks) return std::unexpected(marks.error());
    settled[queue] = std::move(*marks);
  }
  std::uint64_t count = 0;
  while (from <= bus_.last_position()) {
    auto page = store_->read_log(from, kReplayMessages, kReplayBytes);
    if (!page) return std::unexpected(page.error());
    if (page->empty()) break;
    count += page->size();
    from = page->back()->position + 1;
    if (auto queued = replay_page(std::move(*page), settled, after_restart); !queued) return queued;
  }
  if (count > 0)
    base::log::info("queues_recovered", "messages not yet settled were queued again", {{"count", count}});
  return {};
}

Result<void> LocalNode::Core::replay_page(std::vector<MessagePtr> page,
                                          const std::vector<std::vector<Position>>& settled,
                                          bool after_restart) {
  std::vector<std::pair<MessagePtr, QueueMask>> messages;
  for (MessagePtr& each : page) {
    QueueMask queues = topics_.route(*each);
    bus::for_each_queue(queues, [&](QueueIndex queue) {
      const bool done = after_restart && (each->position <= cursors_.of(queue) ||
                                          std::ranges::binary_search(settled[queue], each->position));
      if (done) queues &= ~(QueueMask{1} << queue);
    });
    messages.emplace_back(std::move(each), queues);
  }
  hand_on(std::move(messages), after_restart ? Arrival::replayed : Arrival::reopened);
  return {};
}

void LocalNode::Core::tick() {
  if (stopping_) return;
  store_usable_ = bus_.store_usable();
  admission_.look();
  queues_.show_levels(queue_figures_);
  lines_.report_suppressed();
  storage_.report_suppressed();
  if (bus_.store_usable()) {
    cursors_.persist();
    if (++ticks_ % kTicksPerSweep == 0) {
      dead_letters_.sweep(base::now_ms());
      trace_.forget_settled_copies();
      cursors_.trim(upkeep_.trim_due(), [this](Position before) {
        maintenance_.post([this, before] { store_->reclaim_log(before); });
      });
    }
  }
  timer_.expires_after(kTick);
  due_.expect(timer_.expiry());
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    lag_.record(base::monotonic_now() - timer_.expiry());
    tick();
  });
}

void LocalNode::Core::bury_unstorable(ports::QueuedMessage letter, ports::Completion<void> done) {
  loop_.post([this, letter = std::move(letter), done = std::move(done)]() mutable {
    dead_letters_.bury(bus::kMessageStorageQueue, std::move(letter),
                       [done = std::move(done)]() mutable { done({}); });
  });
}

std::vector<std::string> LocalNode::Core::not_ready_reasons() const {
  std::vector<std::string> reasons;
  if (!store_usable_) reasons.emplace_back("store unavailable");
  if (!watch_.disk_open()) reasons.emplace_back("disk nearly full");
  return reasons;
}

void LocalNode::Core::reload(bus::Settings settings, ports::Completion<void> done) {
  loop_.post([this, settings = std::move(settings), done = std::move(done)]() mutable {
    auto reloaded = topics_.reload(settings);
    if (reloaded) bus_.set_rate_limits(settings.publish_per_second, settings.publish_burst);
    done(std::move(reloaded));
  });
}

void LocalNode::Core::stop() {
  std::promise<void> written;
  loop_.post([this, &written] {
    stopping_ = true;
    timer_.cancel();
    due_.stop();
    cursors_.persist([&written] { written.set_value(); });
  });
  written.get_future().wait();
  end_threads();
}

void LocalNode::Core::end_threads() {
  history_.stop();
  upkeep_.stop();
  storage_.stop();
  maintenance_.stop();
  loop_.stop();
}

LocalNode::LocalNode(std::unique_ptr<Core> core) : core_(std::move(core)) {}
LocalNode::~LocalNode() = default;

Result<std::unique_ptr<LocalNode>> LocalNode::open(NodeSettings settings, StoreOptions options,
                                                   ports::ConnectionGateway& gateway,
                                                   ports::HttpClient& http) {
  auto topics = bus::Topics::create(settings.bus);
  if (!topics) return std::unexpected(topics.error());
  auto store = Store::open(settings.directory, std::move(options));
  if (!store) return std::unexpected(store.error());
  const auto end = (*store)->log_end();
  if (!end) return std::unexpected(end.error());
  auto core =
      std::make_unique<Core>(std::move(settings), std::move(*store), std::move(*topics), *end, gateway, http);
  if (auto started = core->start(*end); !started) return std::unexpected(started.error());
  return std::unique_ptr<LocalNode>(new LocalNode(std::move(core)));
}

ports::MessageBus& LocalNode::message_bus() {
  return core_->bus_;
}
ports::ConnectionDirectory& LocalNode::directory() {
  return core_->connections_;
}
ports::PermissionTable& LocalNode::permissions() {
  return core_->permission_table_;
}
ports::QueueAdmin& LocalNode::queues() {
  return core_->queues_;
}
ports::MessageHistory& LocalNode::history() {
  return core_->history_;
}
ports::SeriesTable& LocalNode::series() {
  return core_->series_;
}
const ports::MetricSource& LocalNode::figures() const {
  return core_->figures_;
}
const ports::MessageTimesWindow& LocalNode::message_times() const {
  return core_->delivery_.times();
}
LocalTrace& LocalNode::trace() {
  return core_->trace_;
}
const std::string& LocalNode::store_epoch() const {
  return core_->store_->epoch();
}
std::vector<std::string> LocalNode::not_ready_reasons() const {
  return core_->not_ready_reasons();
}
void LocalNode::reload(bus::Settings settings, ports::Completion<void> done) {
  core_->reload(std::move(settings), std::move(done));
}
void LocalNode::stop() {
  core_->stop();
}

}  // namespace carillon::embedded
