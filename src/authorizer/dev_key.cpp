#include "authorizer/dev_key.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace carillon::authorizer {
namespace {

using std::filesystem::path;

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kMaxFileBytes = 1024;

auto failure(const path& file, std::string_view what) {
  return base::fail(model::errors::kInternal, file.string() + ": " + std::string(what));
}

auto system_failure(const path& file) {
  return failure(file, std::strerror(errno));
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  int get() const { return number_; }

 private:
  int number_;
};

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t part = write(file, text.data(), text.size());
    if (part < 0 && errno == EINTR) continue;
    if (part <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(part));
  }
  return true;
}

bool is_key(std::string_view text) {
  const auto bytes = base::base64url_decode(text);
  return bytes && bytes->size() >= kKeyBytes;
}

/// The key in the file; an empty text when there is no file.
model::Result<std::string> load(const path& file) {
  const Descriptor descriptor(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (descriptor.get() < 0 && errno == ENOENT) return std::string();
  if (descriptor.get() < 0) return system_failure(file);
  struct stat about{};
  if (fstat(descriptor.get(), &about) != 0) return system_failure(file);
  if (!S_ISREG(about.st_mode)) return failure(file, "not a regular file; remove it and a new key is made");
  if (about.st_uid != geteuid())
    return failure(file, "belongs to another user; run as that user, or remove it and a new key is made");
  if ((about.st_mode & 077) != 0)
    return failure(file, "others have access to it (mode wider than 0600); remove it and a new key is made");
  std::array<char, kMaxFileBytes> buffer;
  const ssize_t size = read(descriptor.get(), buffer.data(), buffer.size());
  if (size < 0) return system_failure(file);
  std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  const bool whole = text.size() < buffer.size();
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (!whole || !is_key(text)) return failure(file, "holds no key; remove it and a new one is made");
  return std::string(text);
}

/// Puts a whole new file in place unless there is one by then.
model::Result<void> create(const path& file) {
  path draft = file;
  draft += "." + base::random_token(9);
  {
    const Descriptor descriptor(
        open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (descriptor.get() < 0) return system_failure(draft);
    const bool written = fchmod(descriptor.get(), 0600) == 0 &&
                         write_all(descriptor.get(), base::random_token(kKeyBytes) + "\n") &&
                         fsync(descriptor.get()) == 0;
    if (!written) {
      const auto error = system_failure(draft);
      unlink(draft.c_str());
      return error;
    }
  }
  // Unlike a rename, a link never takes the place of a file that another process has made meanwhile.
  const bool linked = link(draft.c_str(), file.c_str()) == 0 || errno == EEXIST;
  const auto error = system_failure(file);
  unlink(draft.c_str());
  if (!linked) return error;
  return {};
}

}  // namespace

model::Result<std::string> load_or_create_dev_key(const path& directory) {
  // `data/` is `data`: else the directory itself would count as its own parent.
  const path data_directory = directory.has_filename() ? directory : directory.parent_path();
  const path parent = data_directory.parent_path();
  std::error_code error;
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (!error && mkdir(data_directory.c_str(), 0700) != 0 && errno != EEXIST)
    return system_failure(data_directory);
  if (error) return failure(parent, error.message());
  const path file = data_directory / kDevKeyFile;
  auto key = load(file);
  if (!key || !key->empty()) return key;
  if (const auto created = create(file); !created) return std::unexpected(created.error());
  key = load(file);
  if (key && key->empty()) return failure(file, "somebody removes it as soon as it is made");
  return key;
}

Settings dev_settings(std::string dev_key) {
  Settings settings;
  settings.issuer = kDevIssuer;
  settings.audience = {kDevAudience};
  settings.hs256_secret = std::move(dev_key);
  return settings;
}

}  // namespace carillon::authorizer
