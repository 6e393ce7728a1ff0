#include "naive_ingest.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace seqmine::naive {

namespace {

int order(double a, double b) {  // numbers by value, null last
  if (std::isnan(a) || std::isnan(b)) return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
  return a < b ? -1 : static_cast<int>(a > b);
}

int order(const std::optional<std::string>& a, const std::optional<std::string>& b) {  // null first, then by byte
  if (!a || !b) return static_cast<int>(a.has_value()) - static_cast<int>(b.has_value());
  return a->compare(*b);
}

int order_without_id(const RawRow& a, const RawRow& b) {
  if (const int c = order(a.entity, b.entity)) return c;
  if (a.time != b.time) return a.time < b.time ? -1 : 1;
  if (const int c = order(a.event, b.event)) return c;
  if (const int c = order(a.value, b.value)) return c;
  for (std::size_t k = 0; k < a.strings.size(); ++k) {
    if (const int c = order(a.strings[k], b.strings[k])) return c;
  }
  for (std::size_t k = 0; k < a.numbers.size(); ++k) {
    if (const int c = order(a.numbers[k], b.numbers[k])) return c;
  }
  return 0;
}

bool same(const RawRow& a, const RawRow& b) { return order_without_id(a, b) == 0 && a.event_id == b.event_id; }

double clean(double x) {
  if (std::isnan(x)) return std::numeric_limits<double>::quiet_NaN();
  return x == 0.0 ? 0.0 : x;
}

std::uint8_t reason_of(const RawRow& row) {
  if (!row.entity) return 1;
  if (row.entity->empty()) return 2;
  if (!row.event) return 3;
  if (row.event->empty()) return 4;
  return row.flag;
}

std::int32_t position(const std::vector<std::string>& names, const std::optional<std::string>& name) {
  if (!name) return -1;
  return static_cast<std::int32_t>(std::lower_bound(names.begin(), names.end(), *name) - names.begin());
}

}  // namespace

SortedLog ingest(const std::vector<RawRow>& rows, std::size_t n_strings, std::size_t n_numbers, Policy policy,
                 const std::vector<std::string>& excluded_events, const std::map<std::string, std::string>& names) {
  SortedLog log;
  std::vector<RawRow> kept;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::uint8_t reason = reason_of(rows[i]);
    if (reason != 0) {
      log.bad_row.push_back(static_cast<std::int64_t>(i));
      log.bad_reason.push_back(reason);
      continue;
    }
    RawRow row = rows[i];
    if (names.count(*row.entity) != 0) row.entity = names.at(*row.entity);
    if (std::find(excluded_events.begin(), excluded_events.end(), *row.event) != excluded_events.end()) {
      ++log.n_filtered;
      continue;
    }
    row.value = clean(row.value);
    for (double& x : row.numbers) x = clean(x);
    kept.push_back(row);
  }
  std::stable_sort(kept.begin(), kept.end(), [](const RawRow& a, const RawRow& b) {
    const int c = order_without_id(a, b);
    return c != 0 ? c < 0 : order(a.event_id, b.event_id) < 0;
  });

  std::vector<RawRow> final;
  std::set<std::string> ids;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const bool exact = i > 0 && same(kept[i - 1], kept[i]);
    const bool seen = kept[i].event_id && !ids.insert(*kept[i].event_id).second;
    log.n_exact_duplicates += exact ? 1 : 0;
    log.n_id_duplicates += seen ? 1 : 0;
    if ((policy == Policy::exact && exact) || (policy == Policy::id && seen)) {
      ++log.n_dropped;
    } else {
      final.push_back(kept[i]);
    }
  }

  std::set<std::string> entities;
  std::set<std::string> events;
  std::vector<std::set<std::string>> texts(n_strings);
  for (const RawRow& row : final) {
    entities.insert(*row.entity);
    events.insert(*row.event);
    for (std::size_t k = 0; k < n_strings; ++k) {
      if (row.strings[k]) texts[k].insert(*row.strings[k]);
    }
  }
  log.entities.assign(entities.begin(), entities.end());
  log.events.assign(events.begin(), events.end());
  for (const auto& set : texts) log.dictionaries.emplace_back(set.begin(), set.end());
  log.string_codes.resize(n_strings);
  log.numbers.resize(n_numbers);
  log.entity_offsets.push_back(0);
  for (std::size_t i = 0; i < final.size(); ++i) {
    const RawRow& row = final[i];
    log.time.push_back(row.time);
    log.code.push_back(static_cast<std::uint32_t>(position(log.events, row.event)));
    log.value.push_back(row.value);
    for (std::size_t k = 0; k < n_strings; ++k) {
      log.string_codes[k].push_back(position(log.dictionaries[k], row.strings[k]));
    }
    for (std::size_t k = 0; k < n_numbers; ++k) log.numbers[k].push_back(row.numbers[k]);
    if (i + 1 == final.size() || final[i + 1].entity != row.entity) {
      log.entity_offsets.push_back(static_cast<std::int64_t>(i) + 1);
    }
  }
  return log;
}

}  // namespace seqmine::naive
