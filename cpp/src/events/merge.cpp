#include "seqmine/merge.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>

#include "events/merge_names.hpp"
#include "events/staging.hpp"
#include "seqmine/parallel.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine {

namespace {

using detail::NameUnion;
using detail::order_key;
using Numbers = std::vector<std::uint32_t>;

/// One attribute with codes, and what its codes become.
struct TextColumn {
  const std::int32_t* codes;
  const Numbers* numbers;  // empty: they stay
};

/// One of the two logs, with its codes as they will be.
struct Side {
  const LogView* log = nullptr;
  Numbers types;
  std::vector<Numbers> categories;
  std::vector<TextColumn> texts;
  std::vector<const double*> figures;  // value, where there is one, comes before the texts and is not in here

  [[nodiscard]] std::uint32_t type(std::int64_t i) const noexcept {
    const std::uint32_t code = log->code[i];
    return types.empty() ? code : types[code];
  }
  [[nodiscard]] static std::int32_t text(const TextColumn& column, std::int64_t i) noexcept {
    const std::int32_t code = column.codes[i];
    if (code < 0 || column.numbers->empty()) return code;
    return static_cast<std::int32_t>((*column.numbers)[static_cast<std::size_t>(code)]);
  }
};

/// The order of the log within one entity: below 0 when row i of `a` comes before row j of `b`, 0 when they are equal.
int compare(const Side& a, std::int64_t i, const Side& b, std::int64_t j) noexcept {
  const auto order = [](auto x, auto y) { return x < y ? -1 : static_cast<int>(y < x); };
  if (const int c = order(a.log->time[i], b.log->time[j])) return c;
  if (const int c = order(a.type(i), b.type(j))) return c;
  if (a.log->value != nullptr) {
    if (const int c = order(order_key(a.log->value[i]), order_key(b.log->value[j]))) return c;
  }
  for (std::size_t k = 0; k < a.texts.size(); ++k) {
    if (const int c = order(Side::text(a.texts[k], i), Side::text(b.texts[k], j))) return c;
  }
  for (std::size_t k = 0; k < a.figures.size(); ++k) {
    if (const int c = order(order_key(a.figures[k][i]), order_key(b.figures[k][j]))) return c;
  }
  return 0;
}

/// The merged log is the base with rows put in between: `place[k]` is the base's row before which the k-th of them
/// goes. So it stands at place[k] + k, which finds its way for any part of the result without the parts before it.
class Merger {
 public:
  Merger(const NamedLog& base, const NamedLog& added, Duplicates duplicates, int threads, const StopToken& stop)
      : base_log_(base), added_log_(added), duplicates_(duplicates), threads_(resolve_threads(threads)), stop_(stop) {}

  Result<IngestedLog> run() {
    if (Status status = name(); !status.ok()) return status;
    if (Status status = find_places(); !status.ok()) return status;
    leave_out_dropped();
    lay_out();
    if (Status status = fill(); !status.ok()) return status;
    return std::move(log_);
  }

 private:
  Status name() {
    Result<NameUnion> entities = detail::unite_names(base_log_.entities, added_log_.entities, stop_);
    if (!entities.ok()) return entities.status();
    entities_ = std::move(entities.value());
    base_.log = &base_log_.columns;
    added_.log = &added_log_.columns;
    // The limits of ingest, so that no number overflows its column.
    constexpr std::int64_t most_names = 4'294'967'294;
    constexpr std::int64_t most_texts = std::numeric_limits<std::int32_t>::max();
    const auto too_many = [] { return Status(Code::out_of_range, "too many distinct names in both logs together"); };
    if (entities_.names.size() > most_names) return too_many();
    const auto unite = [&](const TextView& base, const TextView& added, std::int64_t most, Names& names,
                           Numbers& for_base, Numbers& for_added) -> Status {
      Result<NameUnion> merged = detail::unite_names(base, added, stop_);
      if (!merged.ok()) return merged.status();
      for_base = detail::base_numbers(merged.value(), base.length);
      for_added = detail::added_numbers(merged.value());
      if (merged.value().names.size() > most) return too_many();
      names = std::move(merged.value().names);
      return {};
    };
    Status status =
        unite(base_log_.event_types, added_log_.event_types, most_names, log_.event_names, base_.types, added_.types);
    if (!status.ok()) return status;
    const std::size_t n_texts = base_log_.dictionaries.size();
    log_.string_dictionaries.resize(n_texts);
    base_.categories.resize(n_texts);
    added_.categories.resize(n_texts);
    for (std::size_t k = 0; k < n_texts; ++k) {
      status = unite(base_log_.dictionaries[k], added_log_.dictionaries[k], most_texts,
                     log_.string_dictionaries[k], base_.categories[k], added_.categories[k]);
      if (!status.ok()) return status;
    }
    for (Side* side : {&base_, &added_}) {
      for (const AttributeView& attribute : side->log->attributes) {
        if (attribute.numbers != nullptr) {
          side->figures.push_back(attribute.numbers);
        } else {
          side->texts.push_back({attribute.codes, &side->categories[side->texts.size()]});
        }
      }
    }
    return {};
  }

  /// Where each added row goes, and whether the base has it already.
  Status find_places() {
    const LogView& added = *added_.log;
    place_ = Column<std::int64_t>(added.n_events);
    is_dropped_.assign(static_cast<std::size_t>(added.n_events), 0);
    const std::int64_t n_units = (added.n_entities + tuning::rows_per_unit - 1) / tuning::rows_per_unit;
    std::vector<std::int64_t> n_common(static_cast<std::size_t>(n_units));
    Status status = parallel_for(n_units, threads_, stop_, [&](std::int64_t unit, int) -> Status {
      Poll poll(stop_);
      const std::int64_t end = std::min(added.n_entities, (unit + 1) * tuning::rows_per_unit);
      for (std::int64_t e = unit * tuning::rows_per_unit; e < end; ++e) {
        if (!find_places_of(e, poll, n_common[static_cast<std::size_t>(unit)])) return {Code::cancelled, "cancelled"};
      }
      return {};
    });
    for (const std::int64_t n : n_common) log_.n_exact_duplicates += n;
    return status;
  }

  bool find_places_of(std::int64_t entity, Poll& poll, std::int64_t& n_common) {
    const LogView& added = *added_.log;
    const LogView& base = *base_.log;
    const std::int64_t at = entities_.place[static_cast<std::size_t>(entity)];
    const bool is_known = entities_.is_known[static_cast<std::size_t>(entity)] != 0;
    std::int64_t from = base.entity_offsets[at];
    const std::int64_t end = is_known ? base.entity_offsets[at + 1] : from;
    const std::int64_t first = added.entity_offsets[entity];
    for (std::int64_t j = first; j < added.entity_offsets[entity + 1]; ++j) {
      if (poll.spend(1)) return false;
      if (from < end && compare(base_, end - 1, added_, j) < 0) from = end;  // what is new is mostly the latest
      std::int64_t high = end;
      while (from < high) {
        const std::int64_t middle = from + (high - from) / 2;
        if (compare(base_, middle, added_, j) < 0) {
          from = middle + 1;
        } else {
          high = middle;
        }
      }
      place_[j] = from;
      if (from == end || compare(base_, from, added_, j) != 0) continue;
      if (j == first || compare(added_, j - 1, added_, j) != 0) ++n_common;
      if (duplicates_ == Duplicates::exact) is_dropped_[static_cast<std::size_t>(j)] = 1;
    }
    return true;
  }

  void leave_out_dropped() {
    const LogView& added = *added_.log;
    added_offsets_.assign(added.entity_offsets, added.entity_offsets + added.n_entities + 1);
    n_added_ = added.n_events;
    if (std::find(is_dropped_.begin(), is_dropped_.end(), 1) != is_dropped_.end()) {
      row_ = Column<std::int64_t>(added.n_events);
      n_added_ = 0;
      for (std::int64_t e = 0; e < added.n_entities; ++e) {
        for (std::int64_t j = added.entity_offsets[e]; j < added.entity_offsets[e + 1]; ++j) {
          if (is_dropped_[static_cast<std::size_t>(j)] != 0) continue;
          place_[n_added_] = place_[j];
          row_[n_added_++] = j;
        }
        added_offsets_[static_cast<std::size_t>(e) + 1] = n_added_;
      }
    }
    log_.n_dropped = added.n_events - n_added_;
    is_dropped_ = {};
  }

  /// Allocates the columns, and says where each entity ends.
  void lay_out() {
    const LogView& base = *base_.log;
    const std::int64_t n = base.n_events + n_added_;
    log_.entity_offsets = Column<std::int64_t>(entities_.names.size() + 1);
    std::int64_t* out = log_.entity_offsets.data();
    *out++ = 0;
    std::int64_t b = 0;
    for (std::size_t e = 0; e < entities_.place.size(); ++e) {
      const std::int64_t before = added_offsets_[e];
      for (; b < entities_.place[e]; ++b) *out++ = base.entity_offsets[b + 1] + before;
      if (entities_.is_known[e] != 0) ++b;
      *out++ = base.entity_offsets[b] + added_offsets_[e + 1];
    }
    for (; b < base.n_entities; ++b) *out++ = base.entity_offsets[b + 1] + n_added_;
    log_.entity_names = std::move(entities_.names);
    log_.time = Column<std::int64_t>(n);
    log_.wide_codes = log_.event_names.size() > 65'536;
    if (log_.wide_codes) {
      log_.code32 = Column<std::uint32_t>(n);
    } else {
      log_.code16 = Column<std::uint16_t>(n);
    }
    log_.has_value = base.value != nullptr;
    if (log_.has_value) log_.value = Column<double>(n);
    for (std::size_t k = 0; k < base_.texts.size(); ++k) log_.string_codes.emplace_back(n);
    for (std::size_t k = 0; k < base_.figures.size(); ++k) log_.numbers.emplace_back(n);
  }

  Status fill() {
    const std::int64_t n = base_.log->n_events + n_added_;
    const std::int64_t n_units = (n + tuning::arrange_block_rows - 1) / tuning::arrange_block_rows;
    return parallel_for(n_units, threads_, stop_, [&](std::int64_t unit, int) -> Status {
      const std::int64_t begin = unit * tuning::arrange_block_rows;
      fill_rows(begin, std::min(n, begin + tuning::arrange_block_rows));
      return {};
    });
  }

  void fill_rows(std::int64_t begin, std::int64_t end) {
    plain(base_.log->time, added_.log->time, log_.time.data(), begin, end);
    if (log_.wide_codes) {
      codes(log_.code32.data(), begin, end);
    } else {
      codes(log_.code16.data(), begin, end);
    }
    if (log_.has_value) plain(base_.log->value, added_.log->value, log_.value.data(), begin, end);
    for (std::size_t k = 0; k < base_.texts.size(); ++k) {
      const TextColumn& base = base_.texts[k];
      const TextColumn& added = added_.texts[k];
      std::int32_t* const out = log_.string_codes[k].data();
      if (base.numbers->empty() && added.numbers->empty()) {
        plain(base.codes, added.codes, out, begin, end);
      } else {
        weave(out, begin, end, [&](std::int64_t i) { return Side::text(base, i); },
              [&](std::int64_t j) { return Side::text(added, j); });
      }
    }
    for (std::size_t k = 0; k < base_.figures.size(); ++k) {
      plain(base_.figures[k], added_.figures[k], log_.numbers[k].data(), begin, end);
    }
  }

  template <class Code>
  void codes(Code* out, std::int64_t begin, std::int64_t end) {
    const std::uint16_t* const base = base_.log->code.narrow();
    const std::uint16_t* const added = added_.log->code.narrow();
    if constexpr (std::is_same_v<Code, std::uint16_t>) {
      if (base_.types.empty() && added_.types.empty() && base != nullptr && added != nullptr) {
        plain(base, added, out, begin, end);
        return;
      }
    }
    weave(out, begin, end, [&](std::int64_t i) { return static_cast<Code>(base_.type(i)); },
          [&](std::int64_t j) { return static_cast<Code>(added_.type(j)); });
  }

  template <class T>
  void plain(const T* base, const T* added, T* out, std::int64_t begin, std::int64_t end) const {
    walk(
        begin, end, [&](std::int64_t at, std::int64_t i, std::int64_t n) { std::copy_n(base + i, n, out + at); },
        [&](std::int64_t at, std::int64_t j) { out[at] = added[j]; });
  }

  template <class T, class OfBase, class OfAdded>
  void weave(T* out, std::int64_t begin, std::int64_t end, const OfBase& of_base, const OfAdded& of_added) const {
    walk(
        begin, end,
        [&](std::int64_t at, std::int64_t i, std::int64_t n) {
          for (std::int64_t k = 0; k < n; ++k) out[at + k] = of_base(i + k);
        },
        [&](std::int64_t at, std::int64_t j) { out[at] = of_added(j); });
  }

  /// stretch(at, i, n): rows [i, i + n) of the base go to [at, at + n); single(at, j): row j of those added goes to at.
  template <class Stretch, class Single>
  void walk(std::int64_t begin, std::int64_t end, const Stretch& stretch, const Single& single) const {
    std::int64_t k = 0;
    for (std::int64_t high = n_added_; k < high;) {
      const std::int64_t middle = k + (high - k) / 2;
      if (place_[middle] + middle < begin) {
        k = middle + 1;
      } else {
        high = middle;
      }
    }
    for (std::int64_t at = begin; at < end;) {
      const std::int64_t next = k < n_added_ ? std::min(end, place_[k] + k) : end;
      if (next > at) stretch(at, at - k, next - at);
      at = next;
      if (at == end) break;
      single(at, row_.size() == 0 ? k : row_[k]);
      ++at;
      ++k;
    }
  }

  const NamedLog& base_log_;
  const NamedLog& added_log_;
  Duplicates duplicates_;
  int threads_;
  const StopToken& stop_;
  Side base_;
  Side added_;
  NameUnion entities_;
  Column<std::int64_t> place_;
  Column<std::int64_t> row_;  // of the k-th row put in; empty: k itself
  std::vector<std::uint8_t> is_dropped_;
  std::vector<std::int64_t> added_offsets_;
  std::int64_t n_added_ = 0;
  IngestedLog log_;
};

bool same_columns(const NamedLog& one, const NamedLog& other) {
  if ((one.columns.value != nullptr) != (other.columns.value != nullptr)) return false;
  if (one.columns.attributes.size() != other.columns.attributes.size()) return false;
  for (const NamedLog* log : {&one, &other}) {
    std::size_t n_texts = 0;
    for (std::size_t k = 0; k < log->columns.attributes.size(); ++k) {
      const bool is_number = log->columns.attributes[k].numbers != nullptr;
      if (is_number != (one.columns.attributes[k].numbers != nullptr)) return false;
      if (is_number) continue;
      if (n_texts == log->dictionaries.size()) return false;
      if (log->columns.attributes[k].n_categories != log->dictionaries[n_texts++].length) return false;
    }
    if (n_texts != log->dictionaries.size()) return false;
    if (log->entities.length != log->columns.n_entities) return false;
    if (log->event_types.length != log->columns.n_types) return false;
  }
  return true;
}

}  // namespace

Result<IngestedLog> merge_logs(const NamedLog& one, const NamedLog& other, Duplicates duplicates, int threads,
                               const StopToken& stop) {
  if (!same_columns(one, other)) {
    return Status(Code::invalid_argument, "only logs with the same columns, and one name for each code, can be merged");
  }
  if (duplicates == Duplicates::id) {
    return Status(Code::invalid_argument, "logs keep no event ids, so duplicates by id cannot be found in them");
  }
  const bool swapped = other.columns.n_events > one.columns.n_events;
  try {
    return Merger(swapped ? other : one, swapped ? one : other, duplicates, threads, stop).run();
  } catch (const std::bad_alloc&) {
    return Status(Code::out_of_memory, "out of memory");
  }
}

}  // namespace seqmine
