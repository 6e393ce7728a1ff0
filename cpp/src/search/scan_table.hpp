// The database laid out for scanning: for every entry, the range of entries that may be the next step.
#pragma once

#include <cstdint>
#include <vector>

#include "seqmine/database.hpp"
#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine::search {

/// What has to be remembered of a row's matches of a prefix. Without upper limits the earliest one reaches
/// whatever the others reach. With a maximum gap all ends count (a later one may reach what an earlier one does
/// not); with a span each end also has the latest start that a match can have.
enum class Keep : std::uint8_t { earliest, all, spans };

struct Limits {
  std::uint64_t min_gap = 1, max_gap = 0, max_span = 0;  // ticks; unbounded where there is no limit
  [[nodiscard]] Keep keep() const noexcept;
};

/// The options' limits in ticks; limits that no row is long enough to reach become unbounded.
[[nodiscard]] Limits limits_in_ticks(const Database& database, std::uint64_t min_gap, std::uint64_t max_gap,
                                     std::uint64_t max_span);

struct Window {
  std::uint32_t from, to;  // entries [from, to) may follow
  std::uint32_t span;      // as a match's start (Keep::spans): first entry that is too late
  std::uint32_t row;
};

/// The same in half the room, counted from the entry itself and from the row of its block's first entry; for logs in
/// which no row has more than 65,535 entries and no block more than 65,535 rows.
struct NearWindow {
  std::uint16_t from, to, span, row;
};

struct ScanTable {
  const std::uint32_t* item = nullptr;       // per entry, borrowed from the database
  std::vector<NearWindow> near;              // per entry, with
  std::vector<std::uint32_t> block_row;      // by block, the row of its first entry; or
  std::vector<Window> far;                   // per entry, where something is too long for that
  std::vector<std::uint32_t> occurrence;     // entries by item; one per row and item under Keep::earliest
  std::vector<std::size_t> offset;           // by item, into occurrence
  std::uint32_t n_items = 0;
  bool ties = false;                         // some row has two entries at one time
  bool plain = false;                        // no limit but "strictly later"
  [[nodiscard]] bool empty() const noexcept { return near.empty() && far.empty(); }
  [[nodiscard]] Window window(std::uint32_t entry) const noexcept {
    if (near.empty()) return far[entry];
    const NearWindow& window = near[entry];
    return {entry + window.from, entry + window.to, entry + window.span, block_row[entry / block] + window.row};
  }
  [[nodiscard]] std::uint32_t row(std::uint32_t entry) const noexcept {
    return near.empty() ? far[entry].row : block_row[entry / block] + near[entry].row;
  }
  /// First entry that is too late for a match that starts at this one (Keep::spans).
  [[nodiscard]] std::uint32_t span_end(std::uint32_t entry) const noexcept {
    return near.empty() ? far[entry].span : entry + near[entry].span;
  }
  void fetch(std::uint32_t entry) const noexcept {
    if (near.empty()) {
      __builtin_prefetch(far.data() + entry);
    } else {
      __builtin_prefetch(near.data() + entry);
    }
    __builtin_prefetch(item + entry);
  }
  [[nodiscard]] std::int64_t bytes() const noexcept;

  /// Entries of a block: few enough that the blocks' rows stay in the nearest cache.
  static constexpr std::uint32_t block = 4096;
};

/// The windows: two pointers per row, O(entries). `keep` is limits.keep(), or one that remembers more of a row's
/// matches. The database must have fewer than 2^32 - 1 entries and rows.
[[nodiscard]] Result<ScanTable> make_scan_table(const Database& database, const Limits& limits, Keep keep, int threads,
                                                const StopToken& stop);

/// Fills `occurrence` and `offset`. Apart from the windows, so that whoever needs no times any more can drop them
/// before.
void list_occurrences(const Database& database, Keep keep, ScanTable& table);

}  // namespace seqmine::search
