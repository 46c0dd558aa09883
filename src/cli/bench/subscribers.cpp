#include "cli/bench/subscribers.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cli/bench/http_answer.hpp"

namespace carillon::cli::bench {
namespace {

constexpr std::size_t kShortFrame = 16;
constexpr std::uint8_t kCloseFrame = 8;
constexpr std::uint8_t kPongFrame = 10;
constexpr std::string_view kNormalClosure("\x03\xe8", 2);

}  // namespace

Subscribers::Subscribers(const Driver& driver, const Endpoint& endpoint, Poller& poller, ReadBuffer& buffer,
                         Plan plan)
    : driver_(driver), endpoint_(endpoint), poller_(poller), buffer_(buffer), plan_(plan) {
  subscribers_.resize(plan_.connections);
}

void Subscribers::connect_some(std::size_t at_once) {
  while (failure_.empty() && started_ < plan_.connections && started_ - ready_ - disconnected_ < at_once) {
    start(started_++);
  }
}

void Subscribers::start(std::size_t number) {
  auto fd = begin_connect(endpoint_, number);
  if (!fd) {
    failure_ = fd.error();
    return;
  }
  auto& subscriber = subscribers_[number];
  subscriber.fd = std::move(*fd);
  subscriber.channel = static_cast<std::uint32_t>(number % plan_.channels);
  subscriber.trackers.resize(plan_.streams_per_connection);
  // Over loopback a connect has succeeded by now, and the request leaves without a turn in between.
  poller_.add(subscriber.fd.get(), send_first(subscriber) ? EPOLLIN : EPOLLOUT, number);
}

bool Subscribers::send_first(Subscriber& subscriber) {
  scratch_.clear();
  driver_.append_subscribe(scratch_, subscriber.channel);
  const auto sent = ::send(subscriber.fd.get(), scratch_.data(), scratch_.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(scratch_.size())) return false;
  if (!driver_.upgrades()) subscriber.state = Subscriber::State::greeting;
  return true;
}

void Subscribers::on_event(std::size_t number, std::uint32_t events) {
  auto& subscriber = subscribers_[number];
  if (subscriber.state == Subscriber::State::closed) return;
  if ((events & EPOLLOUT) != 0) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 || !send_first(subscriber)) {
      end(subscriber, "cannot connect to " + endpoint_.authority);
      return;
    }
    poller_.change(subscriber.fd.get(), EPOLLIN, number);
    return;
  }
  on_readable(subscriber);
}

void Subscribers::on_readable(Subscriber& subscriber) {
  const auto read = buffer_.read(subscriber.fd.get(), subscriber.kept);
  if (read.end == ReadEnd::closed) {
    end(subscriber, "the server closed a connection");
    return;
  }
  if (read.view.empty()) return;
  const auto now = now_ns();
  auto bytes = read.view;
  markers_.clear();
  if (subscriber.state == Subscriber::State::upgrading) bytes.remove_prefix(read_upgrade(subscriber, bytes));
  while (subscriber.state != Subscriber::State::upgrading && subscriber.state != Subscriber::State::closed) {
    const auto result = read_frame(bytes);
    if (!result.frame) {
      if (result.error == FrameError::broken) end(subscriber, "a broken frame came");
      break;
    }
    bytes.remove_prefix(result.frame->size);
    if (!on_frame(subscriber, *result.frame)) break;
  }
  if (!markers_.empty()) {
    ++reads_;
    handler_->on_deliveries(subscriber, markers_, now);
  }
  if (!bytes.empty() || !subscriber.kept.empty()) subscriber.kept.assign(bytes);
}

std::size_t Subscribers::read_upgrade(Subscriber& subscriber, std::string_view bytes) {
  const auto answer = read_http_answer(bytes);
  if (!answer) {
    if (answer.error() == HttpError::broken) end(subscriber, "the upgrade's answer is no HTTP");
    return 0;
  }
  if (answer->status != 101) {
    end(subscriber, "the upgrade was refused with " + std::to_string(answer->status) + ": " +
                        std::string(answer->body.substr(0, 200)));
    return 0;
  }
  scratch_.clear();
  driver_.append_greeting(scratch_, subscriber.channel);
  if (scratch_.empty()) {
    become_ready(subscriber);
  } else {
    subscriber.state = Subscriber::State::greeting;
    send(subscriber, scratch_);
  }
  return answer->size;
}

bool Subscribers::on_frame(Subscriber& subscriber, const ServerFrame& frame) {
  switch (frame.kind) {
    case FrameKind::ping:
      scratch_.clear();
      append_client_frame(scratch_, kPongFrame, frame.payload);
      send(subscriber, scratch_);
      return true;
    case FrameKind::pong:
      return true;
    case FrameKind::close:
      if (subscriber.state == Subscriber::State::closing) subscriber.close_confirmed = true;
      end(subscriber, "the server sent a close frame");
      return false;
    case FrameKind::data:
      break;
  }
  if (subscriber.state == Subscriber::State::greeting) {
    if (driver_.confirms(frame.payload)) become_ready(subscriber);
    return true;
  }
  if (frame.payload.size() <= kShortFrame) {
    if (const auto reply = driver_.reply_to(frame.payload); !reply.empty()) {
      scratch_.clear();
      append_client_frame(scratch_, 2, reply);
      send(subscriber, scratch_);
    }
    return true;
  }
  if (codec_ != nullptr) codec_->find(frame.payload, markers_);
  return true;
}

void Subscribers::become_ready(Subscriber& subscriber) {
  subscriber.state = Subscriber::State::ready;
  ++ready_;
}

void Subscribers::send(Subscriber& subscriber, std::string_view bytes) {
  const auto sent = ::send(subscriber.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  // So little is written on these connections that the socket's buffer always takes it, or the peer is gone.
  if (sent != static_cast<ssize_t>(bytes.size())) end(subscriber, "a subscriber's socket took no more");
}

void Subscribers::close_all() {
  std::string frame;
  append_client_frame(frame, kCloseFrame, kNormalClosure);
  for (auto& subscriber : subscribers_) {
    if (subscriber.state != Subscriber::State::ready) continue;
    subscriber.state = Subscriber::State::closing;
    send(subscriber, frame);
  }
}

void Subscribers::end(Subscriber& subscriber, std::string_view why) {
  if (subscriber.state == Subscriber::State::closed) return;
  if (subscriber.state == Subscriber::State::upgrading || subscriber.state == Subscriber::State::greeting) {
    failure_ = why;
  } else if (subscriber.state == Subscriber::State::ready) {
    ++disconnected_;
    --ready_;
  } else if (subscriber.close_confirmed) {
    ++closed_cleanly_;
  }
  ++closed_;
  subscriber.state = Subscriber::State::closed;
  subscriber.fd.reset();
}

}  // namespace carillon::cli::bench
