#pragma once

#include <cstddef>
#include <memory>

#include "authorizer/settings.hpp"
#include "authorizer/time.hpp"
#include "ports/authenticator.hpp"
#include "ports/http_client.hpp"

namespace carillon::authorizer {

/// The authorizer of both doors: verified-token cache, verifier and key source in one. A token seen before
/// costs about a microsecond; another is verified on the calling thread; one whose key is not known waits
/// for a fetch of the keys and is then answered on the thread that ended it.
class TokenAuthenticator final : public ports::Authenticator {
 public:
  static constexpr std::size_t kCachedTokens = 65536;

  /// `client` fetches keys and must outlive stop(); it may be null when none are fetched. Throws
  /// std::runtime_error when the settings cannot work.
  TokenAuthenticator(const Settings& settings, ports::HttpClient* client, Clock clock = &system_time,
                     std::size_t cached_tokens = kCachedTokens);
  ~TokenAuthenticator() override;

  /// Reads the keys' file or begins to fetch their URL. Throws std::runtime_error when the file cannot be
  /// used.
  void start();
  /// Refreshes what is due; to be called about once a second, from any thread.
  void tick();
  /// SIGHUP: reads the file or fetches the URL again now. Any thread.
  void reload();
  /// Answers whoever still waits with `unavailable`. Any thread.
  void stop();

  void authenticate(std::string_view token, ports::Completion<model::IdentityPtr> done) override;

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace carillon::authorizer
