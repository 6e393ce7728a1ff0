#include "events/ranking.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

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
  std::uint32_t name;
};

struct Range {
  std::int64_t begin;
  std::int64_t end;
  std::size_t depth;
};

// Below this many names the comparison of whole texts is quicker than another round of keys.
constexpr std::int64_t direct_names = 24;

/// Eight bytes from `depth` as a big-endian number, zeros where the name has ended.
std::uint64_t key_at(std::string_view name, std::size_t depth) noexcept {
  std::uint64_t key = 0;
  if (depth >= name.size()) return 0;
  std::memcpy(&key, name.data() + depth, std::min<std::size_t>(8, name.size() - depth));
  return std::endian::native == std::endian::little ? __builtin_bswap64(key) : key;
}

std::size_t common_prefix(const std::vector<std::string_view>& names, const Item* begin, const Item* end,
                          std::size_t depth) noexcept {
  const std::string_view first = names[begin->name];
  std::size_t common = first.size();
  for (const Item* item = begin + 1; item < end && common > depth; ++item) {
    const std::string_view name = names[item->name];
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
  NameSorter(const std::vector<std::string_view>& names, Item* items, const StopToken& stop)
      : names_(names), items_(items), stop_(stop) {}

  /// Sorts one range by one key and adds the ranges of equal keys that need another round.
  Status split(const Range& range, int threads, std::vector<Range>& rest) const {
    Item* const begin = items_ + range.begin;
    Item* const end = items_ + range.end;
    if (range.end - range.begin <= direct_names) {
      std::sort(begin, end, [&](const Item& a, const Item& b) {
        return names_[a.name].substr(range.depth) < names_[b.name].substr(range.depth);
      });
      return {};
    }
    const std::size_t depth = common_prefix(names_, begin, end, range.depth);
    for (Item* item = begin; item < end; ++item) item->key = key_at(names_[item->name], depth);
    Status status = parallel_sort(begin, end - begin, threads, stop_,
                                  [](const Item& a, const Item& b) { return a.key < b.key; });
    if (!status.ok()) return status;
    for (Item* first = begin; first < end;) {
      Item* last = first + 1;
      while (last < end && last->key == first->key) ++last;
      if (last - first > 1) {
        // Names that end within this key agree in all bytes so far: the shorter is a prefix of the others.
        Item* const longer =
            std::partition(first, last, [&](const Item& item) { return names_[item.name].size() <= depth + 8; });
        std::sort(first, longer,
                  [&](const Item& a, const Item& b) { return names_[a.name].size() < names_[b.name].size(); });
        if (last - longer > 1) rest.push_back({longer - items_, last - items_, depth + 8});
      }
      first = last;
    }
    return {};
  }

 private:
  const std::vector<std::string_view>& names_;
  Item* items_;
  const StopToken& stop_;
};

}  // namespace

Result<Ranking> rank_names(const std::vector<std::string_view>& names, int threads, const StopToken& stop) {
  const auto n = static_cast<std::int64_t>(names.size());
  Ranking ranking;
  if (n == 0) return ranking;
  Column<Item> items(n);
  for (std::int64_t i = 0; i < n; ++i) items[i] = {0, static_cast<std::uint32_t>(i)};
  const NameSorter sorter(names, items.data(), stop);
  std::vector<Range> level{{0, n, 0}};
  while (!level.empty()) {
    if (stop.stop_requested()) return Status(Code::cancelled, "cancelled");
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
  ranking.rank.resize(names.size());
  ranking.order.reserve(names.size());
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t name = items[i].name;
    if (ranking.order.empty() || names[ranking.order.back()] != names[name]) ranking.order.push_back(name);
    ranking.rank[name] = static_cast<std::uint32_t>(ranking.order.size() - 1);
  }
  return ranking;
}

Result<Names> pack_names(const std::vector<std::string_view>& names, int threads, const StopToken& stop) {
  const auto n = static_cast<std::int64_t>(names.size());
  Names packed;
  packed.offsets = Column<std::int64_t>(n + 1);
  packed.offsets[0] = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    packed.offsets[i + 1] = packed.offsets[i] + static_cast<std::int64_t>(names[static_cast<std::size_t>(i)].size());
  }
  packed.bytes = Column<std::uint8_t>(packed.offsets[n]);
  constexpr std::int64_t unit_names = 16'384;
  Status status =
      parallel_for((n + unit_names - 1) / unit_names, threads, stop, [&](std::int64_t unit, int) -> Status {
        for (std::int64_t i = unit * unit_names; i < std::min(n, (unit + 1) * unit_names); ++i) {
          const std::string_view name = names[static_cast<std::size_t>(i)];
          if (!name.empty()) std::memcpy(packed.bytes.data() + packed.offsets[i], name.data(), name.size());
        }
        return {};
      });
  if (!status.ok()) return status;
  return packed;
}

}  // namespace seqmine::detail
