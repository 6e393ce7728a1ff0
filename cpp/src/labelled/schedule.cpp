#include "labelled/schedule.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <numeric>
#include <utility>

#include "labelled/expander.hpp"
#include "seqmine/parallel.hpp"

namespace seqmine::labelled {

namespace {

/// Subtrees waiting for a worker: own newest first, others' oldest (largest) first.
class Board {
 public:
  explicit Board(int n_workers) : queues_(static_cast<std::size_t>(n_workers)) {}

  void put(int worker, Subtree&& subtree) {
    {
      const std::lock_guard lock(mutex_);
      queues_[static_cast<std::size_t>(worker)].push_back(std::move(subtree));
      ++open_;
      waiting_tasks_.fetch_add(1, std::memory_order_relaxed);
    }
    changed_.notify_one();
  }

  /// False when nothing is left and nobody works on anything that could leave more.
  bool take(int worker, Subtree& subtree) {
    std::unique_lock lock(mutex_);
    while (true) {
      auto& own = queues_[static_cast<std::size_t>(worker)];
      if (!own.empty()) {
        subtree = std::move(own.back());
        own.pop_back();
        waiting_tasks_.fetch_sub(1, std::memory_order_relaxed);
        return true;
      }
      for (std::size_t step = 1; step < queues_.size(); ++step) {
        auto& victim = queues_[(static_cast<std::size_t>(worker) + step) % queues_.size()];
        if (victim.empty()) continue;
        subtree = std::move(victim.front());
        victim.pop_front();
        waiting_tasks_.fetch_sub(1, std::memory_order_relaxed);
        return true;
      }
      if (open_ == 0) return false;
      idle_.fetch_add(1, std::memory_order_relaxed);
      changed_.wait(lock);
      idle_.fetch_sub(1, std::memory_order_relaxed);
    }
  }

  void done() {
    bool last = false;
    {
      const std::lock_guard lock(mutex_);
      last = --open_ == 0;
    }
    if (last) changed_.notify_all();
  }

  [[nodiscard]] bool hungry() const noexcept {
    return idle_.load(std::memory_order_relaxed) > waiting_tasks_.load(std::memory_order_relaxed);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::deque<Subtree>> queues_;
  std::int64_t open_ = 0;  // waiting or being worked on
  std::atomic<int> idle_{0}, waiting_tasks_{0};
};

class Desk final : public Exchange {
 public:
  Desk(Board& board, int worker) noexcept : board_(&board), worker_(worker) {}
  [[nodiscard]] bool hungry() const noexcept override { return board_->hungry(); }
  void give(Subtree&& subtree) override { board_->put(worker_, std::move(subtree)); }

 private:
  Board* board_;
  int worker_;
};

Tally tally_root(const Space& space, std::uint32_t item) {
  Tally tally;
  const Occurrences root = space.root_of(item);
  std::int64_t previous = -1;
  for (std::size_t i = 0; i < root.n; ++i) {
    const std::uint32_t row = space.row_of[root.position[i]];
    if (static_cast<std::int64_t>(row) == previous) continue;
    previous = row;
    const bool positive = space.labels.label[row] != 0;
    ++(positive ? tally.pos : tally.neg);
    if (!space.strata.weight.empty()) (positive ? tally.weight_pos : tally.weight_neg) += space.strata.weight[row];
  }
  return tally;
}

void add(MinerStats& sum, const MinerStats& part) {
  sum.nodes += part.nodes;
  sum.scanned_events += part.scanned_events;
  sum.pruned_by_support += part.pruned_by_support;
  sum.pruned_by_pair_table += part.pruned_by_pair_table;
  sum.pruned_by_bound += part.pruned_by_bound;
}

template <class Time>
Status search_in(const Space& space, PatternPool& pool, HaltState& halt, MemoryBudget& budget, int threads,
                 MinerStats& stats) {
  const auto n_items = static_cast<std::size_t>(space.n_items());
  const int n_workers = resolve_threads(threads);
  std::vector<Tally> tallies(n_items);
  std::vector<double> bound(n_items);
  for (std::uint32_t item = 0; item < n_items; ++item) {
    tallies[item] = tally_root(space, item);
    bound[item] = space.scorer.bound(tallies[item]);
    if (tallies[item].matched() < space.scorer.min_support()) continue;
    const Score score = space.scorer.score(tallies[item]);
    if (!space.scorer.allows(score.raises)) continue;
    pool.offer({&item, 1}, space.full_gap, -1, space.full_gap, -1, 0, tallies[item], score);
    if (halt.poll()) return {};
  }
  std::vector<std::uint32_t> order(n_items);
  std::iota(order.begin(), order.end(), std::uint32_t{0});
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return bound[a] != bound[b] ? bound[a] > bound[b] : a < b;
  });

  PairTable pairs;
  pairs.follows.resize(n_items);
  pairs.best.assign(n_items, -std::numeric_limits<double>::infinity());
  std::vector<std::unique_ptr<Expander<Time>>> workers(static_cast<std::size_t>(n_workers));
  const auto expander = [&](int worker) -> Expander<Time>& {
    auto& mine = workers[static_cast<std::size_t>(worker)];
    if (mine == nullptr) mine = std::make_unique<Expander<Time>>(space, pool, pairs, halt, budget);
    return *mine;
  };
  const StopToken never;  // `halt` has the caller's token
  if (space.max_length > 1) {
    Status status = parallel_for(static_cast<std::int64_t>(n_items), n_workers, never,
                                 [&](std::int64_t unit, int worker) -> Status {
      const std::uint32_t item = order[static_cast<std::size_t>(unit)];
      auto& follows = pairs.follows[item];
      expander(worker).count_pairs(item, tallies[item], follows);
      for (const PairTable::Entry& entry : follows) {
        pairs.best[item] = std::max(pairs.best[item], space.scorer.bound(entry.tally));
      }
      return {};
    });
    if (!status.ok()) return status;
  }

  Board board(n_workers);
  // A worker takes its newest task first, so the most promising prefixes go in last.
  for (std::size_t i = n_items; i-- > 0;) {
    if (bound[order[i]] < pool.threshold()) continue;
    Subtree root;
    root.path.assign(1, order[i]);
    root.tally = tallies[order[i]];
    board.put(static_cast<int>(i % static_cast<std::size_t>(n_workers)), std::move(root));
  }
  Status status = parallel_for(n_workers, n_workers, never, [&](std::int64_t, int worker) -> Status {
    Desk desk(board, worker);
    Subtree subtree;
    while (board.take(worker, subtree)) {
      // Whatever happens to this subtree, the others wait for it to be counted as done.
      const struct Done {
        Board& board;
        ~Done() { board.done(); }
      } done{board};
      Exchange* exchange = n_workers > 1 ? &desk : nullptr;
      try {
        if (subtree.position.empty()) {
          expander(worker).grow_root(subtree.path[0], subtree.tally, exchange);
        } else {
          expander(worker).grow(subtree, exchange);
        }
      } catch (...) {
        halt.fail();
        throw;
      }
      budget.give(subtree.charged);
      subtree = {};
    }
    return {};
  });
  for (const auto& worker : workers) {
    if (worker != nullptr) add(stats, worker->stats());
  }
  return status;
}

}  // namespace

Status search(const Space& space, PatternPool& pool, HaltState& halt, MemoryBudget& budget, int threads,
              MinerStats& stats) {
  ++stats.searches;
  return space.database->narrow() ? search_in<std::uint32_t>(space, pool, halt, budget, threads, stats)
                                  : search_in<std::uint64_t>(space, pool, halt, budget, threads, stats);
}

}  // namespace seqmine::labelled
