#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <vector>

#include "ports/completion.hpp"

namespace carillon::contract {

/// The answers to calls that are under way together, in the order of the calls.
template <typename T>
class Answers {
 public:
  ports::Completion<T> next() {
    const std::lock_guard lock(state_->mutex);
    state_->answers.emplace_back();
    return [state = state_, index = state_->answers.size() - 1](base::Result<T> answer) {
      const std::lock_guard lock(state->mutex);
      if (state->answers[index]) std::abort();  // answered twice
      state->answers[index] = std::move(answer);
      ++state->count;
      state->changed.notify_one();
    };
  }
  std::vector<std::optional<base::Result<T>>>& wait() {
    std::unique_lock lock(state_->mutex);
    if (!state_->changed.wait_for(lock, std::chrono::seconds(60),
                                  [&] { return state_->count == state_->answers.size(); }))
      throw std::runtime_error("a call was not answered");
    return state_->answers;
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::optional<base::Result<T>>> answers;
    std::size_t count = 0;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace carillon::contract
