#include "outbound/curl_http_client.hpp"

#include <csignal>
#include <deque>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include <curl/curl.h>
#include <pthread.h>

#include "outbound/transfer.hpp"

namespace carillon::outbound {
namespace {

// While requests wait for a free place, how often those that have waited too long are looked for.
constexpr int kQueueCheckMs = 250;
constexpr int kIdleMs = 60'000;

void start_libcurl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) throw std::runtime_error(curl_easy_strerror(code));
}

}  // namespace

class CurlHttpClient::Worker {
 public:
  explicit Worker(ClientSettings settings) : settings_(std::move(settings)), multi_(curl_multi_init()) {
    if (multi_ == nullptr) throw std::runtime_error("libcurl cannot be started");
    start_thread();
  }
  ~Worker() {
    stop();
    curl_multi_cleanup(multi_);
  }

  void send(ports::OutboundRequest request, ports::Completion<ports::OutboundResponse> done);
  void stop();

 private:
  using TransferPtr = std::unique_ptr<Transfer>;
  struct Lane {
    std::deque<TransferPtr> queued;
    std::size_t running = 0;
  };

  void start_thread();
  void run();
  bool has_room(const Transfer& transfer) const;
  std::string_view enqueue(TransferPtr& transfer);
  void take_ready(std::vector<TransferPtr>& ready, std::vector<TransferPtr>& late);
  void start(TransferPtr transfer);
  void finish_ended();
  void release(const Transfer& transfer);
  void answer_all();

  const ClientSettings settings_;
  CURLM* multi_;
  std::thread thread_;
  std::unordered_map<Transfer*, TransferPtr> running_;  // the worker's thread only

  std::mutex mutex_;
  std::map<std::string, Lane> lanes_;
  std::size_t queued_count_ = 0;
  std::size_t running_count_ = 0;
  std::size_t held_bytes_ = 0;
  bool stopping_ = false;
};

void CurlHttpClient::Worker::start_thread() {
  // OpenSSL writes to sockets without MSG_NOSIGNAL, and the process's signals are for the main thread: the
  // new thread inherits a mask that blocks them all.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "outbound");
    run();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

bool CurlHttpClient::Worker::has_room(const Transfer& transfer) const {
  if (queued_count_ >= settings_.max_queued) return false;
  if (held_bytes_ + transfer.body_bytes() > settings_.max_held_bytes) return false;
  const auto lane = lanes_.find(transfer.origin());
  return lane == lanes_.end() || lane->second.queued.size() < settings_.max_queued_per_host;
}

void CurlHttpClient::Worker::send(ports::OutboundRequest request,
                                  ports::Completion<ports::OutboundResponse> done) {
  auto made = Transfer::make(std::move(request), settings_, base::monotonic_now());
  if (!made) return done(std::unexpected(made.error()));
  TransferPtr transfer = std::move(*made);
  transfer->done = std::move(done);
  const std::string_view refusal = enqueue(transfer);
  if (!refusal.empty()) return transfer->abandon(std::string(refusal));
  curl_multi_wakeup(multi_);
}

/// Takes the transfer, or leaves it and says why.
std::string_view CurlHttpClient::Worker::enqueue(TransferPtr& transfer) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return "the client has stopped";
  if (!has_room(*transfer)) return "too many requests under way";
  ++queued_count_;
  held_bytes_ += transfer->body_bytes();
  lanes_[transfer->origin()].queued.push_back(std::move(transfer));
  return {};
}

void CurlHttpClient::Worker::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  if (!thread_.joinable()) return;
  curl_multi_wakeup(multi_);
  thread_.join();
}

void CurlHttpClient::Worker::run() {
  std::vector<TransferPtr> ready;
  std::vector<TransferPtr> late;
  for (;;) {
    bool waiting = false;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) break;
      take_ready(ready, late);
      waiting = queued_count_ > 0;
    }
    for (TransferPtr& each : late) each->abandon("timed out");
    for (TransferPtr& each : ready) start(std::move(each));
    const bool changed = !late.empty() || !ready.empty();
    late.clear();
    ready.clear();
    int still_running = 0;
    curl_multi_perform(multi_, &still_running);
    const std::size_t before = running_.size();
    finish_ended();
    // Completions may have sent again, and places may be free now.
    if (changed || running_.size() != before) continue;
    curl_multi_poll(multi_, nullptr, 0, waiting ? kQueueCheckMs : kIdleMs, nullptr);
  }
  answer_all();
}

void CurlHttpClient::Worker::take_ready(std::vector<TransferPtr>& ready, std::vector<TransferPtr>& late) {
  const base::Monotonic now = base::monotonic_now();
  for (auto lane = lanes_.begin(); lane != lanes_.end();) {
    auto& [origin, each] = *lane;
    while (!each.queued.empty()) {
      const bool expired = each.queued.front()->deadline() <= now;
      const bool free =
          running_count_ < settings_.max_running && each.running < settings_.max_running_per_host;
      if (!expired && !free) break;
      TransferPtr transfer = std::move(each.queued.front());
      each.queued.pop_front();
      --queued_count_;
      if (expired) {
        held_bytes_ -= transfer->body_bytes();
        late.push_back(std::move(transfer));
      } else {
        ++each.running;
        ++running_count_;
        ready.push_back(std::move(transfer));
      }
    }
    lane = each.queued.empty() && each.running == 0 ? lanes_.erase(lane) : std::next(lane);
  }
}

void CurlHttpClient::Worker::start(TransferPtr transfer) {
  CURL* easy = transfer->prepare(settings_, base::monotonic_now());
  if (easy == nullptr || curl_multi_add_handle(multi_, easy) != CURLM_OK) {
    release(*transfer);
    return transfer->abandon("libcurl has no memory");
  }
  Transfer* key = transfer.get();
  running_.emplace(key, std::move(transfer));
}

void CurlHttpClient::Worker::finish_ended() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* easy = message->easy_handle;
    const CURLcode code = message->data.result;
    Transfer* key = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &key);
    curl_multi_remove_handle(multi_, easy);
    const auto node = running_.extract(key);
    release(*node.mapped());
    node.mapped()->complete(code);
  }
}

void CurlHttpClient::Worker::release(const Transfer& transfer) {
  const std::lock_guard lock(mutex_);
  --running_count_;
  held_bytes_ -= transfer.body_bytes();
  const auto lane = lanes_.find(transfer.origin());
  if (--lane->second.running == 0 && lane->second.queued.empty()) lanes_.erase(lane);
}

void CurlHttpClient::Worker::answer_all() {
  std::vector<TransferPtr> pending;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [origin, lane] : lanes_)
      for (TransferPtr& each : lane.queued) pending.push_back(std::move(each));
    lanes_.clear();
  }
  for (auto& [key, each] : running_) {
    curl_multi_remove_handle(multi_, each->handle());
    pending.push_back(std::move(each));
  }
  running_.clear();
  for (TransferPtr& each : pending) each->abandon("the client has stopped");
}

CurlHttpClient::CurlHttpClient(ClientSettings settings) {
  start_libcurl();
  worker_ = std::make_unique<Worker>(std::move(settings));
}

CurlHttpClient::~CurlHttpClient() = default;

void CurlHttpClient::send(ports::OutboundRequest request, ports::Completion<ports::OutboundResponse> done) {
  worker_->send(std::move(request), std::move(done));
}

void CurlHttpClient::stop() {
  worker_->stop();
}

}  // namespace carillon::outbound
