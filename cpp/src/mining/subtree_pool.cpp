#include "subtree_pool.hpp"

#include <algorithm>
#include <exception>
#include <new>
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
    : floor(given.min_support, given.max_patterns, n_rows), options(given), stop_(stop) {
  deadline_ = std::chrono::steady_clock::time_point::max();
  if (options.max_seconds > 0.0 && options.max_seconds < 1e9) {
    deadline_ = std::chrono::steady_clock::now() +
                std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                    std::chrono::duration<double>(options.max_seconds));
  }
}

std::uint32_t SubtreePool::add(std::unique_ptr<Subtree> subtree) {
  const std::lock_guard lock(mutex_);
  const auto number = static_cast<std::uint32_t>(outputs_.size());
  outputs_.emplace_back();
  subtree->output = number;
  queue_.push_back(std::move(subtree));
  queued_.store(static_cast<int>(queue_.size()), std::memory_order_relaxed);
  changed_.notify_one();
  return number;
}

std::vector<Emitted>& SubtreePool::output(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  return outputs_[number];
}

void SubtreePool::end(const char* reason) {
  const std::lock_guard lock(mutex_);
  if (!ended_.exchange(true)) truncated_by_ = reason;
  changed_.notify_all();
}

void SubtreePool::check(std::int64_t bytes_more) {
  const std::int64_t bytes = bytes_.fetch_add(bytes_more) + bytes_more;
  if (stop_.stop_requested()) {
    end("");
  } else if (options.max_memory > 0 && bytes > options.max_memory) {
    end("memory");
  } else if (options.max_seconds > 0.0 && std::chrono::steady_clock::now() >= deadline_) {
    end("seconds");
  }
}

void Worker::poll() {
  steps_ = 0;
  const auto bytes =
      static_cast<std::int64_t>(arena.bytes() + other_bytes + (found == nullptr ? 0 : found->capacity() * sizeof(Emitted)));
  pool.check(bytes - told_bytes_);
  told_bytes_ = bytes;
}

void SubtreePool::work(Worker& worker) {
  std::unique_lock lock(mutex_);
  while (true) {
    waiting_.fetch_add(1, std::memory_order_relaxed);
    changed_.wait(lock, [&] { return ended() || !queue_.empty() || busy_ == 0; });
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    if (ended() || queue_.empty()) break;
    const std::unique_ptr<Subtree> subtree = std::move(queue_.front());
    queue_.pop_front();
    queued_.store(static_cast<int>(queue_.size()), std::memory_order_relaxed);
    ++busy_;
    worker.found = &outputs_[subtree->output];
    lock.unlock();
    std::exception_ptr error;
    try {
      subtree->search(worker);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    --busy_;
    if (error) {
      ended_.store(true);
      changed_.notify_all();
      std::rethrow_exception(error);
    }
    if (busy_ == 0) changed_.notify_all();
  }
  n_nodes.fetch_add(worker.n_nodes, std::memory_order_relaxed);
}

Status SubtreePool::run(int threads) {
  const int n = resolve_threads(threads);
  // One unit per worker; each works until the whole tree is done, so a unit that starts late finds nothing to do.
  Status status = parallel_for(n, n, stop_, [this](std::int64_t, int) -> Status {
    Worker worker(*this);
    work(worker);
    return {};
  });
  if (status.ok() && stop_.stop_requested()) return {Code::cancelled, "cancelled"};
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
