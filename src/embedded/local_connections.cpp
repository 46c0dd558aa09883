#include "embedded/local_connections.hpp"

#include <algorithm>
#include <map>

#include "base/bytes.hpp"
#include "model/access_errors.hpp"

namespace carillon::embedded {
namespace {

namespace errors = model::errors;
using base::Result;
using model::ConnectionId;
using model::Error;
using model::Target;
using model::TargetClass;
using model::UserId;
using ports::Completion;
using ports::ConnectionView;
using ports::PresentUser;
using ports::Subscription;

constexpr std::uint16_t kClosedByOperator = 4403;
constexpr const char* kDisconnected = "disconnected by an operator";

Error denied_chats(const std::vector<std::string>& chat_ids) {
  std::string members = ",\"chatIds\":[";
  for (const std::string& each : chat_ids) {
    if (members.back() != '[') members += ',';
    base::append_json_string(members, each);
  }
  return Error(errors::kNoChatAccess).with_members(members + "]");
}

Error too_many_subscriptions(std::size_t most) {
  return Error(errors::kInvalidParameter,
               "a connection has at most " + std::to_string(most) + " subscriptions");
}

std::string unsubscribed_notice(const Target& target, std::string_view reason) {
  std::string out = "{\"type\":\"unsubscribed\",";
  if (!target.is_chat()) {
    out += "\"targetClass\":\"";
    out += name(target.target_class);
    out += "\",\"targetId\":";
  } else {
    out += "\"chatId\":";
  }
  base::append_json_string(out, target.id);
  out += ",\"reason\":";
  base::append_json_string(out, reason);
  return out += '}';
}

}  // namespace

LocalConnections::LocalConnections(base::EventLoop& loop, const bus::Settings& settings,
                                   LocalPermissions& permissions, ports::ConnectionGateway& gateway)
    : loop_(loop),
      settings_(settings),
      permissions_(permissions),
      gateway_(gateway),
      directory_(gateway.loop_count()) {}

void LocalConnections::connect(ports::ConnectionRecordPtr record, std::vector<std::string> chat_ids,
                               bool every_chat, Completion<std::vector<std::string>> done) {
  loop_.post([this, record = std::move(record), chat_ids = std::move(chat_ids), every_chat,
              done = std::move(done)]() mutable {
    do_connect(std::move(record), std::move(chat_ids), every_chat, std::move(done));
  });
}

void LocalConnections::check(model::IdentityPtr identity, std::vector<std::string> chat_ids, bool every_chat,
                             std::vector<Target> memberships, Completion<std::vector<std::string>> done) {
  loop_.post([this, identity = std::move(identity), chat_ids = std::move(chat_ids), every_chat,
              memberships = std::move(memberships), done = std::move(done)]() mutable {
    done(chats_of(*identity, std::move(chat_ids), every_chat, memberships));
  });
}

/// Whether a connection of this identity may hear all that.
Result<void> LocalConnections::permitted(const model::Identity& identity,
                                         const std::vector<std::string>& chat_ids,
                                         const std::vector<Target>& memberships) {
  if (directory_.members(Target::user(identity.user.str())).size() >= settings_.max_connections_per_user)
    return model::fail(errors::kTooManyConnections);
  if (chat_ids.size() > settings_.max_subscriptions_per_connection)
    return std::unexpected(too_many_subscriptions(settings_.max_subscriptions_per_connection));
  std::vector<std::string> denied;
  for (const std::string& chat : chat_ids) {
    const auto allowed = permissions_.may_read(identity, Target::chat(chat));
    if (!allowed) return std::unexpected(allowed.error());
    if (!*allowed) denied.push_back(chat);
  }
  if (!denied.empty()) return std::unexpected(denied_chats(denied));
  for (const Target& each : memberships) {
    const auto allowed = permissions_.may_read(identity, each);
    if (!allowed) return std::unexpected(allowed.error());
    if (!*allowed) return model::fail(model::no_access_to(each.target_class));
  }
  return {};
}

/// The chats of a new connection, which may hear all that it asks for.
Result<std::vector<std::string>> LocalConnections::chats_of(const model::Identity& identity,
                                                            std::vector<std::string> chat_ids,
                                                            bool every_chat,
                                                            const std::vector<Target>& memberships) {
  if (auto allowed = permitted(identity, chat_ids, memberships); !allowed)
    return std::unexpected(std::move(allowed.error()));
  if (!every_chat) return chat_ids;
  auto entries = permissions_.chats_of(identity.user, settings_.max_subscriptions_per_connection);
  if (!entries) return std::unexpected(entries.error());
  for (std::string& chat : *entries)
    if (std::ranges::find(chat_ids, chat) == chat_ids.end() &&
        chat_ids.size() < settings_.max_subscriptions_per_connection)
      chat_ids.push_back(std::move(chat));
  return chat_ids;
}

void LocalConnections::do_connect(ports::ConnectionRecordPtr record, std::vector<std::string> chat_ids,
                                  bool every_chat, Completion<std::vector<std::string>> done) {
  auto chats = chats_of(*record->identity, std::move(chat_ids), every_chat, record->memberships);
  if (!chats) return done(std::unexpected(chats.error()));
  std::vector<Target> targets{Target::user(record->identity->user.str())};
  targets.insert(targets.end(), record->memberships.begin(), record->memberships.end());
  for (std::string& chat : *chats) targets.push_back(Target::chat(std::move(chat)));

  Entry& entry = directory_.add(record, every_chat);
  count_.fetch_add(1, std::memory_order_relaxed);
  for (const Target& each : targets) directory_.join(entry, each);
  directory_.join(entry, Target::all());
  gateway_.add_targets(record->loop, record->id, std::move(targets));
  gateway_.run_on(record->loop,
                  [done = std::move(done), ids = entry.chat_ids()]() mutable { done(std::move(ids)); });
}

void LocalConnections::subscribe(ConnectionId id, std::vector<std::string> chat_ids,
                                 Completion<Subscription> done) {
  loop_.post([this, id = std::move(id), chat_ids = std::move(chat_ids), done = std::move(done)]() mutable {
    do_subscribe(id, std::move(chat_ids), std::move(done));
  });
}

void LocalConnections::do_subscribe(const ConnectionId& id, std::vector<std::string> chat_ids,
                                    Completion<Subscription> done) {
  Entry* entry = directory_.find(id);
  if (!entry) return done(model::fail(errors::kGone));
  Subscription answer;
  std::vector<Target> added;
  for (std::string& chat : chat_ids) {
    Target target = Target::chat(std::move(chat));
    const auto allowed = permissions_.may_read(*entry->identity, target);
    if (!allowed) return done(std::unexpected(allowed.error()));
    if (!*allowed) {
      answer.denied.push_back(std::move(target.id));
    } else if (!directory_.holds(*entry, target)) {
      added.push_back(std::move(target));
    }
  }
  if (entry->chats + added.size() > settings_.max_subscriptions_per_connection)
    return done(std::unexpected(too_many_subscriptions(settings_.max_subscriptions_per_connection)));
  for (const Target& each : added) directory_.join(*entry, each);
  answer.chat_ids = entry->chat_ids();
  const ports::LoopIndex loop = entry->record->loop;
  if (!added.empty()) gateway_.add_targets(loop, id, std::move(added));
  gateway_.run_on(
      loop, [done = std::move(done), answer = std::move(answer)]() mutable { done(std::move(answer)); });
}

void LocalConnections::unsubscribe(ConnectionId id, std::vector<std::string> chat_ids,
                                   Completion<Subscription> done) {
  loop_.post([this, id = std::move(id), chat_ids = std::move(chat_ids), done = std::move(done)]() mutable {
    do_unsubscribe(id, std::move(chat_ids), std::move(done));
  });
}

void LocalConnections::do_unsubscribe(const ConnectionId& id, std::vector<std::string> chat_ids,
                                      Completion<Subscription> done) {
  Entry* entry = directory_.find(id);
  if (!entry) return done(model::fail(errors::kGone));
  std::vector<Target> removed;
  for (std::string& chat : chat_ids)
    if (Target target = Target::chat(std::move(chat)); directory_.leave(*entry, target))
      removed.push_back(std::move(target));
  gateway_.remove_targets(entry->record->loop, id, std::move(removed), {},
                          [done = std::move(done), chats = entry->chat_ids()]() mutable {
                            done(Subscription{std::move(chats), {}});
                          });
}

void LocalConnections::refresh(ConnectionId id, model::IdentityPtr identity, Completion<Subscription> done) {
  loop_.post([this, id = std::move(id), identity = std::move(identity), done = std::move(done)]() mutable {
    do_refresh(id, std::move(identity), std::move(done));
  });
}

void LocalConnections::do_refresh(const ConnectionId& id, model::IdentityPtr identity,
                                  Completion<Subscription> done) {
  Entry* entry = directory_.find(id);
  if (!entry) return done(model::fail(errors::kGone));
  entry->identity = std::move(identity);
  Subscription answer;
  std::vector<Target> removed;
  std::vector<std::string> notices;
  for (Target& target : entry->targets()) {
    if (target.target_class == TargetClass::user || target.target_class == TargetClass::all) continue;
    const auto allowed = permissions_.may_read(*entry->identity, target);
    if (!allowed) return done(std::unexpected(allowed.error()));
    if (*allowed) continue;
    directory_.leave(*entry, target);
    notices.push_back(unsubscribed_notice(target, "token refreshed"));
    if (target.is_chat()) answer.denied.push_back(target.id);
    removed.push_back(std::move(target));
  }
  answer.chat_ids = entry->chat_ids();
  gateway_.remove_targets(
      entry->record->loop, id, std::move(removed), std::move(notices),
      [done = std::move(done), answer = std::move(answer)]() mutable { done(std::move(answer)); });
}

void LocalConnections::disconnect(ConnectionId id, Completion<ConnectionView> last) {
  loop_.post([this, id = std::move(id), last = std::move(last)]() mutable {
    const Entry* entry = directory_.find(id);
    if (!entry) {
      if (last) last(model::fail(errors::kGone));
      return;
    }
    std::optional<ConnectionView> view;
    if (last) view.emplace(entry->record, entry->chat_ids());
    directory_.remove(id);
    count_.fetch_sub(1, std::memory_order_relaxed);
    if (last) last(std::move(*view));
  });
}

void LocalConnections::close_user(UserId user, Completion<std::size_t> done) {
  loop_.post([this, user = std::move(user), done = std::move(done)]() mutable {
    const auto connections = directory_.members(Target::user(user.str()));
    for (const Entry* entry : connections)
      gateway_.close(entry->record->loop, entry->record->id, kClosedByOperator, kDisconnected);
    done(connections.size());
  });
}

void LocalConnections::list(std::optional<UserId> user, std::optional<std::string> chat_id, std::size_t limit,
                            Completion<std::vector<ConnectionView>> done) {
  loop_.post([this, user = std::move(user), chat_id = std::move(chat_id), limit,
              done = std::move(done)]() mutable { do_list(user, chat_id, limit, std::move(done)); });
}

void LocalConnections::do_list(const std::optional<UserId>& user, const std::optional<std::string>& chat_id,
                               std::size_t limit, Completion<std::vector<ConnectionView>> done) {
  const Target target = user ? Target::user(user->str()) : chat_id ? Target::chat(*chat_id) : Target::all();
  std::vector<ConnectionView> views;
  for (const Entry* entry : directory_.members(target)) {
    if (views.size() == limit) break;
    if (chat_id && !directory_.holds(*entry, Target::chat(*chat_id))) continue;
    views.push_back({entry->record, entry->chat_ids()});
  }
  done(std::move(views));
}

void LocalConnections::find(ConnectionId id, Completion<ConnectionView> done) {
  loop_.post([this, id = std::move(id), done = std::move(done)]() mutable {
    const Entry* entry = directory_.find(id);
    if (!entry) return done(model::fail(errors::kGone));
    done(ConnectionView{entry->record, entry->chat_ids()});
  });
}

void LocalConnections::post(ConnectionId id, std::string text, Completion<void> done) {
  loop_.post([this, id = std::move(id), text = std::move(text), done = std::move(done)]() mutable {
    const Entry* entry = directory_.find(id);
    if (!entry) return done(model::fail(errors::kGone));
    gateway_.send(entry->record->loop, id, std::move(text), [done = std::move(done)](bool taken) mutable {
      done(taken ? Result<void>() : model::fail(errors::kGone));
    });
  });
}

void LocalConnections::close(ConnectionId id, Completion<void> done) {
  loop_.post([this, id = std::move(id), done = std::move(done)]() mutable {
    const Entry* entry = directory_.find(id);
    if (!entry) return done(model::fail(errors::kGone));
    const ports::LoopIndex loop = entry->record->loop;
    gateway_.close(loop, id, kClosedByOperator, kDisconnected);
    // Its disconnect is on its way to this loop by then, ahead of whatever is asked after the answer.
    gateway_.run_on(loop, [done = std::move(done)]() mutable { done({}); });
  });
}

void LocalConnections::presence(std::string chat_id, model::IdentityPtr asking,
                                Completion<std::vector<PresentUser>> done) {
  loop_.post([this, chat_id = std::move(chat_id), asking = std::move(asking),
              done = std::move(done)]() mutable { do_presence(chat_id, *asking, std::move(done)); });
}

void LocalConnections::do_presence(const std::string& chat_id, const model::Identity& asking,
                                   Completion<std::vector<PresentUser>> done) {
  const Target chat = Target::chat(chat_id);
  const auto allowed = permissions_.may_read(asking, chat);
  if (!allowed) return done(std::unexpected(allowed.error()));
  if (!*allowed) return done(model::fail(errors::kNoChatAccess));
  std::map<UserId, std::size_t> users;
  for (const Entry* entry : directory_.members(chat)) ++users[entry->identity->user];
  std::vector<PresentUser> present;
  present.reserve(users.size());
  for (const auto& [user, connections] : users) present.push_back({user, connections});
  done(std::move(present));
}

processor::LoopMask LocalConnections::loops_of(const Target& target) const {
  const auto* per_loop = directory_.loops_of(target);
  processor::LoopMask mask = 0;
  if (per_loop)
    for (std::size_t loop = 0; loop < per_loop->size(); ++loop)
      if ((*per_loop)[loop] != 0) mask |= processor::LoopMask{1} << loop;
  return mask;
}

bool LocalConnections::subscribed(const ConnectionId& id, const Target& chat) {
  const Entry* entry = directory_.find(id);
  return entry && directory_.holds(*entry, chat);
}

std::vector<std::string> LocalConnections::chat_ids(const ConnectionId& id) {
  const Entry* entry = directory_.find(id);
  return entry ? entry->chat_ids() : std::vector<std::string>();
}

void LocalConnections::granted(const UserId& user, const Target& target) {
  if (!target.is_chat()) return;
  for (Entry* entry : directory_.members(Target::user(user.str()))) {
    if (!entry->every_chat || entry->chats >= settings_.max_subscriptions_per_connection) continue;
    if (directory_.join(*entry, target))
      gateway_.add_targets(entry->record->loop, entry->record->id, {target});
  }
}

void LocalConnections::revoked(const UserId& user, const Target& target,
                               std::move_only_function<void()> done) {
  std::vector<Entry*> affected;
  for (Entry* entry : directory_.members(Target::user(user.str())))
    if (directory_.holds(*entry, target) && !entry->identity->claims(target)) affected.push_back(entry);
  if (affected.empty()) return done();
  /// Counted down by the loops; the last one answers.
  struct Confirmation {
    std::atomic<std::size_t> outstanding;
    std::move_only_function<void()> done;
  };
  auto confirmation = std::make_shared<Confirmation>(affected.size(), std::move(done));
  for (Entry* entry : affected) {
    directory_.leave(*entry, target);
    gateway_.remove_targets(entry->record->loop, entry->record->id, {target},
                            {unsubscribed_notice(target, "permission revoked")}, [confirmation] {
                              if (confirmation->outstanding.fetch_sub(1) == 1) confirmation->done();
                            });
  }
}

}  // namespace carillon::embedded
