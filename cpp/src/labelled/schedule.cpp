#include "labelled/schedule.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>

#include "labelled/expander.hpp"
#include "seqmine/parallel.hpp"

namespace seqmine::labelled {

namespace {

Tally tally_root(const Space& space, std::uint32_t item) {
  Tally tally;
  const Occurrences root = space.root_of(item);
  std::int64_t previous = -1;
  for (std::size_t i = 0; i < root.n; ++i) {
    const std::uint32_t row = space.row_of(root.position[i]);
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
Status search_in(const Space& space, PatternPool& pool, search::HaltState& halt, search::MemoryBudget& budget,
                 int threads, MinerStats& stats) {
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
  if (space.max_length > 1) {
    const StopToken never;  // `halt` has the caller's token
    Status status = parallel_for(static_cast<std::int64_t>(n_items), n_workers, never,
                                 [&](std::int64_t unit, int worker) -> Status {
      const std::uint32_t item = order[static_cast<std::size_t>(unit)];
      auto& follows = pairs.follows[item];
      expander(worker).count_pairs(item, tallies[item], follows);
      // An item without its pairs is not grown.
      if (!budget.take(static_cast<std::int64_t>(follows.capacity() * sizeof(PairTable::Entry)))) {
        follows = {};
        halt.cut();
      }
      for (const PairTable::Entry& entry : follows) {
        pairs.best[item] = std::max(pairs.best[item], space.scorer.bound(entry.tally));
      }
      return {};
    });
    if (!status.ok()) return status;
  }

  search::WorkBoard<Subtree> board(n_workers);
  // A worker takes its newest task first, so the most promising prefixes go in last.
  for (std::size_t i = n_items; i-- > 0;) {
    if (bound[order[i]] < pool.threshold()) continue;
    Subtree root;
    root.path.assign(1, order[i]);
    root.tally = tallies[order[i]];
    board.put(static_cast<int>(i % static_cast<std::size_t>(n_workers)), std::move(root));
  }
  Status status = board.run(halt, [&](Subtree& subtree, int worker) {
    const Exchange exchange{board, worker};
    if (subtree.position.empty()) {
      expander(worker).grow_root(subtree.path[0], subtree.tally, exchange);
    } else {
      expander(worker).grow(subtree, exchange);
    }
    budget.give(subtree.charged);
  });
  for (const auto& follows : pairs.follows) {
    budget.give(static_cast<std::int64_t>(follows.capacity() * sizeof(PairTable::Entry)));
  }
  for (const auto& worker : workers) {
    if (worker != nullptr) add(stats, worker->stats());
  }
  return status;
}

}  // namespace

Status search(const Space& space, PatternPool& pool, search::HaltState& halt, search::MemoryBudget& budget,
              int threads, MinerStats& stats) {
  ++stats.searches;
  return space.database->narrow() ? search_in<std::uint32_t>(space, pool, halt, budget, threads, stats)
                                  : search_in<std::uint64_t>(space, pool, halt, budget, threads, stats);
}

}  // namespace seqmine::labelled
