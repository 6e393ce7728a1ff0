#include "subtree_pool.hpp"

#include <algorithm>
#include <utility>

#include "seqmine/parallel.hpp"

namespace seqmine::mining {

SupportFloor::SupportFloor(std::int64_t min_support, std::int64_t max_patterns, std::int64_t n_rows)
    : floor_(static_cast<std::uint32_t>(std::clamp<std::int64_t>(min_support, 1, 0xFFFF'FFFF))),
      max_patterns_(max_patterns) {
  if (max_patterns_ > 0) with_.assign(static_cast<std::size_t>(n_rows) + 1, 0);
}

void SupportFloor::note(std::uint32_t support) {
  const std::lock_guard lock(mutex_);
  std::uint32_t floor = floor_.load(std::memory_order_relaxed);
  if (support < floor) return;
  ++with_[support];
  ++n_above_;
  // Only when more than are wanted lie above the floor: then raising it always means that the result is cut.
  while (n_above_ - with_[floor] > max_patterns_) n_above_ -= with_[floor++];
  floor_.store(floor, std::memory_order_relaxed);
}

SubtreePool::SubtreePool(const FrequentOptions& given, std::int64_t n_rows, const StopToken& stop)
    : floor(given.min_support, given.max_patterns, n_rows),
      options(given),
      halt_(stop, search::deadline_after(search::Clock::now(), given.max_seconds)),
      board_(resolve_threads(given.threads)) {}

std::uint32_t SubtreePool::add(int worker, std::unique_ptr<Subtree> subtree) {
  std::uint32_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = static_cast<std::uint32_t>(outputs_.size());
    outputs_.emplace_back();
  }
  subtree->output = number;
  board_.put(worker, std::move(subtree));
  return number;
}

std::vector<Emitted>& SubtreePool::output(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  return outputs_[number];
}

void SubtreePool::check() noexcept {
  if (options.max_memory > 0 && memory.used() > options.max_memory) halt_.raise(search::Halt::memory);
  (void)halt_.poll();
}

const char* SubtreePool::truncated_by() const noexcept {
  switch (halt_.state()) {
    case search::Halt::seconds: return "seconds";
    case search::Halt::memory: return "memory";
    default: return "";
  }
}

void Worker::poll() {
  steps_ = 0;
  const auto bytes =
      static_cast<std::int64_t>(other_bytes + (found == nullptr ? 0 : found->capacity() * sizeof(Emitted)));
  (void)pool.memory.take(bytes - told_bytes_);  // without a limit of its own it never refuses
  told_bytes_ = bytes;
  pool.check();
}

Status SubtreePool::run() {
  std::vector<std::unique_ptr<Worker>> workers(static_cast<std::size_t>(board_.n_workers()));
  Status status = board_.run(halt_, [&](std::unique_ptr<Subtree>& subtree, int number) {
    auto& worker = workers[static_cast<std::size_t>(number)];
    if (worker == nullptr) worker = std::make_unique<Worker>(*this, number);
    if (ended()) return;
    worker->found = &output(subtree->output);
    subtree->search(*worker);
  });
  for (const auto& worker : workers) {
    if (worker != nullptr) n_nodes += worker->n_nodes;
  }
  if (status.ok() && halt_.state() == search::Halt::cancelled) return {Code::cancelled, "cancelled"};
  return status;
}

void SubtreePool::gather(FrequentPatterns& patterns) {
  std::size_t n = 0;
  for (const auto& output : outputs_) n += output.size();
  patterns.item.reserve(n);
  patterns.support.reserve(n);
  patterns.length.reserve(n);
  patterns.parent.reserve(n);
  const std::uint32_t last_floor = floor.get();
  std::vector<std::pair<std::uint32_t, std::size_t>> stack{{0, 0}};
  std::vector<std::uint32_t> path;  // index of the last pattern kept at each depth
  while (!stack.empty()) {
    auto& [number, at] = stack.back();
    std::vector<Emitted>& output = outputs_[number];
    if (at == output.size()) {
      output = {};  // its memory is not needed any more
      stack.pop_back();
      continue;
    }
    const Emitted line = output[at++];
    if (line.depth == 0) {
      stack.emplace_back(line.item, 0);
    } else if (line.support >= last_floor) {
      // A pattern's prefixes have at least its support, so none of them was left out.
      path.resize(line.depth);
      path.back() = static_cast<std::uint32_t>(patterns.item.size());
      patterns.item.push_back(line.item);
      patterns.support.push_back(line.support);
      patterns.length.push_back(line.depth);
      patterns.parent.push_back(line.depth == 1 ? FrequentPatterns::no_parent : path[line.depth - 2]);
    }
  }
}

}  // namespace seqmine::mining
