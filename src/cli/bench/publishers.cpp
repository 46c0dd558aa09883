#include "cli/bench/publishers.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <poll.h>

namespace carillon::cli::bench {

Publishers::Publishers(const Driver& driver, const MarkerCodec& codec, Poller& poller, ReadBuffer& buffer,
                       AnswerHandler& handler)
    : driver_(driver), codec_(codec), poller_(poller), buffer_(buffer), handler_(handler) {}

Outcome<void> Publishers::connect(const Endpoint& endpoint, std::size_t count, std::size_t content_bytes) {
  constexpr int kConnectTimeoutMs = 5000;
  content_bytes_ = content_bytes;
  publishers_.resize(count);
  for (std::size_t number = 0; number < count; ++number) {
    auto& publisher = publishers_[number];
    auto fd = begin_connect(endpoint, number);
    if (!fd) return std::unexpected(fd.error());
    publisher.fd = std::move(*fd);
    pollfd writable{.fd = publisher.fd.get(), .events = POLLOUT};
    if (poll(&writable, 1, kConnectTimeoutMs) != 1 || (writable.revents & (POLLERR | POLLHUP)) != 0) {
      return std::unexpected("a publisher cannot connect to " + endpoint.authority);
    }
    poller_.add(publisher.fd.get(), EPOLLIN, kTag | number);
    publisher.answers_to_skip = driver_.greeting_answers();
    driver_.append_publisher_greeting(publisher.out);
    write(number);
  }
  return {};
}

void Publishers::publish(std::size_t number, const PublishedRange& range,
                         std::span<const std::size_t> channels) {
  items_.resize(range.count);
  for (std::uint32_t i = 0; i < range.count; ++i) {
    items_[i].channel = channels[i];
    items_[i].content.clear();
    codec_.append_content(items_[i].content, {.index = range.first + i, .sent_ns = range.sent_ns},
                          content_bytes_);
  }
  auto& publisher = publishers_[number];
  if (publisher.out.empty()) dirty_.push_back(number);
  driver_.append_publish(publisher.out, items_);
  if (driver_.answers()) publisher.unanswered.push_back(range);
}

void Publishers::flush() {
  for (const auto number : dirty_) {
    if (!publishers_[number].waits_for_room) write(number);
  }
  dirty_.clear();
}

void Publishers::write(std::size_t number) {
  auto& publisher = publishers_[number];
  if (publisher.out.empty()) return;
  const auto left = publisher.out.size() - publisher.out_sent;
  const auto sent = send(publisher.fd.get(), publisher.out.data() + publisher.out_sent, left, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) {
    failure_ = std::string("a publishing connection broke: ") + std::strerror(errno);
    return;
  }
  publisher.out_sent += static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  const bool done = publisher.out_sent == publisher.out.size();
  if (done) {
    publisher.out.clear();
    publisher.out_sent = 0;
  }
  if (publisher.waits_for_room == done) {
    publisher.waits_for_room = !done;
    poller_.change(publisher.fd.get(), done ? EPOLLIN : EPOLLIN | EPOLLOUT, kTag | number);
  }
}

void Publishers::on_event(std::uint64_t tag, std::uint32_t events) {
  const auto number = static_cast<std::size_t>(tag & ~kTag);
  if ((events & EPOLLOUT) != 0) write(number);
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read(number);
}

void Publishers::read(std::size_t number) {
  auto& publisher = publishers_[number];
  const auto read = buffer_.read(publisher.fd.get(), publisher.kept);
  if (read.end == ReadEnd::closed) {
    failure_ = "the server closed a publishing connection";
    publisher.fd.reset();
    return;
  }
  if (read.view.empty()) return;
  answers_.clear();
  std::string reply;
  const auto used = driver_.read_answers(read.view, answers_, reply);
  if (!used) {
    failure_ = "an answer cannot be understood: " + std::string(read.view.substr(0, 200));
    publisher.fd.reset();
    return;
  }
  for (const auto& answer : answers_) {
    if (publisher.answers_to_skip > 0) {
      --publisher.answers_to_skip;
      continue;
    }
    if (publisher.unanswered.empty()) {
      failure_ = "more answers than publishes came";
      return;
    }
    const auto range = publisher.unanswered.front();
    publisher.unanswered.pop_front();
    const auto refused = std::min<std::size_t>(answer.refused, range.count);
    if (refused > 0 && refusal_.empty()) refusal_ = answer.details.substr(0, 200);
    handler_.on_answer(number, range, refused);
  }
  publisher.kept.assign(read.view.substr(*used));
  if (!reply.empty()) {
    if (publisher.out.empty()) dirty_.push_back(number);
    publisher.out += reply;
  }
}

}  // namespace carillon::cli::bench
