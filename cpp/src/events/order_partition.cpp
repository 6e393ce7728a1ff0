#include "events/order_partition.hpp"

#include <algorithm>
#include <limits>

#include "events/parallel_sort.hpp"

namespace seqmine::detail {

namespace {

struct KeyColumn {
  const std::uint64_t* wide;
  const std::uint32_t* narrow;
};

/// Value, string attributes, number attributes, event id: the order of the log among equal times and types.
std::vector<KeyColumn> key_columns(const Partition& partition, const Shape& shape) {
  std::vector<KeyColumn> keys;
  if (shape.has_value) keys.push_back({partition.wide[0], nullptr});
  for (std::size_t c = 0; c < shape.n_strings; ++c) keys.push_back({nullptr, partition.narrow[c]});
  for (std::size_t c = 0; c < shape.n_numbers; ++c) {
    keys.push_back({partition.wide[c + (shape.has_value ? 1U : 0U)], nullptr});
  }
  if (shape.has_event_id) keys.push_back({nullptr, partition.narrow[shape.n_strings]});
  return keys;
}

// Function objects, not functions: a pointer to a function would be called for every comparison of a sort.
struct ByTimeAndCode {
  bool operator()(const SortItem& a, const SortItem& b) const noexcept {
    return a.time != b.time ? a.time < b.time : a.code < b.code;
  }
};

class ByAllKeys {
 public:
  explicit ByAllKeys(const std::vector<KeyColumn>& keys) : keys_(&keys) {}
  bool operator()(const SortItem& a, const SortItem& b) const noexcept {
    if (a.time != b.time) return a.time < b.time;
    if (a.code != b.code) return a.code < b.code;
    for (const KeyColumn& key : *keys_) {
      const std::uint64_t x = key.wide != nullptr ? key.wide[a.index] : key.narrow[a.index];
      const std::uint64_t y = key.wide != nullptr ? key.wide[b.index] : key.narrow[b.index];
      if (x != y) return x < y;
    }
    return false;
  }

 private:
  const std::vector<KeyColumn>* keys_;
};

/// visit(i) for i in [0, n); false when a stop was requested on the way.
template <class Visit>
bool each_row(std::int64_t n, const StopToken& stop, const Visit& visit) {
  for (std::int64_t begin = 0; begin < n; begin += tuning::poll_steps) {
    if (stop.stop_requested()) return false;
    const std::int64_t end = std::min(n, begin + tuning::poll_steps);
    for (std::int64_t i = begin; i < end; ++i) visit(i);
  }
  return true;
}

Status cancelled() { return {Code::cancelled, "cancelled"}; }

void write_code(const LogColumns& out, std::int64_t row, std::uint32_t code) noexcept {
  if (out.code16 != nullptr) {
    out.code16[row] = static_cast<std::uint16_t>(code);
  } else {
    out.code32[row] = code;
  }
}

struct ByEntityTimeAndCode {
  bool operator()(const StagedRow& a, const StagedRow& b) const noexcept {
    if (a.entity != b.entity) return a.entity < b.entity;
    return a.time != b.time ? a.time < b.time : a.code < b.code;
  }
};

Result<std::int64_t> order_in_place(const Partition& p, int threads, const StopToken& stop, const LogColumns& out,
                                    std::vector<std::int64_t>* duplicates) {
  const ByEntityTimeAndCode row_less;
  if (!std::is_sorted(p.rows, p.rows + p.n, row_less)) {
    Status status = parallel_sort(p.rows, p.n, threads, stop, row_less);
    if (!status.ok()) return status;
  }
  std::int64_t n_equal = 0;
  std::int64_t entity = p.first_entity;
  const bool done = each_row(p.n, stop, [&](std::int64_t i) {
    const StagedRow& row = p.rows[i];
    // Offsets of the entities before this row's, those without rows included.
    for (; entity < row.entity; ++entity) out.entity_offsets[entity + 1] = p.first_row + i;
    out.time[p.first_row + i] = row.time;
    write_code(out, p.first_row + i, row.code);
    if (i > 0 && !row_less(p.rows[i - 1], row)) {
      ++n_equal;
      if (duplicates != nullptr) duplicates->push_back(p.first_row + i);
    }
  });
  if (!done) return cancelled();
  for (; entity < p.first_entity + p.n_entities; ++entity) out.entity_offsets[entity + 1] = p.first_row + p.n;
  return n_equal;
}

template <class Less>
Result<std::int64_t> order_by_entity(const Partition& p, const Shape& shape, int threads, const StopToken& stop,
                                     const LogColumns& out, PartitionScratch& scratch,
                                     std::vector<std::int64_t>* duplicates, const Less& less) {
  if (scratch.items.size() < p.n) {
    scratch.items = Column<SortItem>();  // freed first: the two must not be there at once
    scratch.items = Column<SortItem>(p.n);
  }
  SortItem* const items = scratch.items.data();
  std::vector<std::int64_t>& begin = scratch.begin;
  begin.assign(static_cast<std::size_t>(p.n_entities) + 1, 0);
  bool done = each_row(p.n, stop, [&](std::int64_t i) {
    ++begin[static_cast<std::size_t>(p.rows[i].entity - p.first_entity) + 1];
  });
  for (std::size_t e = 1; e < begin.size(); ++e) begin[e] += begin[e - 1];
  done = done && each_row(p.n, stop, [&](std::int64_t i) {
    const StagedRow& row = p.rows[i];
    std::int64_t& next = begin[static_cast<std::size_t>(row.entity - p.first_entity)];
    items[next++] = {row.time, row.code, static_cast<std::uint32_t>(i)};
  });
  if (!done) return cancelled();
  // Each begin[e] has moved on to the end of entity e, which is the begin of the next one.
  std::int64_t n_equal = 0;
  std::int64_t first = 0;
  for (std::int64_t e = 0; e < p.n_entities; ++e) {
    const std::int64_t last = begin[static_cast<std::size_t>(e)];
    out.entity_offsets[p.first_entity + e + 1] = p.first_row + last;
    if (!std::is_sorted(items + first, items + last, less)) {
      Status status = parallel_sort(items + first, last - first, threads, stop, less);
      if (!status.ok()) return status;
    }
    for (std::int64_t k = first + 1; k < last; ++k) {
      if (less(items[k - 1], items[k])) continue;
      ++n_equal;
      if (duplicates != nullptr) duplicates->push_back(p.first_row + k);
    }
    first = last;
  }
  done = each_row(p.n, stop, [&](std::int64_t k) {
    out.time[p.first_row + k] = items[k].time;
    write_code(out, p.first_row + k, items[k].code);
  });
  for (std::size_t c = 0; c < shape.n_wide(); ++c) {
    done = done && each_row(p.n, stop, [&](std::int64_t k) {
      out.wide[c][p.first_row + k] = from_order_key(p.wide[c][items[k].index]);
    });
  }
  for (std::size_t c = 0; c < shape.n_strings; ++c) {
    done = done && each_row(p.n, stop, [&](std::int64_t k) {
      out.strings[c][p.first_row + k] = static_cast<std::int32_t>(p.narrow[c][items[k].index]) - 1;
    });
  }
  if (shape.has_event_id) {
    const std::uint32_t* ids = p.narrow[shape.n_strings];
    done = done && each_row(p.n, stop, [&](std::int64_t k) { out.event_id[p.first_row + k] = ids[items[k].index]; });
  }
  if (!done) return cancelled();
  return n_equal;
}

}  // namespace

Result<std::int64_t> order_partition(const Partition& partition, const Shape& shape, int threads,
                                     const StopToken& stop, const LogColumns& out, PartitionScratch& scratch,
                                     std::vector<std::int64_t>* duplicates) {
  if (partition.in_place) return order_in_place(partition, threads, stop, out, duplicates);
  if (partition.n > std::numeric_limits<std::uint32_t>::max()) {
    return Status(Code::out_of_range, "more than 4,294,967,295 events in one range of entities; split the log by time");
  }
  const std::vector<KeyColumn> keys = key_columns(partition, shape);
  if (keys.empty()) {
    return order_by_entity(partition, shape, threads, stop, out, scratch, duplicates, ByTimeAndCode());
  }
  return order_by_entity(partition, shape, threads, stop, out, scratch, duplicates, ByAllKeys(keys));
}

}  // namespace seqmine::detail
