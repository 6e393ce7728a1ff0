// Labels permuted many times, all permutations counted at once, and Westfall-Young's maxima of a family of patterns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "seqmine/database.hpp"
#include "seqmine/log_view.hpp"
#include "seqmine/pattern.hpp"
#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine {

/// What is permuted, row-aligned. `label` is 0 or 1. `stratum` is empty (one stratum) or numbers the strata of the rows
/// from 0. `unit` is empty (every row is its own unit) or says which unit a row belongs to, in any numbers: the rows of
/// one unit, next to each other or not, are dependent and keep their labels together.
struct ExchangeableLabels {
  std::span<const std::uint8_t> label;
  std::span<const std::int32_t> stratum;
  std::int32_t n_strata = 0;
  std::span<const std::int64_t> unit;
};

/// How the labels are counted. Every kernel gives the same counts; `best` is the fastest that this machine has.
enum class CountKernel : std::uint8_t { best, scalar, avx2, avx512 };
[[nodiscard]] bool kernel_available(CountKernel kernel) noexcept;

/// Row-major bits: bit j of a row's words is the row's label under permutation j, bit 0 the label as observed.
///
/// Units are exchangeable when their rows, in order, lie in the same sequence of strata; within each group of such units
/// the label vectors of whole units are permuted. So every permutation keeps the number of positive rows of every
/// stratum. Permutation j of a group is a function of (seed, group, j) alone: neither the number of threads nor that of
/// permutations changes it. Groups are numbered as their sequences of strata come up in the order of the rows.
class PermutedLabels {
 public:
  /// 64 bytes: what all kernels count at once, and what a cache moves.
  struct alignas(64) Block {
    std::uint64_t word[8];
  };

  PermutedLabels() = default;

  [[nodiscard]] std::int64_t n_rows() const noexcept { return n_rows_; }
  [[nodiscard]] std::int64_t n_permutations() const noexcept { return n_permutations_; }  // the observed one not counted
  /// Words of a row: at least (n_permutations + 1) / 64, a multiple of 8. Bits beyond the last permutation are 0.
  [[nodiscard]] std::size_t n_words() const noexcept { return 8 * n_blocks_; }
  [[nodiscard]] std::size_t n_counters() const noexcept { return 512 * n_blocks_; }
  [[nodiscard]] const std::uint64_t* row(std::int64_t row) const noexcept {
    return blocks_[static_cast<std::size_t>(row) * n_blocks_].word;
  }
  [[nodiscard]] std::int64_t bytes() const noexcept {
    return n_rows_ * static_cast<std::int64_t>(n_blocks_ * sizeof(Block));
  }

  /// counts[j] = how many of `rows` (in range; may repeat) have label 1 under permutation j, for all n_counters() of
  /// them. O(rows x words); does not allocate. `kernel` must be available.
  void count(std::span<const std::uint32_t> rows, std::uint32_t* counts,
             CountKernel kernel = CountKernel::best) const noexcept;

 private:
  friend Result<PermutedLabels> permute_labels(const ExchangeableLabels&, std::int64_t, std::uint64_t, int, std::int64_t,
                                               const StopToken&);
  std::unique_ptr<Block[]> blocks_;
  std::size_t n_blocks_ = 0;
  std::int64_t n_rows_ = 0, n_permutations_ = 0;
};

/// O(permutations x units that are not of their group's most frequent label vector), at some nanoseconds each, and
/// O(rows x words) to write. Errors: invalid_argument (sizes, a stratum out of range, not 1 to 65,535 permutations),
/// out_of_range (2^31 rows), out_of_memory (more than `max_memory` bytes, 0: no limit, before they are allocated),
/// cancelled. Polls `stop` at least every tuning::poll_steps draws.
[[nodiscard]] Result<PermutedLabels> permute_labels(const ExchangeableLabels& labels, std::int64_t n_permutations,
                                                    std::uint64_t seed, int threads, std::int64_t max_memory,
                                                    const StopToken& stop);

/// The family: every pattern of 1 to max_length of the given items, each step later than the one before by a gap in
/// [min_gap, max_gap), the whole shorter than max_span, that at least min_support rows have.
struct FamilyOptions {
  std::int64_t n_permutations = 1'023;
  std::uint64_t seed = 0;
  std::int32_t max_length = 3;
  std::uint64_t min_gap = 1;           // microseconds, >= 1
  std::uint64_t max_gap = unbounded;   // exclusive
  std::uint64_t max_span = unbounded;  // exclusive
  std::int64_t min_support = 100;      // rows
  int threads = 0;
  std::int64_t max_work = 0;    // rows matched, summed over the patterns; 0: no limit
  double max_seconds = 0.0;     // 0: no limit
  std::int64_t max_memory = 0;  // bytes; 0: no limit
  CountKernel kernel = CountKernel::best;
  std::size_t most_distributed = 0;  // see tuning::least_distributed; 0: chosen. Never changes the answer
};

/// Statistic of a pattern with m_s of the n_s rows of stratum s, of which P_s are positive and N_s negative, and a_j
/// positive rows under permutation j: |a_j - E| / sqrt(V), E = sum m_s P_s / n_s,
/// V = sum m_s (n_s - m_s) P_s N_s / (n_s^2 (n_s - 1)); only patterns with V >= 3 are tested, for below the
/// distribution has too few values to be judged by its first two moments.
struct FamilyMaxima {
  double observed = std::numeric_limits<double>::quiet_NaN();  // the largest statistic under the labels as given
  std::vector<double> maxima;    // the same under each permutation; 0 where no pattern is tested
  std::int64_t n_patterns = 0;   // looked at
  std::int64_t n_tested = 0;     // of these, with V >= 3
  std::int64_t work = 0;         // rows matched, summed over the patterns looked at
  bool complete = true;
  std::string_view truncated_by; // "work" or "seconds" when not complete
  double build_seconds = 0.0, permute_seconds = 0.0, search_seconds = 0.0;
};

/// Enumerates the family once and counts every pattern under all permutations. A subtree is left out when none of its
/// patterns can have V >= 3; nothing else is cut, so the maxima are those of the whole family, and everything but the
/// seconds is the same for any number of threads. A search that ends early (max_work: whenever the family needs more;
/// max_seconds) has no maxima, for those of a part say nothing: `observed` is NaN, `maxima` is empty and the counts are 0.
///
/// `items` are in byte order of their texts. Errors: invalid_argument (options, sizes, one class of labels only),
/// out_of_range (2^31 rows, 2^32 entries), out_of_memory (max_memory, or the system has no more), cancelled. `stop` is
/// polled every tuning::poll_steps inner steps.
/// P. H. Westfall and S. S. Young, Resampling-Based Multiple Testing, 1993; all permutations in one enumeration as in
/// F. Llinares-Lopez et al., Fast and memory-efficient significant pattern mining via permutation testing, KDD 2015.
[[nodiscard]] Result<FamilyMaxima> westfall_young(const LogView& log, const RowsView& rows,
                                                  const ExchangeableLabels& labels, const std::vector<Item>& items,
                                                  const FamilyOptions& options, const StopToken& stop);

}  // namespace seqmine
