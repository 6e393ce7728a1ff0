#include "events/compact.hpp"

#include <algorithm>
#include <cstddef>

#include "seqmine/tuning.hpp"

namespace seqmine::detail {

namespace {

/// Moves what lies between the drops together. The memory of the dropped rows goes back when it is worth a copy.
template <class T>
Status close_gaps(Column<T>& column, const std::vector<std::int64_t>& drops, const StopToken& stop) {
  if (column.size() == 0) return {};
  std::int64_t to = drops.front();
  for (std::size_t d = 0; d < drops.size(); ++d) {
    if (d % static_cast<std::size_t>(tuning::poll_steps) == 0 && stop.stop_requested()) {
      return {Code::cancelled, "cancelled"};
    }
    const std::int64_t from = drops[d] + 1;
    const std::int64_t end = d + 1 < drops.size() ? drops[d + 1] : column.size();
    std::copy(column.data() + from, column.data() + end, column.data() + to);
    to += end - from;
  }
  if (to < column.size() / 8 * 7) {
    Column<T> smaller(to);
    std::copy(column.data(), column.data() + to, smaller.data());
    column = std::move(smaller);
  } else {
    column.truncate(to);
  }
  return {};
}

/// Removes the unused names and gives the new code of each old one; empty when all are in use.
std::vector<std::uint32_t> keep_used(const std::vector<bool>& used, Names& names) {
  std::vector<std::uint32_t> renumbered;
  if (std::find(used.begin(), used.end(), false) == used.end()) return renumbered;
  std::uint32_t n = 0;
  for (const bool is_used : used) {
    renumbered.push_back(n);
    n += is_used ? 1U : 0U;
  }
  names = select_names(names, used);
  return renumbered;
}

}  // namespace

Status drop_rows(IngestedLog& log, const std::vector<std::int64_t>& drops, const StopToken& stop) {
  std::size_t d = 0;
  for (std::int64_t e = 0; e < log.entity_offsets.size(); ++e) {
    std::int64_t& offset = log.entity_offsets[e];
    while (d < drops.size() && drops[d] < offset) ++d;
    offset -= static_cast<std::int64_t>(d);
  }
  if (Status status = close_gaps(log.time, drops, stop); !status.ok()) return status;
  if (Status status = close_gaps(log.code16, drops, stop); !status.ok()) return status;
  if (Status status = close_gaps(log.code32, drops, stop); !status.ok()) return status;
  if (Status status = close_gaps(log.value, drops, stop); !status.ok()) return status;
  for (auto& column : log.string_codes) {
    if (Status status = close_gaps(column, drops, stop); !status.ok()) return status;
  }
  for (auto& column : log.numbers) {
    if (Status status = close_gaps(column, drops, stop); !status.ok()) return status;
  }
  return {};
}

Names select_names(const Names& names, const std::vector<bool>& keep) {
  std::int64_t n = 0;
  std::int64_t n_bytes = 0;
  for (std::int64_t i = 0; i < names.size(); ++i) {
    if (!keep[static_cast<std::size_t>(i)]) continue;
    ++n;
    n_bytes += names.offsets[i + 1] - names.offsets[i];
  }
  Names kept;
  kept.offsets = Column<std::int64_t>(n + 1);
  kept.bytes = Column<std::uint8_t>(n_bytes);
  kept.offsets[0] = 0;
  std::int64_t k = 0;
  for (std::int64_t i = 0; i < names.size(); ++i) {
    if (!keep[static_cast<std::size_t>(i)]) continue;
    std::copy(names.bytes.data() + names.offsets[i], names.bytes.data() + names.offsets[i + 1],
              kept.bytes.data() + kept.offsets[k]);
    kept.offsets[k + 1] = kept.offsets[k] + names.offsets[i + 1] - names.offsets[i];
    ++k;
  }
  return kept;
}

void drop_empty_entities(IngestedLog& log) {
  Column<std::int64_t>& offsets = log.entity_offsets;
  std::vector<bool> keep(static_cast<std::size_t>(log.entity_names.size()));
  std::int64_t n = 0;
  for (std::int64_t e = 0; e + 1 < offsets.size(); ++e) {
    if (offsets[e + 1] == offsets[n]) continue;  // offsets[n] is where the last kept entity ends
    keep[static_cast<std::size_t>(e)] = true;
    offsets[++n] = offsets[e + 1];
  }
  offsets.truncate(n + 1);
  if (n < log.entity_names.size()) log.entity_names = select_names(log.entity_names, keep);
}

void drop_unused_types(IngestedLog& log) {
  std::vector<bool> used(static_cast<std::size_t>(log.event_names.size()));
  for (std::int64_t i = 0; i < log.code16.size(); ++i) used[log.code16[i]] = true;
  for (std::int64_t i = 0; i < log.code32.size(); ++i) used[log.code32[i]] = true;
  const std::vector<std::uint32_t> renumbered = keep_used(used, log.event_names);
  if (renumbered.empty()) return;
  for (std::int64_t i = 0; i < log.code16.size(); ++i) {
    log.code16[i] = static_cast<std::uint16_t>(renumbered[log.code16[i]]);
  }
  if (!log.wide_codes) return;
  for (std::int64_t i = 0; i < log.code32.size(); ++i) log.code32[i] = renumbered[log.code32[i]];
  if (log.event_names.size() > 65'536) return;
  // The width is a function of the log, not of what was dropped on the way to it.
  log.code16 = Column<std::uint16_t>(log.code32.size());
  for (std::int64_t i = 0; i < log.code32.size(); ++i) log.code16[i] = static_cast<std::uint16_t>(log.code32[i]);
  log.code32 = Column<std::uint32_t>();
  log.wide_codes = false;
}

void drop_unused_strings(Column<std::int32_t>& codes, Names& names) {
  std::vector<bool> used(static_cast<std::size_t>(names.size()));
  for (std::int64_t i = 0; i < codes.size(); ++i) {
    if (codes[i] >= 0) used[static_cast<std::size_t>(codes[i])] = true;
  }
  const std::vector<std::uint32_t> renumbered = keep_used(used, names);
  if (renumbered.empty()) return;
  for (std::int64_t i = 0; i < codes.size(); ++i) {
    if (codes[i] >= 0) codes[i] = static_cast<std::int32_t>(renumbered[static_cast<std::size_t>(codes[i])]);
  }
}

}  // namespace seqmine::detail
