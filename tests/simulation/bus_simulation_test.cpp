#include <cstdlib>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "house.hpp"

/// Runs the bus's machines together in a world of virtual time, with a disk that fails, a process that
/// crashes, connections that are slow, stuck or cut, a webhook that fails, and people whose rights are taken
/// away. CARILLON_SIMULATION_SEED=N runs that seed alone, CARILLON_SIMULATION_SEEDS=N another number of them.
namespace carillon::simulation {
namespace {

constexpr std::size_t kUsers = 4;
constexpr std::size_t kChats = 4;

std::string name(char kind, std::size_t number) {
  return kind + std::to_string(number);
}

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : world_(seed) {
    Random& random = world_.random;
    Nature& nature = world_.nature;
    nature.crash_percent = random.percent(40) ? static_cast<unsigned>(1 + random.below(4)) : 0;
    nature.failed_sync_percent = random.percent(40) ? static_cast<unsigned>(1 + random.below(10)) : 0;
    nature.hook_failure_percent = static_cast<unsigned>(random.below(70));
    nature.loops = 1 + random.below(3);
    nature.publications = 20 + random.below(140);
    nature.connections = 2 + random.below(14);
    nature.max_outbound_bytes = 900 + random.below(2500);
    nature.max_depth = random.percent(20) ? 5 + random.below(10) : 1000;
    nature.publish_per_second = random.percent(20) ? 20 : 0;
  }

  World& run() {
    for (std::size_t user = 0; user < kUsers; ++user)
      for (std::size_t chat = 0; chat < kChats; ++chat)
        if (world_.random.percent(75)) world_.disk.members.insert({name('u', user), name('c', chat)});
    plan();
    start();
    world_.agenda.run_until_quiet();
    if (world_.random.percent(30)) {
      start();  // whatever is unsettled must come back from the log alone
      world_.agenda.run_until_quiet();
    }
    house_->check_end();
    house_->write_cursors();
    world_.oracle.check_end(intentions_);
    return world_;
  }

 private:
  void start() {
    ++world_.life;
    house_ = std::make_unique<House>(world_, [this] { crash(); });
    for (std::size_t at = 0; at < world_.nature.connections; ++at)
      world_.in_this_life(world_.agenda.now() + world_.moment(50'000), [this] { connect(); });
    world_.in_this_life(world_.agenda.now() + world_.moment(40'000), [this] { house_->recover(); });
    up_ = true;
  }

  void crash() {
    ++world_.life;
    up_ = false;
    // The caller is still inside of the house.
    world_.agenda.after(world_.moment(20'000), [this] { start(); });
  }

  void connect() {
    Random& random = world_.random;
    auto connection = std::make_shared<Connection>();
    connection->id = model::ConnectionId(std::to_string(next_connection_++));
    connection->user = model::UserId(name('u', random.below(kUsers)));
    connection->loop = random.below(world_.nature.loops);
    const std::size_t speeds[] = {0, 2, 10, 100'000};
    connection->bytes_per_ms = speeds[random.below(4)];
    std::vector<std::string> chats;
    for (std::size_t chat = 0; chat < kChats; ++chat)
      if (random.percent(60)) chats.push_back(name('c', chat));
    house_->connect(connection, chats);
  }

  void plan() {
    for (std::size_t at = 0; at < world_.nature.publications; ++at) intentions_.push_back(make_intention(at));
    std::chrono::microseconds time{};
    for (std::size_t at = 0; at < intentions_.size(); ++at) {
      if (world_.random.percent(40))
        time = world_.moment(1'500'000);  // else in one burst with the one before
      world_.agenda.after(time, [this, at] { send(at); });
      if (world_.random.percent(20))
        world_.agenda.after(time + world_.moment(800'000), [this, at] { send_again(at); });
    }
    const auto now_and_then = [this](std::size_t times, Agenda::Event event) {
      for (std::size_t at = 0; at < times; ++at)
        world_.agenda.after(world_.moment(1'500'000), [this, event] {
          if (up_) event();
        });
    };
    Random& random = world_.random;
    now_and_then(random.below(6), [this] { house_->disconnect(world_.random.below(100)); });
    now_and_then(random.below(8), [this] { house_->revoke(any_pair()); });
    now_and_then(random.below(6), [this] { grant(any_pair()); });
    now_and_then(random.below(4), [this] { connect(); });
    now_and_then(10, [this] { house_->write_cursors(); });
    now_and_then(random.below(8), [this] {
      house_->redrive(static_cast<QueueIndex>(world_.random.below(house_->topics().queues().size())),
                      world_.random.percent(50));
    });
  }

  UserChat any_pair() {
    return {name('u', world_.random.below(kUsers)), name('c', world_.random.below(kChats))};
  }

  void grant(const UserChat& pair) {
    world_.oracle.granted(pair);
    world_.disk.members.insert(pair);
  }

  Intention make_intention(std::size_t number) {
    Random& random = world_.random;
    Intention made;
    ports::Publication& publication = made.publication;
    const bool fifo = random.percent(65);
    publication.type = fifo ? model::MessageType::fifo : model::MessageType::standard;
    publication.sender = model::UserId(name('u', random.below(kUsers)));
    publication.channel = random.percent(30) ? "Hook" : "WebSocket";
    publication.event_type = random.percent(10) ? "unhooked" : "chat";
    publication.target = model::Target::chat(name('c', random.below(kChats)));
    if (random.percent(10)) publication.target = model::Target::user(name('u', random.below(kUsers)));
    if (random.percent(5)) publication.target = model::Target::all();
    if (fifo) {
      publication.group_id = publication.target.id;
      if (random.percent(30)) publication.group_id = name('g', random.below(3));
      if (random.percent(5)) publication.group_id.clear();
    }
    publication.exclude_sender = random.percent(10);
    publication.generate_sequence = !random.percent(10);
    if (random.percent(5)) publication.custom_sequence = 1 + random.below(100);
    if (random.percent(30)) publication.deduplication_id = "id" + std::to_string(number);
    publication.payload = "{\"content\":" + std::to_string(number) + ",\"padding\":\"" +
                          std::string(random.below(150), 'x') + "\"}";
    made.recognisable = fifo || !publication.deduplication_id.empty();
    return made;
  }

  void send_again(std::size_t which) {
    const Intention& intention = intentions_[which];
    if (intention.recognisable && intention.sent) send(which);
  }

  void send(std::size_t which) {
    Intention& intention = intentions_[which];
    intention.sent = true;
    const UserChat pair{intention.publication.sender.str(), intention.publication.target.id};
    const bool forbidden =
        intention.publication.target.is_chat() && pair.first != "u0" && world_.oracle.is_revoked(pair);
    const int life = world_.life;
    auto answered = std::make_shared<bool>(false);
    const auto answer = [this, which, forbidden, answered](base::Result<ports::Receipt> receipt) {
      *answered = true;
      Intention& asked = intentions_[which];
      if (receipt) {
        require(!forbidden || may_publish_again(asked), "a revoked user's message was accepted");
        if (receipt->deduplicated) ++world_.deduplicated;
        world_.oracle.answered(asked, *receipt);
      } else if (receipt.error().retryable() && asked.recognisable) {
        world_.agenda.after(std::chrono::milliseconds(30) + world_.moment(50'000),
                            [this, which] { send(which); });
      }
    };
    if (up_) house_->publish(intention.publication, answer);
    if (!intention.recognisable) return;
    world_.agenda.after(std::chrono::milliseconds(300), [this, which, life, answered] {
      if (!*answered && world_.life != life) send(which);
    });
  }

  /// The right may have come back between sending and deciding.
  bool may_publish_again(const Intention& intention) const {
    return world_.disk.members.contains(
        {intention.publication.sender.str(), intention.publication.target.id});
  }

  World world_;
  std::unique_ptr<House> house_;
  std::vector<Intention> intentions_;
  std::size_t next_connection_ = 0;
  bool up_ = false;
};

std::uint64_t from_environment(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(BusSimulation, HoldsItsPromisesForEverySeed) {
  const std::uint64_t only = from_environment("CARILLON_SIMULATION_SEED", 0);
  const std::uint64_t first = only ? only : 1;
  const std::uint64_t count = only ? 1 : from_environment("CARILLON_SIMULATION_SEEDS", 10'000);
  World totals(0);
  int failures = 0;
  for (std::uint64_t seed = first; seed < first + count && failures < 10; ++seed) {
    try {
      Simulation simulation(seed);
      const World& world = simulation.run();
      totals.dead_letters += world.dead_letters;
      totals.redriven += world.redriven;
      totals.given_up += world.given_up;
      totals.revocations += world.revocations;
      totals.deduplicated += world.deduplicated;
      totals.deliveries += world.deliveries;
      totals.life += world.life - 1;
    } catch (const Violation& violation) {
      ++failures;
      ADD_FAILURE() << violation.what() << "; run again with CARILLON_SIMULATION_SEED=" << seed;
    }
  }
  RecordProperty("deliveries", std::to_string(totals.deliveries));
  std::printf(
      "%zu deliveries, %zu dead letters, %zu redriven, %zu given up, %zu revocations, %zu repeats, %d "
      "restarts\n",
      totals.deliveries, totals.dead_letters, totals.redriven, totals.given_up, totals.revocations,
      totals.deduplicated, totals.life);
  if (only || failures > 0) return;
  // The seeds must reach what they are there for.
  EXPECT_GT(totals.deliveries, count * 20);
  EXPECT_GT(totals.dead_letters, count / 2);
  EXPECT_GT(totals.redriven, count / 20);
  EXPECT_GT(totals.given_up, count / 20);
  EXPECT_GT(totals.revocations, count / 2);
  EXPECT_GT(totals.deduplicated, count / 2);
  EXPECT_GT(totals.life, static_cast<int>(count / 10));
}

}  // namespace
}  // namespace carillon::simulation
