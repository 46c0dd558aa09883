#include "bus/deduplication.hpp"

#include <bit>
#include <memory>
#include <stdexcept>
#include <string>

#include <openssl/evp.h>

#include "base/bytes.hpp"

namespace carillon::bus {
namespace {

constexpr std::string_view kById = "carillon-deduplication-1:id";
constexpr std::string_view kByContent = "carillon-deduplication-1:content";

/// SHA-256 over parts that each stand behind their length. One per thread, so that a key costs no allocation
/// and no copy of a payload.
class PartHasher {
 public:
  PartHasher() : context_(EVP_MD_CTX_new()), sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr)) {
    if (!context_ || !sha256_) throw std::runtime_error("libcrypto has no SHA-256");
  }

  void start() { check(EVP_DigestInit_ex2(context_.get(), sha256_.get(), nullptr)); }
  void number(std::uint64_t value) {
    std::array<char, 8> bytes;
    for (std::size_t at = 0; at < bytes.size(); ++at) bytes[at] = static_cast<char>(value >> (56 - 8 * at));
    check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
  }
  void text(std::string_view part) {
    number(part.size());
    check(EVP_DigestUpdate(context_.get(), part.data(), part.size()));
  }
  DeduplicationKey finish() {
    DeduplicationKey key;
    check(EVP_DigestFinal_ex(context_.get(), key.bytes.data(), nullptr));
    return key;
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
  };
  static void check(int done) {
    if (done != 1) throw std::runtime_error("SHA-256 failed");
  }

  std::unique_ptr<EVP_MD_CTX, Free> context_;
  std::unique_ptr<EVP_MD, Free> sha256_;
};

struct AttributeHasher {
  PartHasher& out;

  void operator()(const std::string& text) const {
    out.number(1);
    out.text(text);
  }
  void operator()(double number) const {
    out.number(2);
    out.number(std::bit_cast<std::uint64_t>(number));
  }
  void operator()(const std::vector<std::string>& list) const {
    out.number(3);
    out.number(list.size());
    for (const std::string& each : list) out.text(each);
  }
};

void add_content(PartHasher& out, const ports::Publication& publication) {
  out.text(publication.channel);
  out.text(publication.group_id);
  out.number(static_cast<std::uint64_t>(publication.target.target_class));
  out.text(publication.target.id);
  out.number(publication.attributes.size());
  for (const auto& [name, value] : publication.attributes) {
    out.text(name);
    std::visit(AttributeHasher{out}, value);
  }
  out.text(publication.payload);
}

}  // namespace

std::optional<DeduplicationKey> deduplication_key(const ports::Publication& publication, bool content_based) {
  const bool by_id = !publication.deduplication_id.empty();
  const bool fifo = publication.type == model::MessageType::fifo;
  if (publication.type == model::MessageType::ephemeral) return std::nullopt;
  if (!by_id && !(fifo && content_based)) return std::nullopt;
  thread_local PartHasher out;
  out.start();
  out.text(by_id ? kById : kByContent);
  out.text(fifo ? model::kFifoTopic : model::kStandardTopic);
  out.text(publication.sender.str());
  if (by_id) {
    out.text(publication.deduplication_id);
  } else {
    add_content(out, publication);
  }
  return out.finish();
}

base::Result<DeduplicationBatch::Verdict> DeduplicationBatch::decide(const DeduplicationKey& key,
                                                                     std::size_t index, base::EpochMs now,
                                                                     const Lookup& lookup) {
  if (const auto at = seen_.find(key); at != seen_.end()) return Verdict(Repeats{at->second});
  auto found = lookup(key);
  if (!found) return std::unexpected(found.error());
  if (*found && now < (*found)->expires_at) {
    (*found)->receipt.deduplicated = true;
    return Verdict((*found)->receipt);
  }
  seen_.emplace(key, index);
  return Verdict(Fresh{});
}

}  // namespace carillon::bus
