// Rows waiting for the last batch, in chunks that are freed one by one as the log is put in order.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "seqmine/ingest.hpp"

namespace seqmine::detail {

/// Provisional ids while batches come in, ranks afterwards.
struct StagedRow {
  std::uint32_t entity;
  std::uint32_t code;
  std::int64_t time;
};

/// Columns beside the row itself. Wide: order keys of value, then numbers. Narrow: ids of the string attributes, then
/// of the event id.
struct Shape {
  bool has_value = false;
  bool has_event_id = false;
  std::size_t n_strings = 0;
  std::size_t n_numbers = 0;
  [[nodiscard]] std::size_t n_wide() const noexcept { return (has_value ? 1U : 0U) + n_numbers; }
  [[nodiscard]] std::size_t n_narrow() const noexcept { return n_strings + (has_event_id ? 1U : 0U); }
};

/// The rows of one allocation.
struct Chunk {
  Chunk() = default;
  Chunk(std::int64_t capacity, const Shape& shape) : rows(capacity) {
    for (std::size_t c = 0; c < shape.n_wide(); ++c) wide.emplace_back(capacity);
    for (std::size_t c = 0; c < shape.n_narrow(); ++c) narrow.emplace_back(capacity);
  }
  std::int64_t size = 0;
  Column<StagedRow> rows;
  std::vector<Column<std::uint64_t>> wide;
  std::vector<Column<std::uint32_t>> narrow;
};

/// A double as an unsigned number in the order of the log: by value, -0.0 as 0.0, every NaN alike and last.
[[nodiscard]] inline std::uint64_t order_key(double value) noexcept {
  if (std::isnan(value)) return std::numeric_limits<std::uint64_t>::max();
  const auto bits = std::bit_cast<std::uint64_t>(value + 0.0);  // -0.0 + 0.0 is 0.0
  constexpr std::uint64_t sign = 1ULL << 63;
  return (bits & sign) != 0 ? ~bits : bits | sign;
}

[[nodiscard]] inline double from_order_key(std::uint64_t key) noexcept {
  if (key == std::numeric_limits<std::uint64_t>::max()) return std::numeric_limits<double>::quiet_NaN();
  constexpr std::uint64_t sign = 1ULL << 63;
  return std::bit_cast<double>((key & sign) != 0 ? key & ~sign : ~key);
}

}  // namespace seqmine::detail
