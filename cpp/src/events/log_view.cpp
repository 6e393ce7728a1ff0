#include "seqmine/log_view.hpp"

#include <algorithm>
#include <string>

#include "seqmine/parallel.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine {

namespace {

Status broken(const char* what, std::int64_t at) {
  return {Code::invalid_argument, std::string(what) + " " + std::to_string(at)};
}

/// The first event in [begin, end) whose code is not below n, or `end`.
template <class Codes>
std::int64_t first_beyond(Codes codes, std::int64_t n, std::int64_t begin, std::int64_t end) noexcept {
  // Two loops: the first has no branch on the data, so it runs at the speed of memory.
  bool beyond = false;
  for (std::int64_t i = begin; i < end; ++i) beyond |= static_cast<std::int64_t>(codes[i]) >= n;
  if (!beyond) return end;
  while (static_cast<std::int64_t>(codes[begin]) < n) ++begin;
  return begin;
}

Status check_entity(const LogView& log, std::int64_t begin, std::int64_t end) {
  if (!std::is_sorted(log.time + begin, log.time + end)) {
    const std::int64_t* out_of_order = std::is_sorted_until(log.time + begin, log.time + end);
    return broken("time falls within an entity, at event", out_of_order - log.time);
  }
  return {};
}

Status check_codes(const LogView& log, std::int64_t begin, std::int64_t end) {
  const std::int64_t at = log.code.narrow() != nullptr ? first_beyond(log.code.narrow(), log.n_types, begin, end)
                                                       : first_beyond(log.code.wide(), log.n_types, begin, end);
  if (at != end) return broken("the event type is none of the log's, at event", at);
  for (const AttributeView& attribute : log.attributes) {
    if (attribute.codes == nullptr) continue;
    const std::int64_t beyond = first_beyond(attribute.codes, attribute.n_categories, begin, end);
    if (beyond != end) return broken("the text of an attribute is none of the log's, at event", beyond);
    const std::int32_t* lowest = std::min_element(attribute.codes + begin, attribute.codes + end);
    if (*lowest < -1) {
      return broken("the text of an attribute is none of the log's, at event", lowest - attribute.codes);
    }
  }
  return {};
}

}  // namespace

Status check(const LogView& log, int threads, const StopToken& stop) {
  if (log.entity_offsets[0] != 0 || log.entity_offsets[log.n_entities] != log.n_events) {
    return {Code::invalid_argument, "entity_offsets must go from 0 to n_events"};
  }
  const auto units_of = [](std::int64_t n, std::int64_t size) { return (n + size - 1) / size; };
  const std::int64_t n_rows = tuning::rows_per_unit;
  // All offsets before any time: an entity's times may be read only once its offsets are known to be inside.
  Status status = parallel_for(units_of(log.n_entities, n_rows), threads, stop, [&](std::int64_t unit, int) -> Status {
    const std::int64_t end = std::min(log.n_entities, (unit + 1) * n_rows);
    for (std::int64_t entity = unit * n_rows; entity < end; ++entity) {
      const std::int64_t from = log.entity_offsets[entity], to = log.entity_offsets[entity + 1];
      if (from < 0 || from > to || to > log.n_events) {
        return broken("entity_offsets must rise; they fall at entity", entity);
      }
    }
    return {};
  });
  if (!status.ok()) return status;
  status = parallel_for(units_of(log.n_entities, n_rows), threads, stop, [&](std::int64_t unit, int) -> Status {
    const std::int64_t end = std::min(log.n_entities, (unit + 1) * n_rows);
    for (std::int64_t entity = unit * n_rows; entity < end; ++entity) {
      Status found = check_entity(log, log.entity_offsets[entity], log.entity_offsets[entity + 1]);
      if (!found.ok()) return found;
    }
    return {};
  });
  if (!status.ok()) return status;
  const std::int64_t n_events = tuning::arrange_block_rows;
  return parallel_for(units_of(log.n_events, n_events), threads, stop, [&](std::int64_t unit, int) {
    return check_codes(log, unit * n_events, std::min(log.n_events, (unit + 1) * n_events));
  });
}

Status check(const LogView& log, const RowsView& rows) {
  if (!rows.excluded.empty() && static_cast<std::int64_t>(rows.excluded.size()) != log.n_types) {
    return {Code::invalid_argument, "excluded needs one flag per event type"};
  }
  for (std::int64_t row = 0; row < rows.n_rows; ++row) {
    if (rows.entity[row] < -1 || rows.entity[row] >= log.n_entities) {
      return {Code::invalid_argument, "row " + std::to_string(row) + " names an entity outside the log"};
    }
  }
  return {};
}

std::pair<std::int64_t, std::int64_t> visible_events(const LogView& log, const RowsView& rows,
                                                      std::int64_t row) noexcept {
  const std::int64_t entity = rows.entity[row];
  if (entity < 0) return {0, 0};
  const std::int64_t* begin = log.time + log.entity_offsets[entity];
  const std::int64_t* end = log.time + log.entity_offsets[entity + 1];
  const std::int64_t *from = begin, *to = end;
  // Where a bound cuts nothing, as most do, one look tells.
  if (rows.lo != nullptr && begin != end && *begin < rows.lo[row]) from = std::lower_bound(begin, end, rows.lo[row]);
  if (rows.last != nullptr && from != end && end[-1] > rows.last[row]) to = std::upper_bound(from, end, rows.last[row]);
  return {from - log.time, to - log.time};
}

std::vector<std::uint8_t> seen_events(const LogView& log, const RowsView& rows) {
  // Rows that begin at an event less rows that have ended by then; the running sum is the rows that see it.
  std::vector<std::int64_t> change(static_cast<std::size_t>(log.n_events) + 1, 0);
  for (std::int64_t row = 0; row < rows.n_rows; ++row) {
    const auto [begin, end] = visible_events(log, rows, row);
    ++change[static_cast<std::size_t>(begin)];
    --change[static_cast<std::size_t>(end)];
  }
  std::vector<std::uint8_t> seen(static_cast<std::size_t>(log.n_events));
  std::int64_t n_rows = 0;
  for (std::int64_t i = 0; i < log.n_events; ++i) {
    n_rows += change[static_cast<std::size_t>(i)];
    const bool visible = rows.excluded.empty() || rows.excluded[log.code[i]] == 0;
    seen[static_cast<std::size_t>(i)] = n_rows > 0 && visible ? 1 : 0;
  }
  return seen;
}

}  // namespace seqmine
