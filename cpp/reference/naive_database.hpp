// An obviously correct twin of build_database: sets and 128-bit integers, one pass, no sharing of code.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "seqmine/database.hpp"

namespace seqmine::reference {

/// The columns of a small log, owned, with the views that the core takes.
struct OwnedLog {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int64_t> time;
  std::vector<std::uint16_t> code;
  std::vector<double> value;
  std::int64_t n_types = 0;
  [[nodiscard]] LogView view() const;
};

struct OwnedRows {
  std::vector<std::int64_t> entity, lo, last;
  std::vector<std::uint8_t> excluded;
  [[nodiscard]] RowsView view() const;
};

/// A log of random rows; times are drawn from a few values of `times`, so that ties are common.
[[nodiscard]] OwnedLog random_log(std::mt19937_64& rng, std::int64_t n_entities, std::int64_t n_types,
                                  std::int64_t max_events, const std::vector<std::int64_t>& times);

/// Every entity seen whole.
[[nodiscard]] OwnedRows whole_rows(const OwnedLog& log);

/// One item per event type, named a, b, c...
[[nodiscard]] std::vector<Item> plain_items(std::int64_t n_types);

/// Row-major (tick, item) lists, with the rest of what the core promises.
struct NaiveDatabase {
  std::vector<std::vector<std::pair<unsigned __int128, std::uint32_t>>> rows;
  unsigned __int128 unit = 1;
  std::vector<std::int32_t> source;
  std::vector<std::int64_t> support;
  std::vector<unsigned __int128> last_tick;
};
[[nodiscard]] NaiveDatabase naive_database(const LogView& log, const RowsView& rows, const std::vector<Item>& items,
                                           std::int64_t min_support);

}  // namespace seqmine::reference
