#include "authorizer/key_file.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace carillon::authorizer {
namespace {

using base::fail;
using model::errors::kUnavailable;

class File {
 public:
  // Non-blocking, as opening a pipe would wait for a writer.
  explicit File(const std::string& path) : number_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (number_ >= 0) close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

}  // namespace

model::Result<std::string> read_bounded_file(const std::string& path, std::size_t max_bytes) {
  const File file(path);
  struct stat about{};
  if (file.number() < 0 || fstat(file.number(), &about) != 0) return fail(kUnavailable, std::strerror(errno));
  if (!S_ISREG(about.st_mode)) return fail(kUnavailable, "not a regular file");
  std::string text(max_bytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t part = read(file.number(), text.data() + size, text.size() - size);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return fail(kUnavailable, std::strerror(errno));
    if (part == 0) break;
    size += static_cast<std::size_t>(part);
  }
  if (size > max_bytes) return fail(kUnavailable, "the file is too large");
  text.resize(size);
  return text;
}

}  // namespace carillon::authorizer
