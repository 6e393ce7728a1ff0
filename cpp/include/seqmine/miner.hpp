// Top-k search for timed patterns that tell rows with label 1 from rows with label 0.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "seqmine/database.hpp"
#include "seqmine/pattern.hpp"

namespace seqmine {

/// How far a pattern's rows depart from the base rate (STATISTICS A.1). Notation: n rows of which P positive and
/// N negative, m matched rows of which a positive and b negative.
enum class Measure : std::uint8_t {
  leverage,   // a - E; E = mP/n, or the sum of m_s P_s / n_s over strata
  wracc,      // leverage / n
  chi2,       // n (aN - bP)^2 / (m (n-m) P N)
  log_odds,   // log of the odds ratio with 1/2 added to each cell
  info_gain,  // nats
  lift,       // (a/m) / (P/n)
};

/// A pattern raises when a n >= m P (stratified: a >= E), otherwise it lowers and is scored with flipped labels.
enum class Direction : std::uint8_t { both, raises, lowers };

/// Row-aligned. `stratum` is empty or numbers the strata of the rows from 0; only leverage takes strata.
/// Numeric outcomes come as `weight` instead: how far the row's number lies from the mean of its stratum, in units of
/// 1 / scale, with `label` telling on which side. Leverage then is the sum of the signed weights of the matched rows.
struct MinerLabels {
  std::span<const std::uint8_t> label;
  std::span<const std::int32_t> stratum;
  std::int32_t n_strata = 0;
  std::span<const std::int64_t> weight;
  std::int64_t scale = 0;
};

/// A trailing `-> no X within w` to be tried: X is an index into the given items.
struct AbsenceCandidate {
  std::int32_t item = 0;
  std::uint64_t within = 0;  // microseconds, > 0
};

struct MinerOptions {
  std::int32_t max_length = 4;
  std::uint64_t min_gap = 1;          // microseconds; a step is strictly later than the one before
  std::uint64_t max_gap = unbounded;  // exclusive
  std::uint64_t max_span = unbounded;  // exclusive
  bool learn_gaps = false;
  /// Inner edges of the gap bins, ascending, microseconds; those outside (min_gap, max_gap) are ignored. At most
  /// 63 may remain.
  std::vector<std::uint64_t> gap_edges;
  std::int64_t min_support = 100;
  std::int64_t top_k = 100;
  Measure measure = Measure::leverage;
  Direction direction = Direction::both;
  double redundancy = 0.9;  // largest Jaccard index of matched rows with a better pattern; negative: no filter
  std::vector<AbsenceCandidate> absences;
  int threads = 0;
  double max_seconds = 0.0;     // 0: no limit
  std::int64_t max_memory = 0;  // bytes; 0: no limit
  std::size_t most_distributed = 0;  // see least_distributed in tuning.hpp; 0: chosen. Never changes the answer
};

struct MinedStep {
  std::int32_t item = 0;  // index into the given items
  std::uint64_t lo = 1;   // microseconds, half open; meaningless for the first step
  std::uint64_t hi = unbounded;
};

struct MinedPattern {
  std::vector<MinedStep> steps;
  std::int32_t absent_item = -1;  // index into the given items, or -1
  std::uint64_t absent_within = 0;
  std::int64_t n_matched = 0;
  std::int64_t n_positive = 0;
  double expected = 0.0;  // positive rows if the pattern said nothing: the sum over strata of m_s P_s / n_s
  double score = 0.0;
  bool raises = true;
  std::string text;  // canonical
};

struct MinerStats {
  std::int64_t n_items = 0;            // frequent enough to be mined
  std::int64_t n_entries = 0;          // of the database
  std::int64_t events_read = 0;        // to build the database
  std::int64_t nodes = 0;              // patterns whose extensions were counted
  std::int64_t scanned_events = 0;     // entries looked at by those counts
  std::int64_t pruned_by_support = 0;  // extensions
  std::int64_t pruned_by_pair_table = 0;
  std::int64_t pruned_by_bound = 0;
  std::int64_t searches = 0;  // 1, more when the redundancy filter emptied the pool
  double build_seconds = 0.0;
  double search_seconds = 0.0;
  double select_seconds = 0.0;  // refinement of gaps and redundancy
};

struct MinerResult {
  std::vector<MinedPattern> patterns;  // best first: score, then fewer steps, then text
  MinerStats stats;
  bool complete = true;  // false: a budget cut subtrees; every count still covers all rows
};

/// `items` are in byte order of their texts. The patterns are a function of the log, the rows, the labels and the
/// options alone, not of `threads`, unless a budget ran out; the statistics may differ. `stop` is polled every
/// tuning::poll_steps inner steps. Errors: invalid_argument (sizes, one class of labels only, strata with another
/// measure than leverage, strata beside weights), out_of_range (2^31 rows, 2^32 entries), out_of_memory (`max_memory` is below what the
/// database alone takes, or the system has no more), cancelled.
[[nodiscard]] Result<MinerResult> mine(const LogView& log, const RowsView& rows, const MinerLabels& labels,
                                       const std::vector<Item>& items, const MinerOptions& options,
                                       const StopToken& stop);

}  // namespace seqmine
