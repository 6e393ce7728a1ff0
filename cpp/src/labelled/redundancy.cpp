#include "labelled/redundancy.hpp"

#include <algorithm>
#include <bit>

namespace seqmine::labelled {

std::size_t KeptRows::intersection(const Set& a, const Set& b) {
  std::size_t both = 0;
  if (!a.bits.empty() && !b.bits.empty()) {
    for (std::size_t word = 0; word < a.bits.size(); ++word) {
      both += static_cast<std::size_t>(std::popcount(a.bits[word] & b.bits[word]));
    }
    return both;
  }
  if (a.bits.empty() && b.bits.empty()) {
    for (std::size_t i = 0, k = 0; i < a.rows.size() && k < b.rows.size();) {
      if (a.rows[i] == b.rows[k]) {
        ++both, ++i, ++k;
      } else if (a.rows[i] < b.rows[k]) {
        ++i;
      } else {
        ++k;
      }
    }
    return both;
  }
  const Set& list = a.bits.empty() ? a : b;
  const Set& dense = a.bits.empty() ? b : a;
  for (const std::uint32_t row : list.rows) both += dense.bits[row / 64] >> (row % 64) & 1;
  return both;
}

KeptRows::Verdict KeptRows::admit(std::vector<std::uint32_t> rows) {
  Set set;
  set.n = rows.size();
  if (static_cast<std::int64_t>(set.n) * 32 >= n_rows_) {
    set.bits.assign(static_cast<std::size_t>(n_rows_ + 63) / 64, 0);
    for (const std::uint32_t row : rows) set.bits[row / 64] |= std::uint64_t{1} << (row % 64);
  } else {
    set.rows = std::move(rows);
    set.rows.shrink_to_fit();
  }
  for (const Set& kept : kept_) {
    // The index is at most the ratio of the sizes.
    const auto less = static_cast<double>(std::min(kept.n, set.n)), more = static_cast<double>(std::max(kept.n, set.n));
    if (less / more <= limit_) continue;
    const std::size_t both = intersection(set, kept);
    if (static_cast<double>(both) / static_cast<double>(set.n + kept.n - both) > limit_) return Verdict::redundant;
  }
  const auto bytes = static_cast<std::int64_t>(sizeof(Set) + set.bits.size() * 8 + set.rows.capacity() * 4);
  if (!budget_.take(bytes)) return Verdict::no_memory;
  charged_ += bytes;
  kept_.push_back(std::move(set));
  return Verdict::fresh;
}

}  // namespace seqmine::labelled
