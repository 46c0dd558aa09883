#include "history/dataset.hpp"

#include <fstream>

#include <fmt/format.h>

namespace carillon::bench {
namespace {

constexpr base::EpochMs kApartMs = 40;
constexpr base::EpochMs kUsableMs = 10 * 24 * 3600 * 1000ll;
constexpr std::size_t kContentBytes = 128;
constexpr std::uint64_t kSenders = 1000;
/// Raised when the same shape would be filled in differently.
constexpr int kLayout = 1;

}  // namespace

std::uint64_t Chance::next() {
  std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

std::uint64_t chat_of(const Shape& shape, model::Position position) {
  return Chance(position).below(shape.chats);
}

std::string chat_name(std::uint64_t chat) {
  return fmt::format("chat-{:06}", chat);
}

std::vector<std::uint64_t> messages_per_chat(const Shape& shape) {
  std::vector<std::uint64_t> counts(shape.chats);
  for (model::Position position = 1; position <= shape.messages; ++position)
    ++counts[chat_of(shape, position)];
  return counts;
}

std::string payload(std::string_view chat, std::uint64_t seed) {
  static constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz    .,";
  std::string text = fmt::format(R"({{"chatId":"{}","eventType":"chat","content":")", chat);
  Chance chance(~seed);
  for (std::size_t i = 0; i < kContentBytes; i += 8) {
    std::uint64_t bits = chance.next();
    for (int letter = 0; letter < 8; ++letter, bits >>= 8) text += kLetters[bits % kLetters.size()];
  }
  return text + "\"}";
}

model::MessagePtr make_message(std::string chat, model::Position position, model::SequenceNumber sequence,
                               base::EpochMs published_at) {
  auto message = std::make_shared<model::Message>();
  message->type = model::MessageType::fifo;
  message->target = model::Target::chat(std::move(chat));
  message->group_id = message->target.id;
  message->event_type = "chat";
  message->payload = payload(message->target.id, position);
  message->sender = model::UserId(fmt::format("user-{}", position % kSenders));
  message->published_at = published_at;
  message->id = model::MessageId::generate(published_at);
  message->position = position;
  message->sequence = sequence;
  return message;
}

Publications::Publications(Shape shape, base::EpochMs newest)
    : shape_(shape), newest_(newest), sequences_(shape.chats) {}

std::vector<model::MessagePtr> Publications::next(std::size_t count) {
  std::vector<model::MessagePtr> made;
  made.reserve(count);
  while (made.size() < count && !done()) {
    ++position_;
    const std::uint64_t chat = chat_of(shape_, position_);
    const base::EpochMs published_at =
        newest_ - static_cast<base::EpochMs>(shape_.messages - position_) * kApartMs;
    made.push_back(make_message(chat_name(chat), position_, ++sequences_[chat], published_at));
  }
  return made;
}

std::optional<Shape> Place::filled() const {
  std::ifstream file(directory / "filled");
  Shape shape;
  base::EpochMs when = 0;
  int layout = 0;
  if (!(file >> layout >> shape.messages >> shape.chats >> when)) return std::nullopt;
  if (layout != kLayout || base::now_ms() - when > kUsableMs) return std::nullopt;
  return shape;
}

void Place::set_filled(const Shape& shape) const {
  std::ofstream(directory / "filled")
      << kLayout << ' ' << shape.messages << ' ' << shape.chats << ' ' << base::now_ms() << '\n';
}

}  // namespace carillon::bench
