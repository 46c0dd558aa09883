#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace carillon::outbound {

/// How often a post is tried, and how long one waits in between.
struct PostPlan {
  std::vector<std::chrono::milliseconds> pauses;    ///< after each failure but the last
  bool jitter = false;                              ///< each pause is between its half and its whole
  std::chrono::milliseconds attempt{5000};          ///< how long one attempt may take
  std::optional<std::chrono::milliseconds> in_all;  ///< given up once this is over, whatever it waits for
};

/// Which posts go out when: those of one lane one after the other in the order given, lanes beside one
/// another up to a number. A post whose attempt failed waits without a place, with its lane behind it. What
/// waits is bounded. Pure, time and randomness are passed in; one thread.
class PostQueue {
 public:
  using Number = std::uint64_t;  ///< of a post; rises

  /// What a group does with one more than may wait.
  enum class WhenFull : std::uint8_t {
    oldest_gives_way,
    newcomer_is_refused,  ///< what was taken in stays until it ends of itself
  };

  struct Limits {
    std::size_t under_way = 64;
    /// Of one group: below `under_way`, so that none takes all places from the others.
    std::size_t under_way_of_group = 48;
    std::size_t waiting = 10'000;           ///< of one group, beside what comes back after a failed attempt
    std::size_t waiting_bytes = 64u << 20;  ///< of one group, with what is under way
    std::size_t waiting_in_lane = 10'000;   ///< behind its first
  };
  struct Post {
    std::string lane;
    std::size_t group = 0;  ///< of the constructor's `groups`
    std::size_t bytes = 0;
    const PostPlan* plan = nullptr;  ///< must outlive it
  };
  struct Failure {
    int attempts = 0;
    bool given_up = false;
  };

  PostQueue(const std::vector<WhenFull>& groups, Limits limits);

  /// Nothing: refused. Appends to `given_up` those that had to make room, which may be this one: they are out
  /// of the queue.
  std::optional<Number> add(Post post, base::Monotonic now, std::vector<Number>& given_up);
  /// Appends what is to be sent now; each is under way until settle() or fail(). `given_up` gets those whose
  /// time is over.
  void take(base::Monotonic now, std::vector<Number>& to_send, std::vector<Number>& given_up);
  /// How long the attempt that begins now may take.
  std::chrono::milliseconds time_for(Number number, base::Monotonic now) const;
  /// It needs no further attempt. It was under way.
  void settle(Number number) { remove(number); }
  /// An attempt failed. `random` is uniform over its whole range.
  Failure fail(Number number, base::Monotonic now, std::uint64_t random);
  /// No further attempt. True: it is out of the queue; false: it is under way, and that attempt is the last.
  bool withdraw(Number number);

  /// When to call take() again, besides after every other call.
  std::optional<base::Monotonic> next_due() const;
  std::size_t size() const { return entries_.size(); }
  std::size_t under_way() const { return under_way_; }

 private:
  enum class State : std::uint8_t { held, ready, pausing, under_way };
  struct Entry {
    Post post;
    State state = State::held;
    int attempts = 0;
    bool last_attempt = false;
    base::Monotonic deadline = base::Monotonic::max();
    base::Monotonic wake = base::Monotonic::max();  ///< its place in timers_
  };
  struct Group {
    WhenFull when_full;
    std::deque<Number> ready;  ///< may name some that are ready no more
    std::set<Number> waiting;  ///< all but those under way
    std::size_t bytes = 0;     ///< of all
    std::size_t under_way = 0;
  };

  void make_ready(Number number, Entry& entry);
  void set_wake(Number number, Entry& entry, base::Monotonic when);
  bool has_room(const Post& post) const;
  void make_room(Group& group, std::vector<Number>& given_up);
  void make_room_in_lane(const std::string& lane, std::vector<Number>& given_up);
  void remove(Number number);

  const Limits limits_;
  std::vector<Group> groups_;
  std::map<Number, Entry> entries_;
  std::unordered_map<std::string, std::deque<Number>> lanes_;
  std::set<std::pair<base::Monotonic, Number>> timers_;
  std::size_t under_way_ = 0;
  Number last_ = 0;
};

}  // namespace carillon::outbound
