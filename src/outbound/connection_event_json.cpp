#include "outbound/connection_event_json.hpp"

#include "base/bytes.hpp"

namespace carillon::outbound {
namespace {

void append_text(std::string& out, std::string_view name, std::string_view text) {
  out += ",\"";
  out += name;
  out += "\":";
  base::append_json_string(out, text);
}

}  // namespace

std::string_view disconnect_reason(ports::SocketEnd end) {
  if (end.by_client) return "client closed";
  switch (end.code) {
    case 1001:
      return "draining";
    case 1002:
    case 1003:
    case 1007:
      return "protocol error";
    case 1006:
      return "connection lost";
    case 1009:
      return "message too large";
    case 1011:
      return "internal error";
    case 1013:
      return "slow consumer";
    case 4401:
      return "token expired";
    case 4403:
      return "disconnected by an operator";
    case 4408:
      return "heartbeat timeout";
    default:
      return "closed by the server";
  }
}

std::string connect_event_json(const ports::ConnectionView& connection, base::EpochMs now) {
  std::string out = "{\"type\":\"connect\",";
  ports::append_connection(out, connection);
  ports::append_memberships(out, *connection.record);
  append_text(out, "sourceIp", connection.record->source_address);
  append_text(out, "userAgent", ports::user_agent_text(*connection.record));
  append_text(out, "timestamp", base::iso8601(now));
  return out += '}';
}

std::string disconnect_event_json(const ports::ConnectionView& last, std::string_view reason,
                                  std::uint16_t code, base::EpochMs now) {
  std::string out = "{\"type\":\"disconnect\",";
  ports::append_connection(out, last);
  append_text(out, "reason", reason);
  out += ",\"code\":" + std::to_string(code);
  append_text(out, "connectedAt", base::iso8601(last.record->connected_at));
  append_text(out, "timestamp", base::iso8601(now));
  return out += '}';
}

}  // namespace carillon::outbound
