#include "cli/trace.hpp"

#include "base/bytes.hpp"

namespace carillon::cli {
namespace {

using Rows = std::vector<std::vector<std::string>>;

bool has(const boost::json::value& value, std::string_view name) {
  const auto* object = value.if_object();
  return object != nullptr && object->contains(name);
}

std::string target_text(const boost::json::value& trace) {
  std::string text = shown_member(trace, "targetClass");
  if (has(trace, "targetId")) text += ':' + shown_member(trace, "targetId");
  if (has(trace, "sequenceNumber")) text += ", number " + shown_member(trace, "sequenceNumber");
  return text + ", " + shown_member(trace, "messageType") + " on channel " +
         shown_member(trace, "targetChannel");
}

/// What the state means, for somebody who has not read the manual.
std::string state_text(const boost::json::value& trace) {
  const std::string state = shown_member(trace, "state");
  const std::string meaning = state == "published"    ? "accepted, nothing more is known"
                              : state == "queued"     ? "waits in a queue"
                              : state == "processing" ? "is being delivered or tried again"
                              : state == "delivered"  ? "somebody got it"
                              : state == "stored"     ? "kept in the history; nobody was connected to get it"
                              : state == "failed"     ? "given up for somebody: a dead letter"
                              : state == "expired"    ? "past its retention"
                                                      : "";
  return meaning.empty() ? state : state + " (" + meaning + ')';
}

std::string queue_text(const boost::json::value& queue) {
  const std::string state = shown_member(queue, "state");
  std::string text = state == "in_flight" ? "in flight" : state;
  if (state == "dead_letter") text = "dead letter in " + shown_member(queue, "deadLetterQueue");
  if (has(queue, "attempts")) text += ", attempts " + shown_member(queue, "attempts");
  if (has(queue, "reason")) text += ": " + shown_member(queue, "reason");
  return text;
}

std::string failed_text(const boost::json::value& failed) {
  std::string text = shown_member(failed, "userId");
  if (has(failed, "connectionId")) text += " on connection " + shown_member(failed, "connectionId");
  return text + ": " + shown_member(failed, "reason");
}

void add_readers(Rows& rows, const boost::json::value& trace) {
  const std::string delivered = shown_member(trace, "delivered");
  std::string counts = delivered + (delivered == "1" ? " delivery" : " deliveries");
  if (const std::string gone = shown_member(trace, "gone"); gone != "0" && gone != "-")
    counts += ", " + gone + " connections went away meanwhile";
  rows.push_back({"delivered", counts});
  const auto& users = entries_of(trace, "deliveredTo");
  for (const auto& each : users)
    rows.push_back(
        {&each == &users.front() ? "got it" : "", shown_member(boost::json::object{{"user", each}}, "user")});
}

void add_queues(Rows& rows, const boost::json::value& trace) {
  for (const auto& queue : entries_of(trace, "queues")) {
    rows.push_back({shown_member(queue, "queue"), queue_text(queue)});
    for (const auto& each : entries_of(queue, "failed")) rows.push_back({"  not to", failed_text(each)});
  }
}

/// A dead letter's way back; its queue takes only those again that did not get it.
void add_next_steps(Rows& rows, const boost::json::value& trace) {
  for (const auto& queue : entries_of(trace, "queues"))
    if (shown_member(queue, "state") == "dead_letter")
      rows.push_back({"next", "carillon queues redrive " + shown_member(queue, "deadLetterQueue") +
                                  " --message-id " + shown_member(trace, "messageId")});
}

}  // namespace

int trace(const TraceOptions& options, Console& console) {
  const HttpCall call{"GET", "/messages/" + base::percent_encode(options.message_id) + "/trace", {}};
  return run_call(options.client, call, console, [&](const boost::json::value& answer) {
    Rows rows{{"message", shown_member(answer, "messageId")},
              {"for", target_text(answer)},
              {"from", shown_member(answer, "userId") + " at " + shown_member(answer, "timestamp")}};
    if (has(answer, "correlationId")) rows.push_back({"correlation", shown_member(answer, "correlationId")});
    rows.push_back({"state", state_text(answer)});
    rows.push_back({"stored", shown_member(answer, "stored") == "true" ? "yes" : "no"});
    add_readers(rows, answer);
    add_queues(rows, answer);
    add_next_steps(rows, answer);
    print_table(console.out, rows);
  });
}

}  // namespace carillon::cli
