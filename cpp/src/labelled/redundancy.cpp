#include "labelled/redundancy.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace seqmine::labelled {

namespace {

/// A list takes 32 bits for each of its rows, a set of bits one for each row that there is.
bool dense(std::int64_t n, std::int64_t n_rows) noexcept { return n * 32 >= n_rows; }

}  // namespace

RowSet::RowSet(const std::vector<std::uint32_t>& ascending, std::int64_t n_rows) : n(ascending.size()) {
  if (!dense(static_cast<std::int64_t>(n), n_rows)) {
    rows = ascending;
    return;
  }
  bits.assign(static_cast<std::size_t>(n_rows + 63) / 64, 0);
  for (const std::uint32_t row : ascending) bits[row / 64] |= std::uint64_t{1} << (row % 64);
}

std::int64_t RowSet::bytes() const noexcept {
  return static_cast<std::int64_t>(sizeof(RowSet) + bits.size() * 8 + rows.size() * 4);
}

std::int64_t bytes_of_row_set(std::int64_t n, std::int64_t n_rows) noexcept {
  return static_cast<std::int64_t>(sizeof(RowSet)) + (dense(n, n_rows) ? (n_rows + 63) / 64 * 8 : n * 4);
}

/// Whether the Jaccard index is above the limit. Most pairs differ much and are left after a few rows: the index can
/// only be above it while the rows of `a` that `b` lacks are few.
bool KeptRows::alike(const RowSet& a, const RowSet& b) const {
  const auto sum = static_cast<double>(a.n + b.n);
  // both / (sum - both) > limit needs both > limit / (1 + limit) sum; one less, for the rounding of this line.
  const auto needed = static_cast<std::size_t>(std::max(0.0, std::floor(limit_ / (1.0 + limit_) * sum) - 1.0));
  if (std::min(a.n, b.n) < needed) return false;
  std::size_t both = 0;
  if (!a.bits.empty() && !b.bits.empty()) {
    constexpr std::size_t block = 16;  // words between two looks
    std::size_t left = a.n - needed;   // rows of `a` that may still be missing
    for (std::size_t word = 0; word < a.bits.size(); word += block) {
      const std::size_t end = std::min(word + block, a.bits.size());
      std::size_t common = 0, lacking = 0;
      for (std::size_t w = word; w < end; ++w) {
        common += static_cast<std::size_t>(std::popcount(a.bits[w] & b.bits[w]));
        lacking += static_cast<std::size_t>(std::popcount(a.bits[w] & ~b.bits[w]));
      }
      if (lacking > left) return false;
      left -= lacking;
      both += common;
    }
  } else if (a.bits.empty() && b.bits.empty()) {
    std::size_t left_a = a.n - needed, left_b = b.n - needed;
    for (std::size_t i = 0, k = 0; i < a.n && k < b.n;) {
      if (a.rows[i] == b.rows[k]) {
        ++both, ++i, ++k;
      } else if (a.rows[i] < b.rows[k]) {
        if (left_a-- == 0) return false;
        ++i;
      } else {
        if (left_b-- == 0) return false;
        ++k;
      }
    }
  } else {
    const RowSet& list = a.bits.empty() ? a : b;
    const RowSet& dense = a.bits.empty() ? b : a;
    std::size_t left = list.n - needed;
    for (const std::uint32_t row : list.rows) {
      if ((dense.bits[row / 64] >> (row % 64) & 1) != 0) {
        ++both;
      } else if (left-- == 0) {
        return false;
      }
    }
  }
  return static_cast<double>(both) / static_cast<double>(a.n + b.n - both) > limit_;
}

KeptRows::Verdict KeptRows::admit(RowSet rows) {
  for (const RowSet& kept : kept_) {
    if (alike(rows, kept)) return Verdict::redundant;
  }
  const std::int64_t bytes = rows.bytes();
  if (!budget_.take(bytes)) return Verdict::no_memory;
  charged_ += bytes;
  kept_.push_back(std::move(rows));
  return Verdict::fresh;
}

}  // namespace seqmine::labelled
