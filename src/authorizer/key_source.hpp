#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "authorizer/key_set.hpp"
#include "authorizer/settings.hpp"
#include "base/clock.hpp"
#include "ports/http_client.hpp"

namespace carillon::authorizer {

/// Where an issuer's keys are found (CONTRACT §3): the file, the URL, or `<issuer>/.well-known/jwks.json`.
/// Neither when HS256 is all there is.
struct KeyLocation {
  std::string url;
  std::string file;

  static KeyLocation of(const Settings& settings);
  bool exists() const { return !url.empty() || !file.empty(); }
};

/// Whether keys may be fetched from `url`: https, or http from this machine.
bool may_fetch_keys_from(std::string_view url);

/// Keeps an issuer's key set current: fetched at start, every five minutes, and, at most a few times in a
/// row and then every five seconds, when a token names a key that is not in it; one fetch at a time. The
/// last good set stays in force while fetching fails, for `jwks_max_stale`.
///
/// A key id that a fetch begun later did not bring is remembered as unknown for 30 s and answered at once.
/// Any other waits for the next fetch that begins after it was asked for, so ids that somebody makes up can
/// delay a rotation by one fetch and never hide it.
///
/// Any thread. Time is an argument; answers come on the thread that ended the fetch. Held by shared_ptr, as a
/// fetch may outlive its owner.
class KeySource : public std::enable_shared_from_this<KeySource> {
 public:
  static constexpr std::chrono::minutes kRefreshEvery{5};
  static constexpr std::chrono::seconds kRetryEvery{30};
  static constexpr std::chrono::seconds kFirstRetryEvery{5};  ///< while there is no set at all
  static constexpr std::chrono::seconds kAskEvery{5};         ///< for unknown key ids, after kAskAtOnce
  static constexpr int kAskAtOnce = 4;
  static constexpr std::chrono::seconds kRememberUnknown{30};
  static constexpr std::size_t kMaxUnknown = 1024;
  static constexpr std::size_t kMaxWaiting = 1024;
  static constexpr std::chrono::seconds kFetchTimeout{5};

  /// `client` must outlive stop(); it may be null when the location is a file. Throws std::runtime_error when
  /// the URL is not one that keys may be fetched from.
  KeySource(KeyLocation location, std::chrono::milliseconds max_stale, ports::HttpClient* client);
  ~KeySource();
  KeySource(const KeySource&) = delete;
  KeySource& operator=(const KeySource&) = delete;

  /// Reads the file, or begins to fetch the URL. Throws std::runtime_error when the file cannot be used.
  void start(base::Monotonic now);
  /// Begins what is due. To be called about once a second.
  void tick(base::Monotonic now);
  /// Reads or fetches again now, whatever the limits; forgets what is remembered as unknown.
  void reload(base::Monotonic now);
  /// Answers whoever waits with `unavailable`; from then on nothing is fetched.
  void stop();

  /// The set in force; null before the first and once the last is too old.
  KeySetPtr current(base::Monotonic now) const;
  /// The generation of the set in force, 0 for none. Costs two loads.
  std::uint64_t generation(base::Monotonic now) const;

  /// Answers with the set that decides about `kid`, whether it has the key or not: at once when that is
  /// known, else after a fetch. Errors: unavailable (the fetch failed, too many wait, stopped).
  void wait_for_key(std::string kid, base::Monotonic now, ports::Completion<KeySetPtr> done);

 private:
  struct Waiter {
    std::string kid;
    ports::Completion<KeySetPtr> done;
  };
  using Lock = std::unique_lock<std::mutex>;

  bool is_fresh(base::Monotonic now) const;
  bool is_known_unknown(const std::string& kid, base::Monotonic now) const;
  void remember_unknown(const std::string& kid, base::Monotonic until);
  bool may_ask(base::Monotonic now);
  void fetch(Lock lock, base::Monotonic now);
  void finish(base::Result<std::string> text, base::Monotonic started);
  std::vector<Waiter> install(KeySetPtr keys, base::Monotonic started);
  void log_refreshed(const KeySet& keys) const;

  const KeyLocation location_;
  const std::chrono::milliseconds max_stale_;
  ports::HttpClient* const client_;

  std::atomic<std::uint64_t> generation_{0};
  std::atomic<std::chrono::nanoseconds::rep> stale_at_{0};

  mutable std::mutex mutex_;
  KeySetPtr keys_;
  std::string digest_;  ///< of the text that keys_ was read from
  bool fetching_ = false;
  bool fetch_again_ = false;
  bool stopped_ = false;
  bool stale_reported_ = false;
  base::Monotonic next_refresh_;
  int may_ask_ = kAskAtOnce;
  base::Monotonic may_ask_since_;
  std::vector<Waiter> asked_;    ///< the fetch under way decides about them
  std::vector<Waiter> waiting_;  ///< came after it began
  std::unordered_map<std::string, base::Monotonic> unknown_;
  std::deque<std::string> unknown_order_;
};

}  // namespace carillon::authorizer
