// Measures, their optimistic bounds, and the integer weights of strata.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "seqmine/miner.hpp"

namespace seqmine::labelled {

/// Rows of a pattern by label; with strata also their weights, in units of 1 / Strata::scale: a positive row
/// weighs N_s / n_s, a negative one P_s / n_s, so that a - E = weight_pos - weight_neg.
struct Tally {
  std::int64_t pos = 0, neg = 0;
  std::int64_t weight_pos = 0, weight_neg = 0;
  [[nodiscard]] std::int64_t matched() const noexcept { return pos + neg; }
};

/// Integer weights per row. The scale is the least common multiple of the stratum sizes where the sums fit 62
/// bits, and then every score is exact; otherwise a power of two, with an error of at most m / scale. Weights that are
/// given are taken as they are.
struct Strata {
  std::vector<std::int64_t> weight;  // row-aligned; empty: one stratum
  std::int64_t scale = 0;
};
[[nodiscard]] Strata weigh_strata(const MinerLabels& labels);

struct Score {
  double value = 0.0;
  bool raises = true;
};

/// A pure function of counts: safe to share between threads, does not allocate.
class Scorer {
 public:
  Scorer(const MinerOptions& options, std::int64_t n_rows, std::int64_t n_positive, std::int64_t strata_scale);

  [[nodiscard]] Score score(const Tally& tally) const noexcept;

  /// Positive rows to be expected among the matched ones if the pattern said nothing: inside each stratum its base rate.
  [[nodiscard]] double expected(const Tally& tally) const noexcept;
  [[nodiscard]] bool allows(bool raises) const noexcept {
    return direction_ == Direction::both || (direction_ == Direction::raises) == raises;
  }

  /// No pattern that matches a subset of these rows, at least min_support of them, scores higher
  /// (Morishita & Sese 2000; the vertices are moved in to where min_support allows). -infinity: none can be
  /// reported at all. Never below the score of any such pattern as computed by `score`.
  [[nodiscard]] double bound(const Tally& tally) const noexcept;
  [[nodiscard]] std::int64_t min_support() const noexcept { return min_support_; }

 private:
  [[nodiscard]] double measure(std::int64_t matched, std::int64_t hits, std::int64_t total_hits) const noexcept;
  [[nodiscard]] double vertex(std::int64_t hits, std::int64_t total_hits) const noexcept;

  Measure measure_;
  Direction direction_;
  std::int64_t n_, n_positive_, min_support_;
  std::int64_t scale_;  // 0: no strata
};

}  // namespace seqmine::labelled
