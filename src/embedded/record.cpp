#include "embedded/record.hpp"

#include <bit>
#include <cstring>

#include "base/bytes.hpp"
#include "embedded/record_reader.hpp"
#include "embedded/record_writer.hpp"

namespace carillon::embedded::record {
namespace {

using model::Message;

enum Flag : std::uint16_t {
  kExcludeSender = 1,
  kSequence = 2,
  kClientSequence = 4,
  kRedrive = 8,
  kAttributes = 16,
  kCorrelation = 32,
  kOtherChannel = 64,
  kOtherGroup = 128,
  kOriginal = 256,
  kTrace = 512,       // since format 3
  kBroadcast = 1024,  // since format 4
  kAllFlags = 2047,
};
enum AttributeKind : std::uint8_t { kText = 1, kNumber = 2, kTexts = 3 };

constexpr std::size_t kTraceBytes =
    sizeof(base::TraceContext::TraceId) + sizeof(base::TraceContext::SpanId) + 1;
constexpr std::size_t kPublishedAt = kHeaderBytes + 2;
constexpr std::size_t kFixed = kHeaderBytes + 2 + 8 + base::MessageId::kBytes + 2;

std::uint16_t flags_of(const Message& message) {
  std::uint16_t flags = 0;
  if (message.exclude_sender) flags |= kExcludeSender;
  if (message.sequence) flags |= kSequence;
  if (message.client_sequence) flags |= kClientSequence;
  if (message.redrive) flags |= kRedrive;
  if (message.redrive && message.redrive->original != 0) flags |= kOriginal;
  if (!message.attributes.empty()) flags |= kAttributes;
  if (!message.correlation_id.empty()) flags |= kCorrelation;
  if (message.channel != model::kWebSocketChannel) flags |= kOtherChannel;
  if (message.group_id != message.target.id) flags |= kOtherGroup;
  if (message.trace) flags |= kTrace;
  if (message.broadcast) flags |= kBroadcast;
  return flags;
}

std::size_t attributes_size(const model::Attributes& attributes) {
  std::size_t size = varint_size(attributes.size());
  for (const auto& [name, value] : attributes) {
    size += text_size(name) + 1;
    if (const auto* one = std::get_if<std::string>(&value)) size += text_size(*one);
    if (std::holds_alternative<double>(value)) size += 8;
    if (const auto* many = std::get_if<std::vector<std::string>>(&value)) {
      size += varint_size(many->size());
      for (const std::string& each : *many) size += text_size(each);
    }
  }
  return size;
}

void append_attributes(std::string& out, const model::Attributes& attributes) {
  varint(out, attributes.size());
  for (const auto& [name, value] : attributes) {
    text(out, name);
    if (const auto* one = std::get_if<std::string>(&value)) {
      out += static_cast<char>(kText);
      text(out, *one);
    } else if (const auto* number = std::get_if<double>(&value)) {
      out += static_cast<char>(kNumber);
      base::append_big_endian(out, std::bit_cast<std::uint64_t>(*number));
    } else {
      const auto& many = std::get<std::vector<std::string>>(value);
      out += static_cast<char>(kTexts);
      varint(out, many.size());
      for (const std::string& each : many) text(out, each);
    }
  }
}

model::AttributeValue read_attribute(RecordReader& in) {
  switch (in.byte()) {
    case kText:
      return in.text();
    case kNumber:
      return std::bit_cast<double>(in.fixed64());
    case kTexts: {
      std::vector<std::string> many;
      for (std::uint64_t left = in.count(1); left > 0 && in.good(); --left) many.push_back(in.text());
      return many;
    }
    default:
      in.spoil();
      return {};
  }
}

void read_attributes(RecordReader& in, model::Attributes& into) {
  for (std::uint64_t left = in.count(3); left > 0 && in.good(); --left) {
    std::string name = in.text();
    // In order and none twice, as the map that was written had them.
    if (!into.empty() && name <= into.rbegin()->first) in.spoil();
    into.emplace_hint(into.end(), std::move(name), read_attribute(in));
  }
}

void read_redrive(RecordReader& in, Message& message) {
  Message::Redrive redrive;
  redrive.queue = in.text();
  for (std::uint64_t left = in.count(1); left > 0 && in.good(); --left) redrive.users.emplace_back(in.text());
  message.redrive = std::move(redrive);
}

void append_trace(std::string& out, const base::TraceContext& trace) {
  out.append(reinterpret_cast<const char*>(trace.trace_id.data()), trace.trace_id.size());
  out.append(reinterpret_cast<const char*>(trace.span_id.data()), trace.span_id.size());
  out += static_cast<char>(trace.sampled);
}

base::TraceContext read_trace(RecordReader& in) {
  base::TraceContext trace;
  trace.trace_id = in.bytes<base::TraceContext::TraceId>();
  trace.span_id = in.bytes<base::TraceContext::SpanId>();
  const std::uint8_t sampled = in.byte();
  // All zero stands for none: nobody has had such a trace.
  if (sampled > 1 || trace.trace_id == base::TraceContext::TraceId{} ||
      trace.span_id == base::TraceContext::SpanId{})
    in.spoil();
  trace.sampled = sampled == 1;
  return trace;
}

bool known(const Message& message) {
  const auto type = static_cast<std::uint8_t>(message.type);
  const auto target_class = static_cast<std::uint8_t>(message.target.target_class);
  return type >= 1 && type <= 3 && target_class >= 1 && target_class <= 6;
}

}  // namespace

std::size_t message_size(const Message& message) {
  std::size_t size = kFixed + varint_size(message.position) + text_size(message.target.id) +
                     text_size(message.event_type) + text_size(message.sender.str()) +
                     text_size(message.payload);
  const std::uint16_t flags = flags_of(message);
  if (flags & kSequence) size += varint_size(*message.sequence);
  if (flags & kOtherChannel) size += text_size(message.channel);
  if (flags & kOtherGroup) size += text_size(message.group_id);
  if (flags & kCorrelation) size += text_size(message.correlation_id);
  if (flags & kAttributes) size += attributes_size(message.attributes);
  if (flags & kRedrive) {
    size += text_size(message.redrive->queue) + varint_size(message.redrive->users.size());
    for (const model::UserId& user : message.redrive->users) size += text_size(user.str());
  }
  if (flags & kOriginal) size += varint_size(message.redrive->original);
  if (flags & kTrace) size += kTraceBytes;
  return size;
}

void append_message(std::string& out, const Message& message) {
  const std::size_t start = open_record(out);
  const std::uint16_t flags = flags_of(message);
  out += static_cast<char>(flags >> 8);
  out += static_cast<char>(flags);
  base::append_big_endian(out, static_cast<std::uint64_t>(message.published_at));
  out += message.id.view();
  out += static_cast<char>(message.type);
  out += static_cast<char>(message.target.target_class);
  varint(out, message.position);
  text(out, message.target.id);
  text(out, message.event_type);
  text(out, message.sender.str());
  text(out, message.payload);
  if (flags & kSequence) varint(out, *message.sequence);
  if (flags & kOtherChannel) text(out, message.channel);
  if (flags & kOtherGroup) text(out, message.group_id);
  if (flags & kCorrelation) text(out, message.correlation_id);
  if (flags & kAttributes) append_attributes(out, message.attributes);
  if (flags & kRedrive) {
    text(out, message.redrive->queue);
    varint(out, message.redrive->users.size());
    for (const model::UserId& user : message.redrive->users) text(out, user.str());
  }
  if (flags & kOriginal) varint(out, message.redrive->original);
  if (flags & kTrace) append_trace(out, *message.trace);
  seal(out, start);
}

std::optional<Message> decode_message(std::string_view bytes) {
  auto in = RecordReader::open(bytes, kVersion);
  if (!in) return std::nullopt;
  const auto flags = static_cast<std::uint16_t>(in->byte() << 8 | in->byte());
  if (flags & ~kAllFlags) return std::nullopt;
  Message message;
  message.published_at = static_cast<base::EpochMs>(in->fixed64());
  message.id = in->message_id();
  message.type = static_cast<model::MessageType>(in->byte());
  message.target.target_class = static_cast<model::TargetClass>(in->byte());
  message.position = in->varint();
  message.target.id = in->text();
  message.event_type = in->text();
  message.sender = model::UserId(in->text());
  message.payload = in->text();
  message.exclude_sender = flags & kExcludeSender;
  message.client_sequence = flags & kClientSequence;
  message.broadcast = flags & kBroadcast;
  if (flags & kSequence) message.sequence = in->varint();
  if (flags & kOtherChannel) message.channel = in->text();
  message.group_id = flags & kOtherGroup ? in->text() : message.target.id;
  if (flags & kCorrelation) message.correlation_id = in->text();
  if (flags & kAttributes) read_attributes(*in, message.attributes);
  if (flags & kRedrive) read_redrive(*in, message);
  if (flags & kOriginal) {
    if (!message.redrive) return std::nullopt;
    message.redrive->original = in->varint();
  }
  if (flags & kTrace) message.trace = read_trace(*in);
  if (!in->at_end() || !known(message)) return std::nullopt;
  return message;
}

std::optional<base::EpochMs> published_at(std::string_view message_record) {
  if (message_record.size() < kFixed) return std::nullopt;
  return static_cast<base::EpochMs>(base::read_big_endian(message_record.data() + kPublishedAt));
}

void append_dead_letter(std::string& out, const ports::QueuedMessage& letter) {
  const std::size_t start = open_record(out);
  varint(out, static_cast<std::uint64_t>(letter.attempts));
  base::append_big_endian(out, static_cast<std::uint64_t>(letter.enqueued_at));
  text(out, letter.reason);
  varint(out, letter.failed.size());
  for (const ports::FailedRecipient& each : letter.failed) {
    text(out, each.user.str());
    text(out, each.connection.str());
    text(out, each.reason);
  }
  varint(out, message_size(*letter.message));
  append_message(out, *letter.message);
  seal(out, start);
}

std::optional<ports::QueuedMessage> decode_dead_letter(std::string_view bytes) {
  auto in = RecordReader::open(bytes, kVersion);
  if (!in) return std::nullopt;
  ports::QueuedMessage letter;
  letter.attempts = static_cast<int>(in->varint());
  letter.enqueued_at = static_cast<base::EpochMs>(in->fixed64());
  letter.reason = in->text();
  for (std::uint64_t left = in->count(3); left > 0 && in->good(); --left) {
    ports::FailedRecipient each;
    each.user = model::UserId(in->text());
    each.connection = model::ConnectionId(in->text());
    each.reason = in->text();
    letter.failed.push_back(std::move(each));
  }
  auto message = decode_message(in->view());
  if (!in->at_end() || !message) return std::nullopt;
  letter.message = std::make_shared<const Message>(std::move(*message));
  return letter;
}

void append_permission(std::string& out, const ports::Permission& permission) {
  const std::size_t start = open_record(out);
  out += static_cast<char>(permission.role);
  base::append_big_endian(out, static_cast<std::uint64_t>(permission.granted_at));
  text(out, permission.granted_by.str());
  seal(out, start);
}

bool decode_permission(std::string_view bytes, ports::Permission& into) {
  auto in = RecordReader::open(bytes, kVersion);
  if (!in) return false;
  const std::uint8_t role = in->byte();
  into.role = static_cast<model::Role>(role);
  into.granted_at = static_cast<base::EpochMs>(in->fixed64());
  into.granted_by = model::UserId(in->text());
  return in->at_end() && role >= 1 && role <= 4;
}

void append_deduplication(std::string& out, const ports::Receipt& receipt, base::EpochMs expires_at) {
  const std::size_t start = open_record(out);
  base::append_big_endian(out, static_cast<std::uint64_t>(expires_at));
  base::append_big_endian(out, static_cast<std::uint64_t>(receipt.published_at));
  out += receipt.id.view();
  varint(out, receipt.sequence.value_or(0));
  seal(out, start);
}

std::optional<Deduplication> decode_deduplication(std::string_view bytes) {
  auto in = RecordReader::open(bytes, kVersion);
  if (!in) return std::nullopt;
  Deduplication entry;
  entry.expires_at = static_cast<base::EpochMs>(in->fixed64());
  entry.receipt.published_at = static_cast<base::EpochMs>(in->fixed64());
  entry.receipt.id = in->message_id();
  if (const std::uint64_t sequence = in->varint(); sequence > 0) entry.receipt.sequence = sequence;
  if (!in->at_end()) return std::nullopt;
  return entry;
}

std::optional<base::EpochMs> deduplication_expiry(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes + 8) return std::nullopt;
  return static_cast<base::EpochMs>(base::read_big_endian(bytes.data() + kHeaderBytes));
}

void append_number(std::string& out, std::uint64_t value) {
  const std::size_t start = open_record(out);
  base::append_big_endian(out, value);
  seal(out, start);
}

std::optional<std::uint64_t> decode_number(std::string_view bytes) {
  auto in = RecordReader::open(bytes, kVersion);
  if (!in) return std::nullopt;
  const std::uint64_t value = in->fixed64();
  if (!in->at_end()) return std::nullopt;
  return value;
}

void append_place(std::string& out, const Message& message) {
  const std::size_t start = open_record(out);
  base::append_big_endian(out, static_cast<std::uint64_t>(message.published_at));
  out += static_cast<char>(message.target.target_class);
  varint(out, message.position);
  text(out, message.target.id);
  seal(out, start);
}

std::optional<MessagePlace> decode_place(std::string_view bytes) {
  auto in = RecordReader::open(bytes, kVersion);
  if (!in) return std::nullopt;
  MessagePlace place;
  place.published_at = static_cast<base::EpochMs>(in->fixed64());
  const std::uint8_t target_class = in->byte();
  place.target.target_class = static_cast<model::TargetClass>(target_class);
  place.position = in->varint();
  place.target.id = in->text();
  if (!in->at_end() || target_class < 1 || target_class > 6) return std::nullopt;
  return place;
}

}  // namespace carillon::embedded::record
