#include "naive_database.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace seqmine::reference {

LogView OwnedLog::view() const {
  LogView view;
  view.n_entities = static_cast<std::int64_t>(offsets.size()) - 1;
  view.n_events = static_cast<std::int64_t>(time.size());
  view.n_types = n_types;
  view.entity_offsets = offsets.data();
  view.time = time.data();
  view.code = CodeView(code.data());
  view.value = value.empty() ? nullptr : value.data();
  return view;
}

RowsView OwnedRows::view() const {
  return {static_cast<std::int64_t>(entity.size()), entity.data(), lo.data(), last.data(), excluded};
}

OwnedLog random_log(std::mt19937_64& rng, std::int64_t n_entities, std::int64_t n_types, std::int64_t max_events,
                    const std::vector<std::int64_t>& times) {
  OwnedLog log;
  log.n_types = n_types;
  for (std::int64_t entity = 0; entity < n_entities; ++entity) {
    std::vector<std::tuple<std::int64_t, std::uint16_t, double>> events(rng() % static_cast<std::uint64_t>(max_events + 1));
    for (auto& [time, code, value] : events) {
      time = times[rng() % times.size()];
      code = static_cast<std::uint16_t>(rng() % static_cast<std::uint64_t>(n_types));
      value = static_cast<double>(rng() % 4);
    }
    std::sort(events.begin(), events.end());
    for (const auto& [time, code, value] : events) {
      log.time.push_back(time);
      log.code.push_back(code);
      log.value.push_back(value);
    }
    log.offsets.push_back(static_cast<std::int64_t>(log.time.size()));
  }
  if (log.value.empty()) log.value.push_back(0.0);
  return log;
}

OwnedRows whole_rows(const OwnedLog& log) {
  OwnedRows rows;
  for (std::size_t entity = 0; entity + 1 < log.offsets.size(); ++entity) {
    rows.entity.push_back(static_cast<std::int64_t>(entity));
    rows.lo.push_back(INT64_MIN + 1);
    rows.last.push_back(INT64_MAX);
  }
  return rows;
}

std::vector<Item> plain_items(std::int64_t n_types) {
  std::vector<Item> items(static_cast<std::size_t>(n_types));
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].predicate.types.assign(items.size(), 0);
    items[i].predicate.types[i] = 1;
    items[i].text = static_cast<char>('a' + i);
  }
  return items;
}

NaiveDatabase naive_database(const LogView& log, const RowsView& rows, const std::vector<Item>& items,
                             std::int64_t min_support) {
  using Wide = __int128;
  std::vector<std::set<std::pair<Wide, std::size_t>>> seen(static_cast<std::size_t>(rows.n_rows));
  std::map<std::size_t, std::set<std::int64_t>> having;
  for (std::int64_t row = 0; row < rows.n_rows; ++row) {
    for (std::int64_t e = 0; e < log.n_entities; ++e) {
      if (e != rows.entity[row]) continue;
      for (std::int64_t i = log.entity_offsets[e]; i < log.entity_offsets[e + 1]; ++i) {
        if (log.time[i] < rows.lo[row] || log.time[i] > rows.last[row]) continue;
        if (!rows.excluded.empty() && rows.excluded[log.code[i]] != 0) continue;
        for (std::size_t item = 0; item < items.size(); ++item) {
          if (!satisfies(log, items[item].predicate, i)) continue;
          seen[static_cast<std::size_t>(row)].insert({Wide{log.time[i]}, item});
          having[item].insert(row);
        }
      }
    }
  }
  NaiveDatabase result;
  std::map<std::size_t, std::uint32_t> dense;
  for (const auto& [item, in] : having) {
    if (static_cast<std::int64_t>(in.size()) < min_support) continue;
    dense[item] = static_cast<std::uint32_t>(result.source.size());
    result.source.push_back(static_cast<std::int32_t>(item));
    result.support.push_back(static_cast<std::int64_t>(in.size()));
  }
  unsigned __int128 step = 0;
  const auto each_row = [&](const auto& visit) {
    for (std::size_t row = 0; row < seen.size(); ++row) {
      bool any = false;
      Wide first = 0;
      for (const auto& [time, item] : seen[row]) {
        if (!dense.contains(item)) continue;
        if (!any) first = time;
        any = true;
        visit(row, static_cast<unsigned __int128>(time - first), dense[item], first);
      }
    }
  };
  each_row([&](std::size_t, unsigned __int128 distance, std::uint32_t, Wide) {
    while (distance != 0) {
      const unsigned __int128 rest = step % distance;
      step = distance;
      distance = rest;
    }
  });
  if (step == 0 || step > static_cast<unsigned __int128>(INT64_MAX)) step = 1;
  result.unit = step;
  result.rows.resize(seen.size());
  result.last_tick.assign(seen.size(), 0);
  each_row([&](std::size_t row, unsigned __int128 distance, std::uint32_t item, Wide first) {
    result.rows[row].push_back({distance / step, item});
    result.last_tick[row] = static_cast<unsigned __int128>(Wide{rows.last[row]} - first) / step;
  });
  return result;
}

}  // namespace seqmine::reference
