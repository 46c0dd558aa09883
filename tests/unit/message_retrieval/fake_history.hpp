#pragma once

#include <string>
#include <vector>

#include "ports/message_history.hpp"

namespace carillon::message_retrieval {

/// Answers what it was told to, at once, and remembers what it was asked.
class FakeHistory : public ports::MessageHistory {
 public:
  void page(model::IdentityPtr asking, ports::HistoryQuery query,
            ports::Completion<ports::HistoryPage> done) override {
    note(asking, "page");
    queries.push_back(std::move(query));
    answer(page_answer, done);
  }
  void sequences(model::IdentityPtr asking, std::string chat_id, std::vector<ports::NumberRange> numbers,
                 ports::Completion<ports::SequencePage> done) override {
    note(asking, "sequences " + chat_id);
    asked_numbers = std::move(numbers);
    answer(sequence_answer, done);
  }
  void message(model::IdentityPtr asking, model::MessageId id,
               ports::Completion<model::MessagePtr> done) override {
    note(asking, "message " + id.str());
    answer(message_answer, done);
  }
  void trace(model::IdentityPtr asking, model::MessageId id,
             ports::Completion<ports::MessageTrace> done) override {
    note(asking, "trace " + id.str());
    answer(trace_answer, done);
  }
  const std::string& token_secret() const override { return secret; }

  std::optional<base::Error> refusal;  ///< of every call, when set
  ports::HistoryPage page_answer;
  ports::SequencePage sequence_answer;
  model::MessagePtr message_answer;
  ports::MessageTrace trace_answer;
  std::string secret = "secret-of-this-store";

  std::vector<std::string> calls;  ///< `user: what`
  std::vector<ports::HistoryQuery> queries;
  std::vector<ports::NumberRange> asked_numbers;

 private:
  void note(const model::IdentityPtr& asking, const std::string& what) {
    calls.push_back(asking->user.str() + ": " + what);
  }
  template <typename T>
  void answer(const T& value, ports::Completion<T>& done) {
    if (refusal) return done(std::unexpected(*refusal));
    done(value);
  }
};

}  // namespace carillon::message_retrieval
