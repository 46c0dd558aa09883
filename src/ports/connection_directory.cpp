#include "ports/connection_directory.hpp"

#include "base/bytes.hpp"

namespace carillon::ports {

void append_present_users(std::string& out, const std::vector<PresentUser>& users) {
  out += '[';
  for (const PresentUser& each : users) {
    if (out.back() != '[') out += ',';
    out += "{\"userId\":";
    base::append_json_string(out, each.user.str());
    out += ",\"connections\":" + std::to_string(each.connections) + "}";
  }
  out += ']';
}

}  // namespace carillon::ports
