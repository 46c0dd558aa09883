#pragma once

#include "connection_handler/rejected_connects.hpp"
#include "ports/connection_directory.hpp"
#include "ports/http.hpp"

namespace carillon::connection_handler {

/// Whether an upgrade with this request's query and identity would be let in now; nothing is registered, and
/// the receiver of connection events is not asked: what it said lately stands in for it. Any thread;
/// `rejected` must outlive the answer. Errors: those of read_connect_parameters() and
/// ConnectionDirectory::connect(), connection_rejected.
void check_connect(const ports::HttpRequest& request, ports::ConnectionDirectory& directory,
                   const RejectedConnects& rejected, ports::Completion<void> done);

}  // namespace carillon::connection_handler
