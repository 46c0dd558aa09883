#include "embedded/delivery_record.hpp"

#include <array>
#include <limits>
#include <memory_resource>
#include <unordered_map>

#include "base/bytes.hpp"
#include "embedded/keys.hpp"
#include "embedded/record.hpp"
#include "embedded/record_reader.hpp"
#include "embedded/record_writer.hpp"

namespace carillon::embedded {

void DeliveryFragment::sum_up(std::uint64_t offset, DeliveryTotals& totals) const {
  for (const Entry& each : entries) {
    if (each.offset != offset) continue;
    std::vector<model::UserId> named;
    if (each.list > 0)
      for (const std::uint32_t user : lists[each.list - 1]) named.push_back(users[user]);
    totals.add(
        each.delivered, each.gone,
        named.empty() ? nullptr : std::make_shared<const std::vector<model::UserId>>(std::move(named)));
  }
}

namespace record {
namespace {

constexpr std::size_t kScratchBytes = 32 * 1024;
/// Written by each entry at least: offset, delivered, gone, list.
constexpr std::size_t kLeastEntry = 4;

/// The users of a fragment by number, and the lists that they stand in.
class Names {
 public:
  Names(std::size_t entries, std::pmr::memory_resource* memory)
      : lists_(entries, memory), users_(entries, memory) {}

  /// The list's number, from 1; 0 for none.
  std::uint32_t number_of(const ports::UserListPtr& list) {
    if (!list || list->empty()) return 0;
    const auto [at, added] = lists_.try_emplace(list.get(), static_cast<std::uint32_t>(lists_.size() + 1));
    if (added) add(*list);
    return at->second;
  }
  void append_to(std::string& out) const {
    varint(out, users_.size());
    out += user_texts_;
    varint(out, lists_.size());
    out += list_numbers_;
  }

 private:
  void add(const std::vector<model::UserId>& list) {
    varint(list_numbers_, list.size());
    for (const model::UserId& each : list) {
      const auto [at, added] = users_.try_emplace(each.str(), static_cast<std::uint32_t>(users_.size()));
      if (added) text(user_texts_, each.str());
      varint(list_numbers_, at->second);
    }
  }

  std::pmr::unordered_map<const void*, std::uint32_t> lists_;
  std::pmr::unordered_map<std::string_view, std::uint32_t> users_;
  std::string user_texts_, list_numbers_;
};

std::uint32_t small_number(RecordReader& in) {
  const std::uint64_t number = in.varint();
  if (number > std::numeric_limits<std::uint32_t>::max()) in.spoil();
  return static_cast<std::uint32_t>(number);
}

void read_lists(RecordReader& in, DeliveryFragment& into) {
  for (std::uint64_t left = in.count(1); left > 0 && in.good(); --left) into.users.emplace_back(in.text());
  for (std::uint64_t left = in.count(2); left > 0 && in.good(); --left) {
    const std::uint64_t size = in.count(1);
    if (size == 0 || size > ports::kMaxNamedUsers) return in.spoil();
    std::vector<std::uint32_t>& list = into.lists.emplace_back();
    for (std::uint64_t user = 0; user < size && in.good(); ++user) {
      list.push_back(small_number(in));
      if (list.back() >= into.users.size()) in.spoil();
    }
  }
}

}  // namespace

void append_deliveries(std::string& out, base::EpochMs written_at, std::span<const DeliveryEntry> entries) {
  const std::size_t start = open_record(out);
  base::append_big_endian(out, static_cast<std::uint64_t>(written_at));
  std::array<std::byte, kScratchBytes> scratch;
  std::pmr::monotonic_buffer_resource memory(scratch.data(), scratch.size());
  Names names(entries.size(), &memory);
  std::string fields;
  for (const DeliveryEntry& each : entries) {
    varint(fields, each.offset);
    varint(fields, each.delivered);
    varint(fields, each.gone);
    varint(fields, names.number_of(each.users));
  }
  names.append_to(out);
  varint(out, entries.size());
  out += fields;
  seal(out, start);
}

std::optional<DeliveryFragment> decode_deliveries(std::string_view bytes) {
  auto in = RecordReader::open(bytes, kVersion);
  if (!in) return std::nullopt;
  DeliveryFragment fragment;
  fragment.written_at = static_cast<base::EpochMs>(in->fixed64());
  read_lists(*in, fragment);
  for (std::uint64_t left = in->count(kLeastEntry); left > 0 && in->good(); --left) {
    DeliveryFragment::Entry& entry = fragment.entries.emplace_back();
    entry.offset = small_number(*in);
    entry.delivered = small_number(*in);
    entry.gone = small_number(*in);
    entry.list = small_number(*in);
    if (entry.offset >= keys::kBucketPositions || entry.list > fragment.lists.size()) in->spoil();
  }
  if (!in->at_end()) return std::nullopt;
  return fragment;
}

std::optional<base::EpochMs> deliveries_written_at(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes + 8) return std::nullopt;
  return static_cast<base::EpochMs>(base::read_big_endian(bytes.data() + kHeaderBytes));
}

bool sound_deliveries(std::string_view key, std::string_view value) {
  if (key.empty()) return false;
  switch (key.front()) {
    case keys::kFlushTag:
      return key.size() == 1 && decode_number(value).has_value();
    case keys::kBucketTag:
      return key.size() == 1 + 8 + 8 && decode_deliveries(value).has_value();
    case keys::kRedrivenTag:
      return key.size() == 1 + base::MessageId::kBytes + 8 && decode_deliveries(value).has_value();
    default:
      return false;
  }
}

}  // namespace record
}  // namespace carillon::embedded
