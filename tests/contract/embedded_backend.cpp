#include <atomic>
#include <filesystem>
#include <stdexcept>

#include <stdlib.h>

#include "contract/backend.hpp"
#include "embedded/local_node.hpp"

namespace carillon::contract {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::hours kRetention{24};

/// Nobody is connected.
class NoSockets final : public ports::ConnectionGateway {
 public:
  ports::LoopIndex loop_count() const override { return 1; }
  void set_outcome_sink(OutcomeSink) override {}
  void deliver(ports::LoopIndex, std::vector<ports::DeliveryRunPtr>) override {}
  void add_targets(ports::LoopIndex, const model::ConnectionId&, std::vector<model::Target>) override {}
  void remove_targets(ports::LoopIndex, const model::ConnectionId&, std::vector<model::Target>,
                      std::vector<std::string>, std::move_only_function<void()> done) override {
    done();
  }
  void send(ports::LoopIndex, const model::ConnectionId&, std::string,
            std::move_only_function<void(bool)> done) override {
    done(true);
  }
  void close(ports::LoopIndex, const model::ConnectionId&, std::uint16_t, std::string) override {}
  void run_on(ports::LoopIndex, std::move_only_function<void()> task) override { task(); }
};

class NoHttp final : public ports::HttpClient {
 public:
  void send(ports::OutboundRequest, ports::Completion<ports::OutboundResponse> done) override {
    done(ports::OutboundResponse{200, {}});
  }
};

class EmbeddedBackend final : public Backend {
 public:
  EmbeddedBackend() {
    const fs::path memory = "/dev/shm";
    const fs::path parent = fs::is_directory(memory) ? memory : fs::temp_directory_path();
    std::string pattern = (parent / "carillon-contract-XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("no directory for the store");
    directory_ = pattern;
    open();
  }
  ~EmbeddedBackend() override {
    close();
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }

  ports::MessageBus& bus() override { return node_->message_bus(); }
  ports::PermissionTable& permissions() override { return node_->permissions(); }
  ports::MessageHistory& history() override { return node_->history(); }
  ports::SeriesTable& series() override { return node_->series(); }
  void restart() override {
    close();
    open();
  }
  void expire_before(base::EpochMs time) override {
    store_now_ = time - 1 + base::milliseconds(kRetention).count();
  }

 private:
  void open() {
    embedded::NodeSettings settings;
    settings.directory = directory_ / "data";
    settings.disk_reserve_bytes = 1;
    settings.bus.publish_per_second = 0;
    settings.bus.content_based_deduplication = false;
    embedded::StoreOptions options;
    options.retention.standard = kRetention;
    options.clock = [this] { return store_now_.load(); };
    auto node = embedded::LocalNode::open(std::move(settings), std::move(options), gateway_, http_);
    if (!node) throw std::runtime_error(node.error().details());
    node_ = std::move(*node);
  }
  void close() {
    if (node_) node_->stop();
    node_.reset();
  }

  fs::path directory_;
  std::atomic<base::EpochMs> store_now_{base::now_ms()};
  NoSockets gateway_;
  NoHttp http_;
  std::unique_ptr<embedded::LocalNode> node_;
};

}  // namespace

std::vector<BackendFactory> backends() {
  return {{"embedded", [] { return std::make_unique<EmbeddedBackend>(); }}};
}

}  // namespace carillon::contract
