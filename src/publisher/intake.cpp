#include "publisher/intake.hpp"

namespace carillon::publisher {

Intake::Intake(ports::Tracer* tracer, const std::optional<base::TraceContext>& trace,
               const std::optional<base::TraceContext>& parent, base::Monotonic since, std::int64_t start_ns)
    : since_(since), trace_(trace), span_(ports::OpenSpan::as(tracer, "publish", trace, parent, start_ns)) {}

void Intake::mark(ports::Publication& publication) {
  publication.accepted_at = since_;
  publication.trace = trace_;
  if (!span_) return;
  span_.attribute("messageType", std::string(name(publication.type)));
  if (publication.target.is_chat()) span_.attribute("chatId", publication.target.id);
}

void Intake::answered(const base::Result<ports::Receipt>& receipt) {
  if (span_ && receipt) span_.attribute("messageId", receipt->id.str());
  span_.end(!receipt);
}

}  // namespace carillon::publisher
