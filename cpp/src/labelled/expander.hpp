// One worker of the search: counts the extensions of a prefix in one scan, and descends into them.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "labelled/interval_tables.hpp"
#include "labelled/pattern_pool.hpp"
#include "labelled/space.hpp"
#include "search/halt.hpp"
#include "search/memory.hpp"
#include "search/work_board.hpp"

namespace seqmine::labelled {

/// Which item follows which within the gap limits, by number of rows: what the first two levels know. It bounds
/// a later step through its last item alone; "A..C is rare" says nothing of A..B..C under a maximum gap.
struct PairTable {
  struct Entry {
    std::uint32_t next;
    std::uint32_t n_entries;  // with a table: occurrences of the pair
    Tally tally;
  };
  std::vector<std::vector<Entry>> follows;  // by item, ascending in next
  std::vector<double> best;                 // by item: the largest bound among its entries, -infinity without any
};

/// A prefix that may be grown, with its own copy of the occurrences; a unit of work stealing.
struct Subtree {
  std::vector<std::uint32_t> path;
  Tally tally;
  std::vector<std::uint32_t> position;
  std::vector<std::uint64_t> start;
  std::int64_t charged = 0;  // bytes taken from the budget
};

/// Where a worker leaves subtrees for idle ones.
struct Exchange {
  search::WorkBoard<Subtree>& board;
  int worker;
};

/// Not thread-safe; one per worker. Time is the type of the database's ticks.
template <class Time>
class Expander {
 public:
  Expander(const Space& space, PatternPool& pool, const PairTable& pairs, search::HaltState& halt,
           search::MemoryBudget& budget);

  /// Counts what follows `item` and offers the pairs; the pairs worth growing go to `follows`.
  void count_pairs(std::uint32_t item, const Tally& tally, std::vector<PairTable::Entry>& follows);

  /// Offers and grows everything below a prefix of one item, whose pairs have been counted before.
  void grow_root(std::uint32_t item, const Tally& tally, const Exchange& exchange);
  void grow(Subtree& subtree, const Exchange& exchange);

  [[nodiscard]] const MinerStats& stats() const noexcept { return stats_; }

 private:
  struct Seen {
    std::uint32_t row;      // stamp of the row in which the item was seen last
    std::uint32_t allowed;  // stamp of the node that admits it
  };
  struct Child {
    std::uint32_t item;
    Tally tally;
    double bound;
    std::size_t begin, n;  // in the node's block
  };

  void descend(const Occurrences& occurrences, const Tally& tally, bool offered, const Exchange& exchange);
  /// How many of these children, from the first, have few enough entries for one scan.
  [[nodiscard]] std::size_t group_of(std::span<const Child> children) const noexcept;
  /// Grows these children. `kept`: their entries, and perhaps others, are in kept_ already.
  void grow_children(const Occurrences& occurrences, std::span<Child> children, bool kept, const Exchange& exchange);
  void try_absences(const Occurrences& occurrences, const Tally& tally);
  void count_absences(const Occurrences& occurrences, const AbsenceWindow& window);
  /// Marks the items that may follow the last one. False when none can.
  bool admit(const Tally& tally, std::size_t n_occurrences);
  /// False when halted or out of memory: the counts are then incomplete and must be dropped. With `keep` the entries
  /// are counted and, where they are few enough (kept_whole_), kept for `distribute`.
  bool scan(const Occurrences& occurrences, bool keep);
  template <bool Span, bool Learn>
  bool scan_rows(const Occurrences& occurrences, bool keep, std::size_t most_kept);
  /// With a table: counts the admitted items, or all of them, without a branch.
  bool count_windows(const Occurrences& occurrences);
  template <search::Keep keep, bool weighted>
  bool count_windows_as(const Occurrences& occurrences);
  bool make_room(std::size_t n, bool keep);
  void see(std::size_t at, std::uint32_t row, bool count_entries, bool keep);
  [[nodiscard]] Tally tally_of(std::uint32_t item) const noexcept;
  /// Turns the counts of the scan into children that support, bound and direction leave, offers their patterns
  /// when `offer`, and resets the counts.
  void harvest(bool offer);
  void consider(std::uint32_t item, const Tally& tally, std::uint32_t n_entries, bool offer);
  /// The children of an item of its own, which count_pairs has counted.
  void recall(std::uint32_t item);
  void learn_intervals();
  void offer_interval(const Child& child, IntervalSearch& intervals);
  /// Adds the masks so far to tables of their items. False when halted or out of memory.
  bool add_up();
  void forget();
  /// Keeps the entries of these children alone, in a scan of its own. False when halted or out of memory.
  [[nodiscard]] bool scan_again(const Occurrences& occurrences, std::span<const Child> children);
  /// Gives each of these children its own run of the entries. False when the budget is used up.
  [[nodiscard]] bool distribute(const Occurrences& occurrences, std::span<Child> children, std::uint32_t*& positions,
                                std::uint64_t*& starts);
  [[nodiscard]] bool distribute_windows(const Occurrences& occurrences, std::span<Child> children,
                                        std::uint32_t*& positions);
  void new_node();
  void next_row();
  bool tick(std::int64_t steps);

  const Space& space_;
  PatternPool& pool_;
  const PairTable& pairs_;
  search::HaltState& halt_;
  search::MemoryBudget& budget_;
  const Time* time_;
  const std::uint32_t* item_;
  GapInterval full_;

  std::vector<std::uint32_t> path_;
  search::Arena arena_;
  search::Scratch<std::uint32_t> kept_;
  search::Scratch<std::uint64_t> kept_start_;
  bool kept_whole_ = false;
  search::Scratch<MaskRecord> masks_;
  search::Scratch<MaskRecord> sorted_masks_;
  IntervalSearch intervals_;
  IntervalTables partial_;  // what add_up has seen of this node
  /// With a table: what an item's scan writes, in one cache line; cleared before a scan where it will be read.
  struct Cell {
    std::uint64_t count;  // rows: negative in the low half, positive in the high one
    std::uint32_t row, n_entries;
  };
  std::vector<Cell> cells_;
  std::vector<search::Target> targets_;
  std::vector<std::uint32_t> admitted_;  // ascending
  bool all_admitted_ = true;
  std::vector<Seen> seen_;
  std::vector<std::uint64_t> count_;           // rows by item: negative in the low half, positive in the high one
  std::vector<std::int64_t> weight_[2];        // stratum weights by item, by label
  std::vector<std::uint32_t> occurrence_count_;  // entries by item
  std::vector<std::uint64_t> mask_;            // bins by item in this row
  std::vector<std::size_t> slot_;              // by item: where its next entry goes; only during distribution
  static constexpr std::size_t no_slot = std::numeric_limits<std::size_t>::max();
  static constexpr double none = -std::numeric_limits<double>::infinity();  // the bound of what nothing can follow
  std::vector<std::uint32_t> touched_, touched_in_row_;
  std::vector<Child> children_;
  std::vector<std::uint64_t> full_count_;      // absences: rows in which every window has the item
  std::vector<std::uint32_t> covered_;
  std::uint32_t row_stamp_ = 0, node_stamp_ = 0;
  std::uint32_t allowed_mask_ = 0, allowed_value_ = 0;
  std::int64_t until_poll_;
  MinerStats stats_;
};

extern template class Expander<std::uint32_t>;
extern template class Expander<std::uint64_t>;

}  // namespace seqmine::labelled
