#include "connection_handler/connect_check.hpp"

#include "connection_handler/connect_parameters.hpp"

namespace carillon::connection_handler {

void check_connect(const ports::HttpRequest& request, ports::ConnectionDirectory& directory,
                   const RejectedConnects& rejected, ports::Completion<void> done) {
  auto parameters = read_connect_parameters(request, *request.identity);
  if (!parameters) return done(std::unexpected(parameters.error()));
  auto on_checked = [&rejected, key = RejectedConnects::key_of(request.identity->user, *parameters),
                     done = std::move(done)](model::Result<std::vector<std::string>> chat_ids) mutable {
    if (!chat_ids) return done(std::unexpected(std::move(chat_ids.error())));
    if (rejected.contains(key, base::monotonic_now()))
      return done(model::fail(model::errors::kConnectionRejected));
    done({});
  };
  directory.check(request.identity, std::move(parameters->chat_ids), parameters->every_chat,
                  std::move(parameters->memberships), std::move(on_checked));
}

}  // namespace carillon::connection_handler
