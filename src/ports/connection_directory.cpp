#include "ports/connection_directory.hpp"

#include "base/bytes.hpp"

namespace carillon::ports {

void append_connection(std::string& out, const ConnectionView& view) {
  out += "\"connectionId\":";
  base::append_json_string(out, view.record->id.str());
  out += ",\"userId\":";
  base::append_json_string(out, view.record->identity->user.str());
  out += ",\"chatIds\":[";
  for (const std::string& chat : view.chat_ids) {
    if (out.back() != '[') out += ',';
    base::append_json_string(out, chat);
  }
  out += ']';
}

void append_memberships(std::string& out, const ConnectionRecord& record) {
  for (const model::Target& each : record.memberships) {
    out += ",\"";
    out += name(each.target_class);
    out += "Id\":";
    base::append_json_string(out, each.id);
  }
}

std::string_view user_agent_text(const ConnectionRecord& record) {
  return base::valid_utf8(record.user_agent) ? std::string_view(record.user_agent) : std::string_view();
}

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
