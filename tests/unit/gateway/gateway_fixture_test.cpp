// The fixture that the gateway tests share.
#include "unit/gateway/gateway_fixture.hpp"

#include <future>
#include <thread>

#include "model/websocket_frame.hpp"

namespace carillon::gateway::testing {
namespace {

constexpr std::chrono::seconds kPatience{20};

model::IdentityPtr identity_of(std::string_view user, base::EpochMs expires_at) {
  auto identity = std::make_shared<model::Identity>();
  identity->user = model::UserId(user);
  identity->expires_at = expires_at;
  return identity;
}

}  // namespace

void FakeAuthenticator::authenticate(std::string_view token, ports::Completion<model::IdentityPtr> done) {
  ++calls;
  base::Result<model::IdentityPtr> result = model::fail(model::errors::kUnauthorized, "unknown token");
  const base::EpochMs expiry = expires_at != 0 ? expires_at.load() : base::now_ms() + 3'600'000;
  if (token == "good") result = identity_of("alice", expiry);
  if (token == "bob") result = identity_of("bob", expiry);
  if (token == "nokeys") result = model::fail(model::errors::kUnavailable, "no keys");
  if (!later) return done(std::move(result));
  std::thread([done = std::move(done), result = std::move(result)]() mutable {
    done(std::move(result));
  }).detach();
}

void FakeHandler::on_connect(ports::UpgradeRequest request, ports::Completion<ports::Admission> done) {
  auto record = std::make_shared<ports::ConnectionRecord>();
  record->id = request.connection;
  record->identity = identity_of(request.http.query_value("user").value_or("alice"), expires_at);
  ports::Admission admission;
  admission.record = record;
  for (const std::string& offered : request.subprotocols)
    if (offered == "carillon.v1") {
      admission.subprotocol = offered;
      admission.first_frame = R"({"type":"connected"})";
    }
  {
    const std::lock_guard lock(mutex_);
    connections_.push_back(request.connection);
    loops_[request.connection] = request.loop;
    records_[request.connection] = record;
    last_request = request;
  }
  changed_.notify_all();
  if (connecting) connecting(request, done, admission);
  if (done) done(std::move(admission));
}

void FakeHandler::on_frame(const ports::FrameContext& context, std::string_view text) {
  {
    const std::lock_guard lock(mutex_);
    frames_.emplace_back(text);
    socket_ = context.socket;
  }
  changed_.notify_all();
  if (receiving) receiving(context, text);
}

void FakeHandler::on_disconnect(const model::ConnectionId& connection, ports::SocketEnd end) {
  {
    const std::lock_guard lock(mutex_);
    EXPECT_FALSE(disconnected_.contains(connection)) << "reported twice";
    disconnected_[connection] = end;
  }
  changed_.notify_all();
}

template <typename Ready>
void FakeHandler::await(Ready ready) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kPatience, ready)) throw std::runtime_error("the handler waited in vain");
}

model::ConnectionId FakeHandler::connection(std::size_t n) {
  await([&] { return connections_.size() > n; });
  const std::lock_guard lock(mutex_);
  return connections_[n];
}

ports::LoopIndex FakeHandler::loop_of(const model::ConnectionId& id) {
  const std::lock_guard lock(mutex_);
  return loops_.at(id);
}

std::string FakeHandler::frame(std::size_t n) {
  await([&] { return frames_.size() > n; });
  const std::lock_guard lock(mutex_);
  return frames_[n];
}

std::size_t FakeHandler::frames() {
  const std::lock_guard lock(mutex_);
  return frames_.size();
}

std::uint16_t FakeHandler::disconnected(const model::ConnectionId& id) {
  await([&] { return disconnected_.contains(id); });
  const std::lock_guard lock(mutex_);
  return disconnected_.at(id).code;
}

bool FakeHandler::closed_by_client(const model::ConnectionId& id) {
  disconnected(id);
  const std::lock_guard lock(mutex_);
  return disconnected_.at(id).by_client;
}

bool FakeHandler::is_disconnected(const model::ConnectionId& id) {
  const std::lock_guard lock(mutex_);
  return disconnected_.contains(id);
}

std::shared_ptr<ports::ConnectionRecord> FakeHandler::record(const model::ConnectionId& id) {
  const std::lock_guard lock(mutex_);
  return records_.at(id);
}

ports::SocketPtr FakeHandler::socket() {
  const std::lock_guard lock(mutex_);
  return socket_;
}

GatewayTest::GatewayTest() {
  settings_.listen = "127.0.0.1:0";
  settings_.threads = 1;
}

GatewayTest::~GatewayTest() {
  if (gateway_) gateway_->stop();
}

void GatewayTest::start() {
  Timing timing;
  timing.monotonic = [this] { return base::monotonic_now() + std::chrono::milliseconds(shift_ms_); };
  timing.wall = [this] { return wall(); };
  timing.sweep = std::chrono::milliseconds(10);
  gateway_ = std::make_unique<Gateway>(settings_, timing);
  gateway_->set_outcome_sink([this](ports::LoopIndex, std::vector<ports::DeliveryOutcome> batch) {
    {
      const std::lock_guard lock(mutex_);
      for (ports::DeliveryOutcome& each : batch) {
        auto [found, fresh] = outcomes_.try_emplace(each.delivery);
        EXPECT_EQ(fresh, each.first) << "the first outcome comes first, and once";
        ports::DeliveryOutcome& sum = found->second;
        sum.delivery = each.delivery;
        sum.delivered += each.delivered;
        sum.gone += each.gone;
        sum.waiting += each.waiting;
        sum.users = ports::joined(sum.users, each.users);
        for (auto& failed : each.failed) sum.failed.push_back(std::move(failed));
      }
    }
    changed_.notify_all();
  });
  gateway_->start({.authenticator = authenticator_,
                   .handler = handler_,
                   .routes = routes_,
                   .token_of = [](const ports::HttpRequest& request) -> base::Result<std::string> {
                     const std::string_view value = request.header("authorization");
                     if (!value.starts_with("Bearer "))
                       return model::fail(model::errors::kUnauthorized, "bearer token missing");
                     return std::string(value.substr(7));
                   },
                   .tracer = tracer_,
                   .signed_identity = signed_identity_});
}

double GatewayTest::figure(std::string_view name, const ports::Labels& labels) const {
  ports::MetricSet figures;
  gateway_->collect(figures);
  const ports::MetricFamily* family = figures.find(name);
  if (!family) return -1;
  for (const ports::MetricSample& each : family->samples)
    if (each.labels == labels)
      return family->kind == ports::MetricKind::histogram ? static_cast<double>(each.histogram.count())
                                                          : each.value;
  return -1;
}

std::unique_ptr<TestClient> GatewayTest::open(std::string_view target, std::string_view extra,
                                              int receive_buffer) {
  auto client = std::make_unique<TestClient>(port(), receive_buffer);
  client->send(upgrade_request(target, extra));
  const Answer answer = client->answer();
  EXPECT_EQ(answer.status, 101) << answer.body;
  EXPECT_EQ(answer["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  return client;
}

void GatewayTest::add_route(std::string method, std::string path, ports::Access access,
                            ports::HttpHandler handler, std::size_t body_factor) {
  routes_.push_back({std::move(method), std::move(path), access, std::move(handler), body_factor});
}

ports::HttpHandler GatewayTest::echo_route() {
  return [](ports::HttpRequest request, ports::HttpResponder respond) {
    std::string text = request.method + " " + request.path + "?" + request.query + " [" + request.body + "]";
    for (const std::string& parameter : request.parameters) text += " " + parameter;
    if (request.identity) text += " " + request.identity->user.str();
    respond(ports::HttpResponse::json(200, text));
  };
}

ports::DeliveryRunPtr GatewayTest::run_of(model::Target target, const std::vector<std::string>& texts,
                                          ports::DeliveryId first) {
  auto run = std::make_shared<ports::DeliveryRun>();
  run->target = std::move(target);
  for (const std::string& text : texts) {
    model::append_frame(run->frames, model::Opcode::text, text);
    run->index.push_back({first == 0 ? 0 : first++, static_cast<std::uint32_t>(run->frames.size())});
  }
  return run;
}

void GatewayTest::settle(ports::LoopIndex loop) {
  // What the sockets hold is seen by the first round, handled by the second, and sent by the third.
  for (int round = 0; round < 3; ++round) {
    std::promise<void> done;
    gateway_->run_on(loop, [&] { done.set_value(); });
    if (done.get_future().wait_for(kPatience) != std::future_status::ready)
      throw std::runtime_error("the loop hangs");
  }
}

model::ConnectionId GatewayTest::subscribe(std::size_t n, std::vector<model::Target> targets) {
  const model::ConnectionId id = handler_.connection(n);
  gateway_->add_targets(handler_.loop_of(id), id, std::move(targets));
  settle(handler_.loop_of(id));
  return id;
}

ports::DeliveryOutcome GatewayTest::outcome(ports::DeliveryId delivery,
                                            const std::function<bool(const ports::DeliveryOutcome&)>& ready) {
  std::unique_lock lock(mutex_);
  const auto there = [&] { return outcomes_.contains(delivery) && ready(outcomes_.at(delivery)); };
  EXPECT_TRUE(changed_.wait_for(lock, kPatience, there)) << "no such outcome of " << delivery;
  return outcomes_[delivery];
}

ports::DeliveryOutcome GatewayTest::outcome(ports::DeliveryId delivery) {
  return outcome(delivery, [](const ports::DeliveryOutcome&) { return true; });
}

}  // namespace carillon::gateway::testing
