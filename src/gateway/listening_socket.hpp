#pragma once

#include <cstdint>
#include <string>

namespace carillon::gateway {

/// A socket that listens on `HOST:PORT` (`[::1]:8080`, `localhost:0`) and shares the port with others of this
/// process. `port_override` takes the place of the port when it is not 0. The caller closes it. Throws
/// std::runtime_error that names the address and the reason.
int listen_on(const std::string& address, std::uint16_t port_override);

/// Throws like listen_on() when another server has the address, which SO_REUSEPORT would let us share.
void check_free(const std::string& address);

std::uint16_t port_of(int socket);

}  // namespace carillon::gateway
