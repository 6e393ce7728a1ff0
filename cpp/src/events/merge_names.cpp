#include "events/merge_names.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "events/text_column.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine::detail {

namespace {

/// The number of bytes of all names, or -1 when an offset points outside of the text. After it text_at cannot fail.
Result<std::int64_t> total_bytes(const TextView& names, const StopToken& stop) {
  const Status damaged(Code::invalid_argument, "the names point outside of their text");
  if (names.length < 0 || names.offset < 0 || names.values != nullptr) return damaged;
  if (names.length > 0 && names.offsets32 == nullptr && names.offsets64 == nullptr) return damaged;
  std::int64_t n_bytes = 0;
  std::string_view text;
  for (std::int64_t i = 0; i < names.length; ++i) {
    if (i % tuning::poll_steps == 0 && stop.stop_requested()) return Status(Code::cancelled, "cancelled");
    if (!text_at(names, i, text)) return damaged;
    n_bytes += static_cast<std::int64_t>(text.size());
  }
  return n_bytes;
}

std::string_view name_at(const TextView& names, std::int64_t i) noexcept {
  std::string_view text;
  (void)text_at(names, i, text);
  return text;
}

/// The first place at or after `from` whose name is not below `name`. Looks ahead in doubling steps: the next name is
/// near when the lists are of one length, and far when one is short.
std::int64_t place_of(const TextView& base, std::int64_t from, std::string_view name) noexcept {
  std::int64_t low = from;
  std::int64_t step = 1;
  while (low + step <= base.length && name_at(base, low + step - 1) < name) {
    low += step;
    step *= 2;
  }
  std::int64_t high = std::min(base.length, low + step);
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (name_at(base, middle) < name) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

class Writer {
 public:
  Writer(Names& names, std::int64_t n, std::int64_t n_bytes) : names_(names) {
    names.offsets = Column<std::int64_t>(n + 1);
    names.bytes = Column<std::uint8_t>(n_bytes);
    names.offsets[0] = 0;
  }

  /// Names follow each other in memory, so that a run of them is one piece of text.
  void copy(const TextView& from, std::int64_t begin, std::int64_t end) {
    if (begin == end) return;
    const std::int64_t first = begin_of(from, begin);
    const std::int64_t size = begin_of(from, end) - first;
    const std::int64_t shift = names_.offsets[n_] - first;
    for (std::int64_t i = begin; i < end; ++i) names_.offsets[++n_] = begin_of(from, i + 1) + shift;
    if (size > 0) std::memcpy(names_.bytes.data() + first + shift, from.data + first, static_cast<std::size_t>(size));
  }

 private:
  static std::int64_t begin_of(const TextView& from, std::int64_t i) noexcept {
    return from.offsets32 != nullptr ? from.offsets32[from.offset + i] : from.offsets64[from.offset + i];
  }

  Names& names_;
  std::int64_t n_ = 0;
};

}  // namespace

Result<NameUnion> unite_names(const TextView& base, const TextView& added, const StopToken& stop) {
  const Result<std::int64_t> base_bytes = total_bytes(base, stop);
  if (!base_bytes.ok()) return base_bytes.status();
  const Result<std::int64_t> added_bytes = total_bytes(added, stop);
  if (!added_bytes.ok()) return added_bytes.status();
  NameUnion merged;
  merged.place.resize(static_cast<std::size_t>(added.length));
  merged.is_known.resize(static_cast<std::size_t>(added.length));
  std::int64_t n_bytes = base_bytes.value() + added_bytes.value();
  std::int64_t n = base.length + added.length;
  std::int64_t from = 0;
  for (std::int64_t j = 0; j < added.length; ++j) {
    if (j % tuning::ingest_block_rows == 0 && stop.stop_requested()) return Status(Code::cancelled, "cancelled");
    const std::string_view name = name_at(added, j);
    from = place_of(base, from, name);
    const bool is_known = from < base.length && name_at(base, from) == name;
    merged.place[static_cast<std::size_t>(j)] = from;
    merged.is_known[static_cast<std::size_t>(j)] = is_known ? 1 : 0;
    if (is_known) {
      n_bytes -= static_cast<std::int64_t>(name.size());
      --n;
    }
  }
  Writer writer(merged.names, n, n_bytes);
  std::int64_t done = 0;
  for (std::int64_t j = 0; j < added.length; ++j) {
    if (merged.is_known[static_cast<std::size_t>(j)] != 0) continue;
    const std::int64_t place = merged.place[static_cast<std::size_t>(j)];
    writer.copy(base, done, place);
    writer.copy(added, j, j + 1);
    done = place;
  }
  writer.copy(base, done, base.length);
  return merged;
}

std::vector<std::uint32_t> base_numbers(const NameUnion& merged, std::int64_t n_base) {
  std::vector<std::uint32_t> numbers;
  if (merged.names.size() == n_base) return numbers;
  numbers.resize(static_cast<std::size_t>(n_base));
  std::size_t j = 0;
  std::uint32_t n_new = 0;
  for (std::int64_t i = 0; i < n_base; ++i) {
    for (; j < merged.place.size() && merged.place[j] <= i; ++j) n_new += merged.is_known[j] == 0 ? 1 : 0;
    numbers[static_cast<std::size_t>(i)] = static_cast<std::uint32_t>(i) + n_new;
  }
  return numbers;
}

std::vector<std::uint32_t> added_numbers(const NameUnion& merged) {
  std::vector<std::uint32_t> numbers(merged.place.size());
  std::int64_t n_new = 0;
  bool changed = false;
  for (std::size_t j = 0; j < numbers.size(); ++j) {
    numbers[j] = static_cast<std::uint32_t>(merged.place[j] + n_new);
    n_new += merged.is_known[j] == 0 ? 1 : 0;
    changed = changed || numbers[j] != j;
  }
  if (!changed) numbers.clear();
  return numbers;
}

}  // namespace seqmine::detail
