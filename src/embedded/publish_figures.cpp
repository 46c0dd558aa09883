#include "embedded/publish_figures.hpp"

#include <algorithm>

#include "embedded/store_options.hpp"

namespace carillon::embedded {
namespace {

namespace errors = model::errors;

/// Why the bus refuses; the last stands for all others, of which there are none.
constexpr std::array kReasonEntries{&errors::kOverloaded,      &errors::kTooManyRequests,
                                    &errors::kNoChatAccess,    &errors::kNoUserAccess,
                                    &errors::kNoOrgAccess,     &errors::kNoHubAccess,
                                    &errors::kNoProjectAccess, &errors::kNoAllAccess,
                                    &errors::kUnavailable,     &kStoreCorrupt,
                                    &errors::kInternal};

}  // namespace

void PublishFigures::refused(const base::Error& error) {
  static_assert(kReasonEntries.size() == kReasons);
  const auto found = std::ranges::find(kReasonEntries, &error.entry());
  const auto place = static_cast<std::size_t>(found - kReasonEntries.begin());
  refused_[std::min(place, kReasons - 1)].add();
}

void PublishFigures::collect(ports::MetricSet& into) const {
  for (const auto type :
       {model::MessageType::fifo, model::MessageType::standard, model::MessageType::ephemeral})
    for (const bool p2p : {true, false})
      into.counter("carillon_messages_published_total",
                   "Messages accepted, over sockets (p2p) and over HTTP (a2p).",
                   published_[index(type)][p2p].value(),
                   {{"type", std::string(name(type))}, {"path", p2p ? "p2p" : "a2p"}});
  into.counter("carillon_messages_deduplicated_total", "Publications that repeated an earlier one.",
               deduplicated_.value());
  for (std::size_t i = 0; i < kReasons; ++i)
    into.counter("carillon_publish_refused_total", "Publications refused, by what was answered.",
                 refused_[i].value(), {{"reason", std::string(kReasonEntries[i]->code)}});
}

}  // namespace carillon::embedded
