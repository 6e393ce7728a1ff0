#include "seqmine/database.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <utility>

#include "search/memory.hpp"
#include "seqmine/parallel.hpp"
#include "seqmine/pattern.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine {

namespace {

/// Which items an event of each type can be, so that an event costs only the items that name its type.
struct ItemsByType {
  struct Entry {
    std::uint32_t id;            // what the event is recorded as
    const Predicate* condition;  // nullptr when the type alone decides
  };
  std::vector<std::size_t> offsets;
  std::vector<Entry> entries;

  /// `for_each(visit)` calls visit(type, id, condition) for every item and each of its types, items ascending;
  /// it runs twice.
  template <class ForEach>
  ItemsByType(const LogView& log, const RowsView& rows, const ForEach& for_each) {
    const auto visible = [&](std::size_t type) { return rows.excluded.empty() || rows.excluded[type] == 0; };
    offsets.assign(static_cast<std::size_t>(log.n_types) + 1, 0);
    for_each([&](std::size_t type, std::size_t, const Predicate*) {
      if (visible(type)) ++offsets[type + 1];
    });
    std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
    entries.resize(offsets.back());
    std::vector<std::size_t> next(offsets.begin(), offsets.end() - 1);
    for_each([&](std::size_t type, std::size_t id, const Predicate* condition) {
      if (visible(type)) entries[next[type]++] = {static_cast<std::uint32_t>(id), condition};
    });
  }
};

/// Calls `visit(time, id)` once for every distinct (time, item) of a row, in that order. False when stopped.
template <class Visit>
bool visit_row(const LogView& log, const ItemsByType& by_type, std::pair<std::int64_t, std::int64_t> range,
               std::vector<std::uint32_t>& moment, Poll& poll, const Visit& visit) {
  for (std::int64_t i = range.first; i < range.second;) {
    if (poll.spend(1)) return false;
    const std::int64_t time = log.time[i];
    if (i + 1 == range.second || log.time[i + 1] != time) {
      // An event alone in its time whose type is one item: nothing to sort or to compare.
      const std::uint32_t type = log.code[i];
      const std::size_t first = by_type.offsets[type];
      const std::size_t n = by_type.offsets[type + 1] - first;
      if (n <= 1 && (n == 0 || by_type.entries[first].condition == nullptr)) {
        if (n == 1) visit(time, by_type.entries[first].id);
        ++i;
        continue;
      }
    }
    moment.clear();
    do {
      const std::uint32_t type = log.code[i];
      if (poll.spend(static_cast<std::int64_t>(by_type.offsets[type + 1] - by_type.offsets[type]))) return false;
      for (std::size_t e = by_type.offsets[type]; e < by_type.offsets[type + 1]; ++e) {
        const ItemsByType::Entry& entry = by_type.entries[e];
        if (entry.condition == nullptr || satisfies_conditions(log, *entry.condition, i)) moment.push_back(entry.id);
      }
    } while (++i < range.second && log.time[i] == time);
    if (moment.size() > 1) {
      std::sort(moment.begin(), moment.end());
      moment.erase(std::unique(moment.begin(), moment.end()), moment.end());
    }
    for (const std::uint32_t id : moment) visit(time, id);
  }
  return true;
}

Status check(const LogView& log, const RowsView& rows, std::size_t n_items) {
  if (n_items > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    return {Code::out_of_range, "more items than fit 31 bits"};
  }
  return check(log, rows);
}

/// What one worker needs; `support` is added up over workers, which is the same for any number of them.
struct Worker {
  std::vector<std::uint32_t> moment;
  std::vector<std::int64_t> support;
  std::vector<std::int64_t> seen_in;  // last row an item was seen in
  std::uint64_t step = 0;             // gcd of the differences so far; 0 = none yet
  std::uint64_t longest = 0;          // largest difference
  std::int64_t n_scanned = 0;
};

/// Runs `work(row, worker, poll)` over all rows in fixed units, until one says false.
template <class Work>
Status over_rows(std::int64_t n_rows, int threads, const StopToken& stop, const Work& work) {
  const std::int64_t n_units = (n_rows + tuning::rows_per_unit - 1) / tuning::rows_per_unit;
  return parallel_for(n_units, threads, stop, [&](std::int64_t unit, int worker) -> Status {
    Poll poll(stop);
    const std::int64_t end = std::min(n_rows, (unit + 1) * tuning::rows_per_unit);
    for (std::int64_t row = unit * tuning::rows_per_unit; row < end; ++row) {
      if (!work(row, worker, poll)) return {Code::cancelled, "cancelled"};
    }
    return {};
  });
}

/// `for_each(visit)` calls visit(type, item, condition), items ascending.
template <class ForEach>
Result<Database> build(const LogView& log, const RowsView& rows, std::size_t n_items, const ForEach& for_each,
                       std::int64_t min_support, int threads, const StopToken& stop, std::int64_t max_memory) {
  if (Status status = check(log, rows, n_items); !status.ok()) return status;
  std::vector<Worker> workers(static_cast<std::size_t>(resolve_threads(threads)));

  // Three passes over the events rather than one that keeps all of them: the memory stays that of the result.
  const ItemsByType all(log, rows, for_each);
  Status status = over_rows(rows.n_rows, threads, stop, [&](std::int64_t row, int w, Poll& poll) {
    Worker& worker = workers[static_cast<std::size_t>(w)];
    if (worker.support.empty()) {
      worker.support.assign(n_items, 0);
      worker.seen_in.assign(n_items, -1);
    }
    const auto range = visible_events(log, rows, row);
    worker.n_scanned += range.second - range.first;
    return visit_row(log, all, range, worker.moment, poll, [&](std::int64_t, std::uint32_t id) {
      if (worker.seen_in[id] != row) {
        worker.seen_in[id] = row;
        ++worker.support[id];
      }
    });
  });
  if (!status.ok()) return status;

  Database database;
  database.n_rows = rows.n_rows;
  std::vector<std::int64_t> dense(n_items, -1);
  for (std::size_t i = 0; i < n_items; ++i) {
    std::int64_t support = 0;
    for (const Worker& worker : workers) support += worker.support.empty() ? 0 : worker.support[i];
    if (support < std::max<std::int64_t>(min_support, 1)) continue;
    dense[i] = database.n_items();
    database.source.push_back(static_cast<std::int32_t>(i));
    database.support.push_back(support);
  }
  for (Worker& worker : workers) {
    database.n_scanned += worker.n_scanned;
    worker.support = {};
    worker.seen_in = {};
  }

  const ItemsByType kept(log, rows, [&](const auto& visit) {
    for_each([&](std::size_t type, std::size_t i, const Predicate* condition) {
      if (dense[i] >= 0) visit(type, static_cast<std::size_t>(dense[i]), condition);
    });
  });
  database.offsets.assign(static_cast<std::size_t>(rows.n_rows) + 1, 0);
  status = over_rows(rows.n_rows, threads, stop, [&](std::int64_t row, int w, Poll& poll) {
    Worker& worker = workers[static_cast<std::size_t>(w)];
    std::int64_t n = 0, first = 0;
    const bool done = visit_row(log, kept, visible_events(log, rows, row), worker.moment, poll,
                                [&](std::int64_t time, std::uint32_t) {
      if (n++ == 0) first = time;
      const std::uint64_t gap = distance(time, first);
      worker.longest = std::max(worker.longest, gap);
      if (worker.step == 0) {
        worker.step = gap;
      } else if (worker.step != 1 && gap % worker.step != 0) {
        worker.step = std::gcd(worker.step, gap);
      }
    });
    database.offsets[static_cast<std::size_t>(row) + 1] = n;
    return done;
  });
  if (!status.ok()) return status;
  std::partial_sum(database.offsets.begin(), database.offsets.end(), database.offsets.begin());

  std::uint64_t step = 0, longest = 0;
  for (const Worker& worker : workers) {
    step = std::gcd(step, worker.step);
    longest = std::max(longest, worker.longest);
  }
  // A step beyond int64 means that there is one single distance in the whole log; ticks of 1 us hold it as well.
  if (step == 0 || step > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) step = 1;
  database.unit = static_cast<std::int64_t>(step);
  const bool narrow = longest / step <= std::numeric_limits<std::uint32_t>::max();

  const auto n_entries = static_cast<std::size_t>(database.offsets.back());
  const std::int64_t bytes = database.offsets.back() * (narrow ? 8 : 12) + rows.n_rows * 24;
  if (max_memory != 0 && bytes > max_memory) return search::too_large(bytes, max_memory);
  database.item.resize(n_entries);
  if (narrow) {
    database.time32.resize(n_entries);
  } else {
    database.time64.resize(n_entries);
  }
  database.last_tick.assign(static_cast<std::size_t>(rows.n_rows), 0);
  database.first_time.assign(static_cast<std::size_t>(rows.n_rows), 0);
  status = over_rows(rows.n_rows, threads, stop, [&](std::int64_t row, int w, Poll& poll) {
    const auto begin = static_cast<std::size_t>(database.offsets[static_cast<std::size_t>(row)]);
    std::size_t at = begin;
    std::int64_t first = 0;
    const bool done = visit_row(log, kept, visible_events(log, rows, row),
                                workers[static_cast<std::size_t>(w)].moment, poll,
                                [&](std::int64_t time, std::uint32_t id) {
      if (at == begin) first = time;
      const std::uint64_t tick = distance(time, first) / step;
      database.item[at] = id;
      if (narrow) {
        database.time32[at] = static_cast<std::uint32_t>(tick);
      } else {
        database.time64[at] = tick;
      }
      ++at;
    });
    if (at > begin) {
      database.first_time[static_cast<std::size_t>(row)] = first;
      database.last_tick[static_cast<std::size_t>(row)] = distance(rows.end(row), first) / step;
    }
    return done;
  });
  if (!status.ok()) return status;
  return database;
}

}  // namespace

std::int64_t Database::bytes() const noexcept {
  const auto bytes_of = [](const auto& column) {
    return static_cast<std::int64_t>(column.size() * sizeof(column[0]));
  };
  return bytes_of(offsets) + bytes_of(item) + bytes_of(time32) + bytes_of(time64) + bytes_of(first_time) +
         bytes_of(last_tick) + bytes_of(source) + bytes_of(support);
}

Result<Database> build_database(const LogView& log, const RowsView& rows, const std::vector<Item>& items,
                                std::int64_t min_support, int threads, const StopToken& stop,
                                std::int64_t max_memory) {
  const auto n_types = static_cast<std::size_t>(log.n_types);
  for (const Item& item : items) {
    if (item.type >= log.n_types) {
      return Status{Code::invalid_argument, "an item names an event type that the log does not have"};
    }
    Status status = item.type < 0 ? check(log, item.predicate) : check_conditions(log, item.predicate);
    if (!status.ok()) return status;
  }
  const auto for_each = [&](const auto& visit) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Predicate& predicate = items[i].predicate;
      if (items[i].type >= 0) {
        visit(static_cast<std::size_t>(items[i].type), i, predicate.conditions.empty() ? nullptr : &predicate);
        continue;
      }
      for (std::size_t type = 0; type < n_types; ++type) {
        if (predicate.types[type] != 0) visit(type, i, predicate.conditions.empty() ? nullptr : &predicate);
      }
    }
  };
  return build(log, rows, items.size(), for_each, min_support, threads, stop, max_memory);
}

Result<Database> build_database(const LogView& log, const RowsView& rows, std::span<const std::uint32_t> types,
                                std::int64_t min_support, int threads, const StopToken& stop,
                                std::int64_t max_memory) {
  for (const std::uint32_t type : types) {
    if (type >= static_cast<std::uint64_t>(log.n_types)) {
      return Status{Code::invalid_argument, "an item names an event type that the log does not have"};
    }
  }
  const auto for_each = [&](const auto& visit) {
    for (std::size_t i = 0; i < types.size(); ++i) visit(types[i], i, static_cast<const Predicate*>(nullptr));
  };
  return build(log, rows, types.size(), for_each, min_support, threads, stop, max_memory);
}

std::uint64_t ticks_at_least(std::uint64_t microseconds, std::int64_t unit) noexcept {
  if (microseconds == unbounded) return unbounded;
  const auto step = static_cast<std::uint64_t>(unit);
  return microseconds / step + (microseconds % step != 0 ? 1 : 0);
}

std::string format_duration(std::uint64_t microseconds) {
  if (microseconds == 0) return "0s";
  static constexpr std::array<std::pair<std::uint64_t, const char*>, 7> units{{{604'800'000'000, "w"},
                                                                              {86'400'000'000, "d"},
                                                                              {3'600'000'000, "h"},
                                                                              {60'000'000, "m"},
                                                                              {1'000'000, "s"},
                                                                              {1'000, "ms"},
                                                                              {1, "us"}}};
  for (const auto& [size, name] : units) {
    if (microseconds % size == 0) return std::to_string(microseconds / size) + name;
  }
  return {};
}

}  // namespace seqmine
