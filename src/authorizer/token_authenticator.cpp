#include "authorizer/token_authenticator.hpp"

#include <string>
#include <utility>

#include "authorizer/jwt_verifier.hpp"
#include "authorizer/key_source.hpp"
#include "authorizer/token_cache.hpp"
#include "base/bytes.hpp"

namespace carillon::authorizer {

/// Shared with the tokens that wait, so that it outlives whoever answers them.
struct TokenAuthenticator::Core {
  Core(const Settings& settings, Clock clock, std::size_t cached_tokens)
      : verifier(settings), cache(cached_tokens), clock(std::move(clock)) {}

  /// Verifies with `keys`, which may be null, and keeps a good outcome.
  Verdict verify(std::string_view token, std::string_view digest, const KeySetPtr& keys) {
    const base::EpochMs now = clock().wall;
    Verdict verdict = verifier.verify(token, now, keys.get());
    if (verdict.identity) cache.insert(digest, keys ? keys->generation() : 0, *verdict.identity, now);
    return verdict;
  }

  const JwtVerifier verifier;
  TokenCache cache;
  const Clock clock;
  std::shared_ptr<KeySource> source;  ///< null when HS256 is all there is
};

TokenAuthenticator::TokenAuthenticator(const Settings& settings, ports::HttpClient* client, Clock clock,
                                       std::size_t cached_tokens)
    : core_(std::make_shared<Core>(settings, std::move(clock), cached_tokens)) {
  KeyLocation location = KeyLocation::of(settings);
  if (location.exists())
    core_->source = std::make_shared<KeySource>(std::move(location), settings.jwks_max_stale, client);
}

TokenAuthenticator::~TokenAuthenticator() {
  stop();
}

void TokenAuthenticator::start() {
  if (core_->source) core_->source->start(core_->clock().monotonic);
}

void TokenAuthenticator::tick() {
  if (core_->source) core_->source->tick(core_->clock().monotonic);
}

void TokenAuthenticator::reload() {
  if (core_->source) core_->source->reload(core_->clock().monotonic);
}

void TokenAuthenticator::stop() {
  if (core_->source) core_->source->stop();
}

void TokenAuthenticator::authenticate(std::string_view token, ports::Completion<model::IdentityPtr> done) {
  if (token.size() > JwtVerifier::kMaxTokenBytes)
    return done(core_->verifier.verify(token, 0, nullptr).identity);
  const Time now = core_->clock();
  KeySource* source = core_->source.get();
  std::string digest = base::sha256(token);
  const std::uint64_t generation = source ? source->generation(now.monotonic) : 0;
  if (auto known = core_->cache.find(digest, generation, now.wall)) return done(std::move(known));
  Verdict verdict = core_->verify(token, digest, source ? source->current(now.monotonic) : nullptr);
  if (verdict.unknown_kid.empty() || !source) return done(std::move(verdict.identity));
  source->wait_for_key(std::move(verdict.unknown_kid), now.monotonic,
                       [core = core_, token = std::string(token), digest = std::move(digest),
                        done = std::move(done)](base::Result<KeySetPtr> keys) mutable {
                         if (!keys) return done(std::unexpected(keys.error()));
                         done(core->verify(token, digest, *keys).identity);
                       });
}

}  // namespace carillon::authorizer
