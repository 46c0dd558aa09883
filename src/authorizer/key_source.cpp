#include "authorizer/key_source.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>

#include "authorizer/key_file.hpp"
#include "base/bytes.hpp"
#include "base/log.hpp"

namespace carillon::authorizer {
namespace {

namespace log = base::log;
using base::fail;
using base::Monotonic;
using model::errors::kUnavailable;

std::chrono::nanoseconds::rep ticks(Monotonic time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

/// The host of `scheme://host[:port]…` when the URL starts so; empty for any other and for one with a user or
/// odd characters in it. Not by Boost.URL: 1.81 takes the host of `http://127.0.0.1.example/` for 127.0.0.1.
std::string host_of(std::string_view url, std::string_view scheme) {
  const bool plain =
      std::ranges::all_of(url, [](unsigned char c) { return c > ' ' && c < 0x7f && c != '\\'; });
  if (!plain || !url.starts_with(scheme)) return {};
  const std::string_view rest = url.substr(scheme.size());
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  const std::size_t end = authority.starts_with('[') ? authority.find(']') + 1 : authority.find(':');
  const std::string_view host = authority.substr(0, end);
  const std::string_view port = authority.substr(host.size());
  const bool sound = host.find('@') == std::string_view::npos && (port.empty() || port.starts_with(':')) &&
                     port.find_first_not_of("0123456789", 1) == std::string_view::npos;
  return sound ? std::string(host) : std::string();
}

bool names_loopback(const std::string& host) {
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  return host == "localhost" || host == "[::1]";
}

}  // namespace

KeyLocation KeyLocation::of(const Settings& settings) {
  if (!settings.jwks_file.empty()) return {.file = settings.jwks_file};
  if (!settings.jwks_url.empty()) return {.url = settings.jwks_url};
  if (!settings.hs256_secret.empty()) return {};
  std::string issuer = settings.issuer;
  while (issuer.ends_with('/')) issuer.pop_back();
  return {.url = issuer + "/.well-known/jwks.json"};
}

bool may_fetch_keys_from(std::string_view url) {
  return !host_of(url, "https://").empty() || names_loopback(host_of(url, "http://"));
}

KeySource::KeySource(KeyLocation location, std::chrono::milliseconds max_stale, ports::HttpClient* client)
    : location_(std::move(location)), max_stale_(max_stale), client_(client) {
  if (!location_.file.empty()) return;
  if (!may_fetch_keys_from(location_.url))
    throw std::runtime_error("keys are fetched over https (http from loopback only), not from " +
                             base::printable(location_.url));
  if (client_ == nullptr) throw std::runtime_error("fetching keys needs an HTTP client");
}

KeySource::~KeySource() {
  stop();
}

void KeySource::start(Monotonic now) {
  {
    Lock lock(mutex_);
    may_ask_since_ = now;
    fetch(std::move(lock), now);
  }
  if (location_.file.empty() || current(now)) return;
  const auto text = read_bounded_file(location_.file, KeySet::kMaxBytes);
  const auto keys = text ? KeySet::parse(*text, 0) : std::unexpected(text.error());
  throw std::runtime_error("auth.jwks_file " + base::printable(location_.file) + ": " +
                           (keys ? "it changed while it was read" : keys.error().details()));
}

void KeySource::tick(Monotonic now) {
  Lock lock(mutex_);
  if (keys_ && !is_fresh(now) && !std::exchange(stale_reported_, true))
    log::error("jwks_too_old", "the key set is older than jwks_max_stale: its tokens are refused");
  if (stopped_ || fetching_) return;
  if (now >= next_refresh_ || (!waiting_.empty() && may_ask(now))) fetch(std::move(lock), now);
}

void KeySource::reload(Monotonic now) {
  Lock lock(mutex_);
  unknown_.clear();
  unknown_order_.clear();
  if (stopped_) return;
  if (fetching_) {
    fetch_again_ = true;
    return;
  }
  fetch(std::move(lock), now);
}

void KeySource::stop() {
  std::vector<Waiter> left;
  {
    const Lock lock(mutex_);
    stopped_ = true;
    left = std::exchange(asked_, {});
    std::ranges::move(waiting_, std::back_inserter(left));
    waiting_.clear();
  }
  for (Waiter& each : left) each.done(fail(kUnavailable, "shutting down"));
}

KeySetPtr KeySource::current(Monotonic now) const {
  const Lock lock(mutex_);
  return is_fresh(now) ? keys_ : nullptr;
}

std::uint64_t KeySource::generation(Monotonic now) const {
  return ticks(now) < stale_at_.load(std::memory_order_acquire) ? generation_.load(std::memory_order_acquire)
                                                                : 0;
}

bool KeySource::is_fresh(Monotonic now) const {
  return keys_ && ticks(now) < stale_at_.load(std::memory_order_relaxed);
}

void KeySource::wait_for_key(std::string kid, Monotonic now, ports::Completion<KeySetPtr> done) {
  Lock lock(mutex_);
  const bool decided = is_fresh(now) && (keys_->has(kid) || is_known_unknown(kid, now));
  if (decided) {
    KeySetPtr keys = keys_;
    lock.unlock();
    return done(std::move(keys));
  }
  const bool full = asked_.size() + waiting_.size() >= kMaxWaiting;
  if (stopped_ || full) {
    const char* why = stopped_ ? "shutting down" : "too many tokens wait for their key";
    lock.unlock();
    return done(fail(kUnavailable, why));
  }
  const bool under_way = fetching_ && std::ranges::find(asked_, kid, &Waiter::kid) != asked_.end();
  (under_way ? asked_ : waiting_).push_back({std::move(kid), std::move(done)});
  if (!fetching_ && may_ask(now)) fetch(std::move(lock), now);
}

bool KeySource::is_known_unknown(const std::string& kid, Monotonic now) const {
  const auto found = unknown_.find(kid);
  return found != unknown_.end() && now < found->second;
}

void KeySource::remember_unknown(const std::string& kid, Monotonic until) {
  if (unknown_.insert_or_assign(kid, until).second) unknown_order_.push_back(kid);
  if (unknown_order_.size() <= kMaxUnknown) return;
  unknown_.erase(unknown_order_.front());
  unknown_order_.pop_front();
}

/// Takes one of the fetches that unknown key ids may cause.
bool KeySource::may_ask(Monotonic now) {
  const auto earned = (now - may_ask_since_) / kAskEvery;
  if (earned > 0) {
    may_ask_ = static_cast<int>(std::min<decltype(earned)>(kAskAtOnce, may_ask_ + earned));
    may_ask_since_ = may_ask_ == kAskAtOnce ? now : may_ask_since_ + earned * kAskEvery;
  }
  if (may_ask_ == 0) return false;
  if (may_ask_-- == kAskAtOnce) may_ask_since_ = now;
  return true;
}

void KeySource::fetch(Lock lock, Monotonic now) {
  fetching_ = true;
  std::ranges::move(waiting_, std::back_inserter(asked_));
  waiting_.clear();
  lock.unlock();
  if (!location_.file.empty()) return finish(read_bounded_file(location_.file, KeySet::kMaxBytes), now);
  ports::OutboundRequest request;
  request.url = location_.url;
  request.headers = {{"Accept", "application/json"}};
  request.timeout = kFetchTimeout;
  request.max_response_bytes = KeySet::kMaxBytes;
  client_->send(
      std::move(request), [self = weak_from_this(), now](base::Result<ports::OutboundResponse> response) {
        const auto source = self.lock();
        if (!source) return;
        if (!response) return source->finish(std::unexpected(response.error()), now);
        if (response->status != 200)
          return source->finish(fail(kUnavailable, "status " + std::to_string(response->status)), now);
        source->finish(std::move(response->body), now);
      });
}

void KeySource::finish(base::Result<std::string> text, Monotonic started) {
  // One fetch at a time: nobody else touches keys_ and digest_ between here and install().
  Lock lock(mutex_);
  KeySetPtr keys = keys_;
  const std::string before = digest_;
  lock.unlock();
  std::string digest = text ? base::sha256(*text) : std::string();
  const bool changed = text && digest != before;
  base::Result<KeySetPtr> read = keys;
  if (!text) read = std::unexpected(text.error());
  if (changed) read = KeySet::parse(*text, generation_.load() + 1);

  lock.lock();
  std::vector<Waiter> answered;
  fetching_ = false;
  if (read) {
    digest_ = std::move(digest);
    answered = install(*read, started);
  } else {
    answered = std::exchange(asked_, {});
    next_refresh_ = started + (keys_ ? kRetryEvery : kFirstRetryEvery);
  }
  if (std::exchange(fetch_again_, false)) next_refresh_ = started;
  lock.unlock();

  if (!read)
    log::warn("jwks_refresh_failed", "the issuer's keys cannot be read",
              {{"reason", read.error().details()}});
  else if (changed)
    log_refreshed(**read);
  for (Waiter& each : answered) {
    if (read)
      each.done(*read);
    else
      each.done(fail(kUnavailable, "the issuer's keys cannot be fetched"));
  }
}

/// Puts a set in force and takes out whom it decides about. With the lock held.
std::vector<KeySource::Waiter> KeySource::install(KeySetPtr keys, Monotonic started) {
  keys_ = std::move(keys);
  stale_reported_ = false;
  // In this order: whoever sees that a set is in force also sees which.
  generation_.store(keys_->generation(), std::memory_order_release);
  stale_at_.store(ticks(started + max_stale_), std::memory_order_release);
  next_refresh_ = started + std::min<Monotonic::duration>(kRefreshEvery, max_stale_ / 2);
  std::vector<Waiter> decided = std::exchange(asked_, {});
  for (const Waiter& each : decided)
    if (!keys_->has(each.kid)) remember_unknown(each.kid, started + kRememberUnknown);
  const auto found =
      std::ranges::partition(waiting_, [&](const Waiter& each) { return !keys_->has(each.kid); });
  std::ranges::move(found, std::back_inserter(decided));
  waiting_.erase(found.begin(), found.end());
  return decided;
}

void KeySource::log_refreshed(const KeySet& keys) const {
  log::info("jwks_refreshed", "the issuer's keys have changed",
            {{"keys", keys.size()}, {"skipped", keys.skipped()}, {"generation", keys.generation()}});
}

}  // namespace carillon::authorizer
