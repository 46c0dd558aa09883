#include "embedded/control_client.hpp"

#include <cerrno>
#include <cstring>
#include <optional>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

#include "embedded/control_path.hpp"
#include "model/errors.hpp"

namespace carillon::embedded {
namespace {

using base::Result;
using model::fail;
namespace errors = model::errors;
namespace json = boost::json;

constexpr std::size_t kMaxLineBytes = 1u << 20;
constexpr int kSendMs = 5000;

/// The next line without its end; nothing when the server is gone or says too much.
class Lines {
 public:
  explicit Lines(int socket) : socket_(socket) {}
  std::optional<std::string> next() {
    while (true) {
      if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      char bytes[4096];
      const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0 || buffer_.size() > kMaxLineBytes) return std::nullopt;
      buffer_.append(bytes, static_cast<std::size_t>(got));
    }
  }

 private:
  int socket_;
  std::string buffer_;
};

void report(const json::value& line, const UpkeepProgress& progress) {
  const json::value* const phase = line.as_object().if_contains("phase");
  const json::value* const done = line.as_object().if_contains("done");
  if (phase == nullptr || !phase->is_string() || done == nullptr) return;
  boost::system::error_code code;
  const auto count = done->to_number<std::uint64_t>(code);
  if (!code) progress(std::string_view(phase->get_string()), count);
}

}  // namespace

Result<std::string> ask_control_socket(const std::filesystem::path& data_directory, std::string_view request,
                                       const UpkeepProgress& progress) {
  const auto address = ControlAddress::in(data_directory);
  if (!address) return std::unexpected(address.error());
  const FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto* const to = reinterpret_cast<const sockaddr*>(&address->get());
  if (!socket || ::connect(socket.get(), to, sizeof(sockaddr_un)) != 0)
    return fail(
        errors::kUnavailable,
        fmt::format("{} is in use, but its server does not answer on {} ({}): it is starting or stopping, "
                    "or runs as another user; try again",
                    data_directory.string(), (data_directory / "control").string(), strerror(errno)));
  const auto gone = [&] {
    return fail(
        errors::kUnavailable,
        fmt::format("the server of {} ended before it was done, or refused: nothing counts, try again",
                    data_directory.string()));
  };
  if (!send_all(socket.get(), request, kSendMs)) return gone();
  Lines lines(socket.get());
  while (const auto line = lines.next()) {
    boost::system::error_code code;
    const json::value parsed = json::parse(*line, code);
    if (code || !parsed.is_object()) break;
    if (const json::value* const result = parsed.get_object().if_contains("result"))
      return json::serialize(*result);
    if (const json::value* const error = parsed.get_object().if_contains("error");
        error && error->is_string())
      return fail(errors::kUnavailable, std::string(error->get_string()));
    report(parsed, progress);
  }
  return gone();
}

}  // namespace carillon::embedded
