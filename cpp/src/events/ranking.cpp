#include "events/ranking.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>
#include <utility>

#include "events/parallel_sort.hpp"
#include "seqmine/parallel.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine::detail {

namespace {

// Names are compared eight bytes at a time: all share their first `depth` bytes, the next eight are the key, and what
// has the same key is sorted again eight bytes further on. A cached key costs no cache miss; comparing the names
// themselves costs two.
struct Item {
  std::uint64_t key;
  const NameEntry* entry;
};

struct Range {
  std::int64_t begin;
  std::int64_t end;
  std::size_t depth;
};

// Below this many names the comparison of whole texts is quicker than another round of keys.
constexpr std::int64_t direct_names = 24;

// Names that one worker handles between two looks at the StopToken.
constexpr std::int64_t unit_names = 16'384;

/// Eight bytes from `depth` as a big-endian number, zeros where the name has ended.
std::uint64_t key_at(std::string_view name, std::size_t depth) noexcept {
  std::uint64_t key = 0;
  if (depth >= name.size()) return 0;
  std::memcpy(&key, name.data() + depth, std::min<std::size_t>(8, name.size() - depth));
  return std::endian::native == std::endian::little ? __builtin_bswap64(key) : key;
}

/// How many bytes all names share with `first`, given that they share `depth`.
std::size_t common_prefix(std::string_view first, const Item* begin, const Item* end, std::size_t depth) noexcept {
  std::size_t common = first.size();
  for (const Item* item = begin; item < end && common > depth; ++item) {
    const std::string_view name = item->entry->text();
    common = std::min(common, name.size());
    if (std::memcmp(first.data() + depth, name.data() + depth, common - depth) != 0) {
      std::size_t k = depth;
      while (first[k] == name[k]) ++k;
      common = k;
    }
  }
  return common;
}

class NameSorter {
 public:
  NameSorter(Item* items, const StopToken& stop) : items_(items), stop_(stop) {}

  /// Sorts one range by one key and adds the ranges of equal keys that need another round.
  Status split(const Range& range, int threads, std::vector<Range>& rest) const {
    Item* const begin = items_ + range.begin;
    Item* const end = items_ + range.end;
    if (range.end - range.begin <= direct_names) {
      std::sort(begin, end, [&](const Item& a, const Item& b) {
        return a.entry->text().substr(range.depth) < b.entry->text().substr(range.depth);
      });
      return {};
    }
    std::size_t depth = 0;
    if (Status status = set_keys(range, threads, depth); !status.ok()) return status;
    Status status = parallel_sort(begin, end - begin, threads, stop_,
                                  [](const Item& a, const Item& b) { return a.key < b.key; });
    if (!status.ok()) return status;
    for (Item* first = begin; first < end;) {  // reads keys only, save in groups of equal ones
      Item* last = first + 1;
      while (last < end && last->key == first->key) ++last;
      if (last - first > 1) {
        // Names that end within this key agree in all bytes so far: the shorter is a prefix of the others.
        Item* const longer =
            std::partition(first, last, [&](const Item& item) { return item.entry->length <= depth + 8; });
        std::sort(first, longer,
                  [](const Item& a, const Item& b) { return a.entry->length < b.entry->length; });
        if (last - longer > 1) rest.push_back({longer - items_, last - items_, depth + 8});
      }
      first = last;
    }
    return {};
  }

 private:
  /// Skips what all names of the range share, and sets the keys there. Every name is a cache miss, so it runs on all
  /// threads.
  Status set_keys(const Range& range, int threads, std::size_t& depth) const {
    const std::int64_t n = range.end - range.begin;
    const std::int64_t n_units = (n + unit_names - 1) / unit_names;
    std::vector<std::size_t> common(static_cast<std::size_t>(n_units));
    const auto each_unit = [&](const auto& work) {
      return parallel_for(n_units, n_units == 1 ? 1 : threads, stop_, [&](std::int64_t unit, int) -> Status {
        Item* const first = items_ + range.begin + unit * unit_names;
        work(static_cast<std::size_t>(unit), first, first + std::min(unit_names, n - unit * unit_names));
        return {};
      });
    };
    const Item& reference = items_[range.begin];
    Status status = each_unit([&](std::size_t unit, const Item* first, const Item* last) {
      common[unit] = common_prefix(reference.entry->text(), first, last, range.depth);
    });
    if (!status.ok()) return status;
    depth = *std::min_element(common.begin(), common.end());
    return each_unit([&](std::size_t, Item* first, Item* last) {
      for (Item* item = first; item < last; ++item) item->key = key_at(item->entry->text(), depth);
    });
  }

  Item* items_;
  const StopToken& stop_;
};

Status sort_names(Item* items, std::int64_t n, int threads, const StopToken& stop) {
  const NameSorter sorter(items, stop);
  std::vector<Range> level{{0, n, 0}};
  while (!level.empty()) {
    if (stop.stop_requested()) return {Code::cancelled, "cancelled"};
    std::vector<Range> next;
    std::vector<Range> small;
    for (const Range& range : level) {
      if (range.end - range.begin <= tuning::sort_leaf_rows) {
        small.push_back(range);
      } else if (Status status = sorter.split(range, threads, next); !status.ok()) {
        return status;
      }
    }
    // Small ranges are finished by one worker each, in bundles: most of them are pairs.
    constexpr std::int64_t bundle = 256;
    const auto n_small = static_cast<std::int64_t>(small.size());
    Status status =
        parallel_for((n_small + bundle - 1) / bundle, threads, stop, [&](std::int64_t unit, int) -> Status {
          const std::int64_t last = std::min(n_small, (unit + 1) * bundle);
          std::vector<Range> stack(small.begin() + unit * bundle, small.begin() + last);
          while (!stack.empty()) {
            const Range range = stack.back();
            stack.pop_back();
            Status inner = sorter.split(range, 1, stack);
            if (!inner.ok()) return inner;
          }
          return {};
        });
    if (!status.ok()) return status;
    level.swap(next);
  }
  return {};
}

/// visit(i) for i in [0, n), on all threads.
template <class Visit>
Status for_each_name(std::int64_t n, int threads, const StopToken& stop, const Visit& visit) {
  return parallel_for((n + unit_names - 1) / unit_names, threads, stop, [&](std::int64_t unit, int) -> Status {
    for (std::int64_t i = unit * unit_names; i < std::min(n, (unit + 1) * unit_names); ++i) visit(i);
    return {};
  });
}

/// Copies the names into one block, in this order.
template <class EntryAt>
Result<Names> pack(std::int64_t n, int threads, const StopToken& stop, const EntryAt& entry_at) {
  Names packed;
  packed.offsets = Column<std::int64_t>(n + 1);
  packed.offsets[0] = 0;
  Status status = for_each_name(n, threads, stop,
                                [&](std::int64_t i) { packed.offsets[i + 1] = entry_at(i)->length; });
  if (!status.ok()) return status;
  for (std::int64_t i = 0; i < n; ++i) packed.offsets[i + 1] += packed.offsets[i];
  packed.bytes = Column<std::uint8_t>(packed.offsets[n]);
  status = for_each_name(n, threads, stop, [&](std::int64_t i) {
    const NameEntry* entry = entry_at(i);
    if (entry->length != 0) std::memcpy(packed.bytes.data() + packed.offsets[i], entry->bytes(), entry->length);
  });
  if (!status.ok()) return status;
  return packed;
}

}  // namespace

Result<Ranking> rank_names(const std::vector<const NameArena*>& arenas, std::int64_t n, bool distinct, int threads,
                           const StopToken& stop) {
  Column<Item> items(n);
  std::int64_t filled = 0;
  for (const NameArena* arena : arenas) {
    if (stop.stop_requested()) return Status(Code::cancelled, "cancelled");
    arena->for_each([&](const NameEntry& entry) { items[filled++] = {0, &entry}; });
  }
  if (Status status = sort_names(items.data(), n, threads, stop); !status.ok()) return status;
  Ranking ranking;
  ranking.rank.resize(static_cast<std::size_t>(n));
  std::int64_t n_ranks = n;
  if (distinct) {
    Status status = for_each_name(n, threads, stop, [&](std::int64_t i) {
      ranking.rank[items[i].entry->id] = static_cast<std::uint32_t>(i);
    });
    if (!status.ok()) return status;
  } else {
    n_ranks = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      if (i % tuning::poll_steps == 0 && stop.stop_requested()) return Status(Code::cancelled, "cancelled");
      const NameEntry* const entry = items[i].entry;
      if (n_ranks == 0 || items[n_ranks - 1].entry->text() != entry->text()) items[n_ranks++].entry = entry;
      ranking.rank[entry->id] = static_cast<std::uint32_t>(n_ranks - 1);
    }
  }
  Result<Names> names = pack(n_ranks, threads, stop, [&](std::int64_t i) { return items[i].entry; });
  if (!names.ok()) return names.status();
  ranking.names = std::move(names.value());
  return ranking;
}

Result<Names> names_by_id(const std::vector<const NameArena*>& arenas, std::int64_t n) {
  std::vector<const NameEntry*> entries(static_cast<std::size_t>(n));
  for (const NameArena* arena : arenas) {
    arena->for_each([&](const NameEntry& entry) { entries[entry.id] = &entry; });
  }
  return pack(n, 1, StopToken(), [&](std::int64_t i) { return entries[static_cast<std::size_t>(i)]; });
}

}  // namespace seqmine::detail
