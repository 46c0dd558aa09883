#include "embedded/upkeep.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include "embedded/control_client.hpp"
#include "embedded/format_file.hpp"
#include "embedded/store_upkeep.hpp"
#include "model/errors.hpp"

namespace carillon::embedded {
namespace {

using base::Result;
using model::fail;
namespace errors = model::errors;
namespace fs = std::filesystem;
namespace json = boost::json;

std::string answer_of(const BackupReport& report, const fs::path& out) {
  return json::serialize(json::object{{"backup", report.id},
                                      {"out", out.string()},
                                      {"bytes", report.bytes},
                                      {"files", report.files},
                                      {"storeEpoch", report.epoch}});
}

std::string answer_of(const CheckReport& report) {
  json::array findings;
  for (const std::string& each : report.findings) findings.emplace_back(each);
  return json::serialize(json::object{{"ok", report.findings_total == 0},
                                      {"records", report.records},
                                      {"findingsTotal", report.findings_total},
                                      {"findings", std::move(findings)}});
}

}  // namespace

std::string request_line(const UpkeepRequest& request) {
  json::object line;
  if (request.command == UpkeepRequest::Command::backup)
    line = {{"command", "backup"}, {"out", request.out.string()}};
  else
    line = {{"command", "verify"}};
  return json::serialize(line) + '\n';
}

Result<UpkeepRequest> parse_request(std::string_view line) {
  boost::system::error_code code;
  json::parse_options options;
  options.max_depth = 4;
  const json::value parsed = json::parse(line, code, {}, options);
  if (code || !parsed.is_object()) return fail(errors::kInvalidJson, "a request is one JSON object");
  const json::object& object = parsed.get_object();
  const json::value* const command = object.if_contains("command");
  const json::value* const out = object.if_contains("out");
  if (command != nullptr && *command == "verify") return UpkeepRequest{UpkeepRequest::Command::verify, {}};
  if (command == nullptr || *command != "backup")
    return fail(errors::kInvalidParameter, "command must be \"backup\" or \"verify\"");
  const fs::path path = out != nullptr && out->is_string() ? std::string(out->get_string()) : std::string();
  if (!path.is_absolute() || path.native().find('\0') != std::string::npos)
    return fail(errors::kInvalidParameter, "out must be an absolute path");
  return UpkeepRequest{UpkeepRequest::Command::backup, path};
}

Result<std::string> perform_upkeep(const Store& store, const UpkeepRequest& request,
                                   std::uint64_t bytes_per_second, const UpkeepProgress& progress,
                                   std::stop_token stop) {
  const StoreUpkeep upkeep(store);
  if (request.command == UpkeepRequest::Command::verify) {
    const auto report = upkeep.check(progress, std::move(stop));
    if (!report) return std::unexpected(report.error());
    return answer_of(*report);
  }
  const auto report = upkeep.backup(request.out, bytes_per_second, progress, std::move(stop));
  if (!report) return std::unexpected(report.error());
  return answer_of(*report, request.out);
}

Result<std::string> run_upkeep(const fs::path& data_directory, const UpkeepRequest& request,
                               const UpkeepProgress& progress) {
  std::error_code code;
  if (!fs::exists(data_directory / "store", code))
    return fail(errors::kNotFound,
                fmt::format("there is no store in {}: name a server's data directory (--data)",
                            data_directory.string()));
  if (const auto format = read_format(data_directory); format && *format < kFormatVersion)
    return fail(errors::kUnavailable,
                fmt::format("the store in {} has format {}, and only a server upgrades it: start the server "
                            "once, or use the carillon that wrote it. Nothing was changed.",
                            data_directory.string(), *format));
  StoreOptions options;
  options.retention = kKeepEverything;
  options.verify_history_bytes = 0;
  const auto store = Store::open(data_directory, std::move(options));
  if (store) return perform_upkeep(**store, request, 0, progress, {});
  if (!store.error().is(kStoreInUse)) return std::unexpected(store.error());
  return ask_control_socket(data_directory, request_line(request), progress);
}

}  // namespace carillon::embedded
