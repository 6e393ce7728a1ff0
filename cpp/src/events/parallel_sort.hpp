// In-place quicksort on many threads, interruptible.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "seqmine/parallel.hpp"
#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine::detail {

/// Sorts [data, data + n). Not stable. Splits around pivots, level by level, until the parts are small enough to be
/// sorted between two looks at `stop`; the parts of one level run on up to `threads` threads. Needs no memory to
/// speak of, which is why it is not a merge sort: it must also sort one entity that is the whole log.
template <class T, class Less>
Status parallel_sort(T* data, std::int64_t n, int threads, const StopToken& stop, const Less& less) {
  if (n <= tuning::sort_leaf_rows) {
    std::sort(data, data + n, less);
    return {};
  }
  struct Range {
    T* begin;
    T* end;
  };
  std::vector<Range> leaves;
  std::vector<Range> level{{data, data + n}};
  // A level that splits badly again and again ends in std::sort, which has its own guard against quadratic time.
  for (int depth = 0; !level.empty() && depth < 64; ++depth) {
    std::vector<Range> left(level.size());
    std::vector<Range> right(level.size());
    Status status = parallel_for(
        static_cast<std::int64_t>(level.size()), threads, stop, [&](std::int64_t unit, int) -> Status {
          const auto u = static_cast<std::size_t>(unit);
          const Range range = level[u];
          constexpr std::int64_t n_samples = 31;
          T samples[n_samples];
          const std::int64_t step = (range.end - range.begin) / n_samples;
          for (std::int64_t k = 0; k < n_samples; ++k) samples[k] = range.begin[k * step + step / 2];
          std::sort(samples, samples + n_samples, less);
          const T pivot = samples[n_samples / 2];
          // What equals the pivot is in its place already: a range of equal items takes one pass, not 64.
          T* const lower = std::partition(range.begin, range.end, [&](const T& item) { return less(item, pivot); });
          T* const upper = std::partition(lower, range.end, [&](const T& item) { return !less(pivot, item); });
          left[u] = {range.begin, lower};
          right[u] = {upper, range.end};
          return {};
        });
    if (!status.ok()) return status;
    level.clear();
    for (const std::vector<Range>* side : {&left, &right}) {
      for (const Range& range : *side) {
        if (range.end - range.begin > tuning::sort_leaf_rows) {
          level.push_back(range);
        } else if (range.end - range.begin > 1) {
          leaves.push_back(range);
        }
      }
    }
  }
  leaves.insert(leaves.end(), level.begin(), level.end());
  return parallel_for(static_cast<std::int64_t>(leaves.size()), threads, stop, [&](std::int64_t unit, int) -> Status {
    const Range range = leaves[static_cast<std::size_t>(unit)];
    std::sort(range.begin, range.end, less);
    return {};
  });
}

}  // namespace seqmine::detail
