// Frequent sequences: every timed pattern of event types that enough rows have, with its support.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "seqmine/database.hpp"
#include "seqmine/pattern.hpp"
#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine {

/// A pattern is a sequence of items, each step strictly later than the one before by a gap in
/// [min_gap, max_gap) microseconds, and the whole shorter than max_span. Zero in `max_*` below: no such limit.
struct FrequentOptions {
  std::int64_t min_support = 1;      // rows
  std::int64_t max_length = 0;       // steps
  std::uint64_t min_gap = 1;         // >= 1
  std::uint64_t max_gap = unbounded;
  std::uint64_t max_span = unbounded;
  bool closed = false;               // drop patterns with a super-sequence of the same support in the result
  int threads = 0;
  double max_seconds = 0.0;          // budgets: whole subtrees are cut, so every support given is exact
  std::int64_t max_memory = 0;       // bytes that the search may hold, the database not counted
  std::int64_t max_patterns = 0;     // keeps the most frequent ones, whatever the number of threads
};

struct FrequentStats {
  std::int64_t n_rows = 0;
  std::int64_t n_scanned = 0;   // events looked at while the database was built
  std::int64_t n_entries = 0;   // of the database
  std::int64_t n_items = 0;     // frequent ones
  std::int64_t n_nodes = 0;     // patterns whose extensions were counted
  std::int64_t n_frequent = 0;  // found, before `closed` and `max_patterns`
};

/// Patterns as a prefix tree in depth-first order, children by item: a pattern is the path from its root. For
/// equal lengths that order is the byte order of the patterns' texts. `order` lists the patterns of the result:
/// support descending, then length, then text.
struct FrequentPatterns {
  static constexpr std::uint32_t no_parent = 0xFFFF'FFFF;
  std::vector<std::uint32_t> item;     // dense item of the last step
  std::vector<std::uint32_t> support;  // rows
  std::vector<std::uint32_t> length;
  std::vector<std::uint32_t> parent;   // index, or no_parent
  std::vector<std::uint32_t> order;
  std::vector<std::int32_t> source;    // dense item -> index into the given items
  bool complete = true;
  const char* truncated_by = "";       // "seconds", "memory" or "patterns" when not complete
  FrequentStats stats;
};

/// Same result for any number of threads, save where `max_seconds` or `max_memory` cut. O(output + scans) time;
/// lists of the search live in per-thread arenas. Polls `stop` every tuning::poll_steps entries.
[[nodiscard]] Result<FrequentPatterns> mine_frequent(const Database& database, const FrequentOptions& options,
                                                     const StopToken& stop);

/// Builds the database of all rows and mines it; the budget of seconds covers both.
/// `types`: the event types that a step may be, in the byte order of their texts in patterns.
[[nodiscard]] Result<FrequentPatterns> mine_frequent(const LogView& log, const RowsView& rows,
                                                     std::span<const std::uint32_t> types,
                                                     const FrequentOptions& options, const StopToken& stop);

/// The texts of order[begin, end), one after the other; text i is bytes[offsets[i], offsets[i + 1]).
struct PatternTexts {
  std::vector<std::int64_t> offsets;
  std::string bytes;
};

/// `names`: canonical text of the given items. Steps are joined by the options' gap, written as in the pattern
/// language, and followed by the span. O(bytes written).
[[nodiscard]] PatternTexts pattern_texts(const FrequentPatterns& patterns, std::span<const std::string> names,
                                         const FrequentOptions& options, std::int64_t begin, std::int64_t end);

}  // namespace seqmine
