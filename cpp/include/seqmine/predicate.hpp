// A test on one event: its type, and conditions on the same event.
#pragma once

#include <cstdint>
#include <vector>

#include "seqmine/log_view.hpp"

namespace seqmine {

enum class Comparison : std::uint8_t { eq, ne, lt, le, gt, ge };

/// One condition. A null value or attribute fails every condition, `ne` included.
struct Condition {
  enum class Field : std::uint8_t { value, number, dictionary, weekday, hour };
  Field field = Field::value;
  std::int32_t attribute = -1;           // index into LogView::attributes (number, dictionary)
  Comparison comparison = Comparison::eq;  // value, number
  double operand = 0.0;                  // value, number
  std::vector<std::uint8_t> allowed;     // dictionary: by code; weekday: 7 (Monday first); hour: 24
};

struct Predicate {
  std::vector<std::uint8_t> types;  // n_types flags: which event types satisfy it
  std::vector<Condition> conditions;
};

/// Whether a predicate fits a log: flags for every type and value, attributes that exist. Errors: invalid_argument.
[[nodiscard]] Status check(const LogView& log, const Predicate& predicate);

/// The conditions alone.
[[nodiscard]] Status check_conditions(const LogView& log, const Predicate& predicate);

/// Weekday (0 = Monday) and hour of a UTC instant in a zone. Exact for every int64 time.
struct LocalClock {
  int weekday;
  int hour;
};
[[nodiscard]] LocalClock local_clock(const ZoneView& zone, std::int64_t time) noexcept;

/// True when event `i` of the log satisfies `predicate`. O(number of conditions), does not allocate.
[[nodiscard]] bool satisfies(const LogView& log, const Predicate& predicate, std::int64_t i) noexcept;

/// The conditions alone, when the type is known to fit.
[[nodiscard]] bool satisfies_conditions(const LogView& log, const Predicate& predicate, std::int64_t i) noexcept;

}  // namespace seqmine
