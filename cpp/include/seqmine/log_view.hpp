// Non-owning views on the columns of an event log. Everything after ingest reads through these.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine {

/// Event type codes, stored as narrow as the dictionary allows: uint16 up to 65,536 types, else uint32.
class CodeView {
 public:
  CodeView() = default;
  explicit CodeView(const std::uint16_t* data) noexcept : narrow_(data) {}
  explicit CodeView(const std::uint32_t* data) noexcept : wide_(data) {}
  [[nodiscard]] std::uint32_t operator[](std::int64_t i) const noexcept {
    return narrow_ != nullptr ? narrow_[i] : wide_[i];
  }
  [[nodiscard]] const std::uint16_t* narrow() const noexcept { return narrow_; }
  [[nodiscard]] const std::uint32_t* wide() const noexcept { return wide_; }

 private:
  const std::uint16_t* narrow_ = nullptr;
  const std::uint32_t* wide_ = nullptr;
};

/// One attribute column: either dictionary codes (int32, -1 = null) or numbers (double, NaN = null).
struct AttributeView {
  const std::int32_t* codes = nullptr;
  std::int64_t n_categories = 0;  // codes are below it
  const double* numbers = nullptr;
};

/// UTC offsets of one time zone: offset[i] (microseconds) holds from transition[i] (UTC microseconds,
/// inclusive) up to transition[i + 1]; before transition[0], offset[0] holds too. Empty means UTC.
struct ZoneView {
  std::span<const std::int64_t> transition;
  std::span<const std::int64_t> offset;
};

/// Rows are ordered by (entity, time, code, value, attributes); entity ids and type codes are numbered in the
/// byte order of their names. `time` is UTC microseconds; INT64_MIN never occurs.
struct LogView {
  std::int64_t n_entities = 0;
  std::int64_t n_events = 0;
  std::int64_t n_types = 0;
  const std::int64_t* entity_offsets = nullptr;  // n_entities + 1
  const std::int64_t* time = nullptr;            // n_events
  CodeView code;                                 // n_events
  const double* value = nullptr;                 // n_events, NaN = null; or nullptr
  std::vector<AttributeView> attributes;
  const std::int64_t* start = nullptr;  // declared start per entity (INT64_MIN = none declared); or nullptr
  ZoneView zone;
};

/// Which part of which entity's life is looked at: row i sees the events of entity[i] with
/// lo[i] <= time <= last[i] (both inclusive), and nothing else. entity[i] = -1: an entity without events.
/// Types with excluded[code] != 0 are invisible to every operator (empty span: none excluded).
struct RowsView {
  std::int64_t n_rows = 0;
  const std::int64_t* entity = nullptr;
  const std::int64_t* lo = nullptr;    // or nullptr: rows see their entities from the first event on
  const std::int64_t* last = nullptr;  // or nullptr: up to the last event, and they are observed until `until`
  std::span<const std::uint8_t> excluded;  // n_types or empty
  std::int64_t until = std::numeric_limits<std::int64_t>::max();
  /// Up to when a row is observed.
  [[nodiscard]] std::int64_t end(std::int64_t row) const noexcept { return last != nullptr ? last[row] : until; }
};

/// Whether the columns keep what the comments above promise, so that nothing reads outside of them: offsets rise from 0
/// to n_events, times rise within an entity, codes are below n_types or n_categories. One pass over all columns but
/// value. Errors: invalid_argument, which names the first event or entity that breaks a promise; cancelled.
[[nodiscard]] Status check(const LogView& log, int threads, const StopToken& stop);

/// Whether every row is of an entity of the log and `excluded` fits. Errors: invalid_argument.
[[nodiscard]] Status check(const LogView& log, const RowsView& rows);

/// Positions [begin, end) of the events that a row may see, excluded types among them. O(log events of the entity).
[[nodiscard]] std::pair<std::int64_t, std::int64_t> visible_events(const LogView& log, const RowsView& rows,
                                                                    std::int64_t row) noexcept;

/// One flag per event: whether some row sees it. O(rows x log events of an entity + events).
[[nodiscard]] std::vector<std::uint8_t> seen_events(const LogView& log, const RowsView& rows);

/// later - earlier, for any two times with earlier <= later.
[[nodiscard]] inline std::uint64_t distance(std::int64_t later, std::int64_t earlier) noexcept {
  return static_cast<std::uint64_t>(later) - static_cast<std::uint64_t>(earlier);
}

}  // namespace seqmine
