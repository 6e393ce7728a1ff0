#include "seqmine/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include "seqmine/tuning.hpp"

namespace seqmine {

int resolve_threads(int requested) noexcept {
  if (requested > 0) return std::min(requested, tuning::max_threads);
  const unsigned hardware = std::thread::hardware_concurrency();
  return hardware == 0 ? 1 : static_cast<int>(hardware);
}

namespace {

Status guarded(const std::function<Status(std::int64_t, int)>& work, std::int64_t unit, int worker) {
  try {
    return work(unit, worker);
  } catch (const std::bad_alloc&) {
    return {Code::out_of_memory, "out of memory"};  // short enough for std::string not to allocate again
  } catch (const std::exception& error) {
    return {Code::internal, error.what()};
  } catch (...) {
    return {Code::internal, "unknown exception in a worker"};
  }
}

}  // namespace

Status parallel_for(std::int64_t n_units, int threads, const StopToken& stop,
                    const std::function<Status(std::int64_t, int)>& work) {
  const int n_workers =
      static_cast<int>(std::min<std::int64_t>(std::max<std::int64_t>(n_units, 1), resolve_threads(threads)));
  std::atomic<std::int64_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  Status first;
  std::int64_t first_unit = std::numeric_limits<std::int64_t>::max();

  const auto report = [&](std::int64_t unit, Status status) {
    const std::lock_guard lock(mutex);
    if (unit < first_unit) {
      first_unit = unit;
      first = std::move(status);
    }
    failed.store(true, std::memory_order_relaxed);
  };
  const auto run = [&](int worker) {
    while (!failed.load(std::memory_order_relaxed)) {
      const std::int64_t unit = next.fetch_add(1, std::memory_order_relaxed);
      if (unit >= n_units) return;
      if (stop.stop_requested()) {
        report(unit, {Code::cancelled, "cancelled"});
        return;
      }
      Status status = guarded(work, unit, worker);
      if (!status.ok()) report(unit, std::move(status));
    }
  };

  std::vector<std::thread> workers;
  workers.reserve(static_cast<std::size_t>(n_workers - 1));
  for (int worker = 1; worker < n_workers; ++worker) {
    try {
      workers.emplace_back(run, worker);
    } catch (const std::exception&) {
      break;  // fewer threads than asked for is slower, never wrong
    }
  }
  run(0);
  for (std::thread& thread : workers) thread.join();
  return first;
}

}  // namespace seqmine
