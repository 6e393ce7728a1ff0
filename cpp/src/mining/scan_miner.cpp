#include "scan_miner.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "search/scan_rows.hpp"
#include "suffix_miner.hpp"

namespace seqmine::mining {

namespace {

using search::nobody;
using search::Occurrences;
using search::Target;

/// A subtree's root: a prefix by its last item, its occurrences, and its extensions where they are known.
struct Prefix {
  std::uint32_t last = 0, depth = 0;
  Occurrences list;
};

struct Child {
  std::uint32_t item, support, n_entries;
  bool searched;         // something may be frequent below it
  std::uint32_t* end;    // its occurrences, when searched
  std::uint32_t* start;
};

struct Frame {
  Child* children;
  std::uint32_t n_children, next, depth;
  search::Arena::Mark mark;
};

struct Cell {
  std::uint32_t row, n_rows, n_entries;
};

struct Scratch {
  std::vector<Cell> cells;
  std::vector<Target> targets;
  std::vector<Frame> frames;
  std::vector<std::uint32_t> local;       // item -> number among the extensions at hand, or nobody
  std::vector<Follower> candidates, both;
  std::vector<std::uint32_t> keys, moments;
  SuffixRoot root;
};

Scratch& scratch_of(Worker& worker, std::uint32_t n_items) {
  if (!worker.scan_scratch) {
    auto scratch = std::make_shared<Scratch>();
    scratch->cells.resize(n_items);
    scratch->targets.resize(n_items);
    scratch->local.assign(n_items, nobody);
    worker.scan_scratch = scratch;
  }
  return *static_cast<Scratch*>(worker.scan_scratch.get());
}

template <Keep keep>
class Search {
 public:
  Search(Worker& worker, const ScanContext& context)
      : worker_(worker), context_(context), scratch_(scratch_of(worker, context.table.n_items)) {}

  /// Emits everything below a prefix whose extensions are given with their numbers.
  void run(const Prefix& root, const std::vector<Follower>& extensions) {
    const std::size_t bottom = scratch_.frames.size();
    expand(root, extensions);
    while (scratch_.frames.size() > bottom) {
      Frame& frame = scratch_.frames.back();
      if (frame.next == frame.n_children || worker_.pool.ended()) {
        worker_.arena.release(frame.mark);
        scratch_.frames.pop_back();
        continue;
      }
      const Child child = frame.children[frame.next++];
      worker_.emit(child.item, child.support, frame.depth + 1);
      if (child.searched) descend(Frame(frame), child);
    }
  }

 private:
  void descend(const Frame& frame, const Child& child);
  void expand(const Prefix& prefix, const std::vector<Follower>& extensions);
  void count(const Occurrences& list, std::vector<Follower>& candidates);
  bool short_enough(const Occurrences& list);
  void merge_rests(const Prefix& prefix, const std::vector<Follower>& extensions);

  const std::vector<Follower>& followers(std::uint32_t item) const { return context_.pairs.followers[item]; }

  /// A prefix with more occurrences than this times its possible extensions is worth another worker's while.
  static constexpr std::size_t give_away_above = 4096;
  /// Most extensions that a database of merged rests is made for.
  static constexpr std::size_t max_merged_items = 256;

  Worker& worker_;
  const ScanContext& context_;
  Scratch& scratch_;
};

/// A subtree with occurrences of its own (`end`, `start`) or, without, all occurrences of the item `last`.
template <Keep keep>
class ScanSubtree final : public Subtree {
 public:
  ScanSubtree(const ScanContext& context, std::uint32_t last) : context_(context), last_(last) {
    extensions_ = context.pairs.followers[last];
    depth_ = 1;
  }
  ScanSubtree(const ScanContext& context, const Prefix& prefix, std::vector<Follower> extensions)
      : context_(context), last_(prefix.last), depth_(prefix.depth), extensions_(std::move(extensions)) {
    end_.assign(prefix.list.end, prefix.list.end + prefix.list.n);
    if (keep == Keep::spans) start_.assign(prefix.list.start, prefix.list.start + prefix.list.n);
  }

  void search(Worker& worker) override {
    Prefix prefix{last_, depth_, {end_.data(), start_.data(), end_.size()}};
    if (end_.empty()) {
      const std::size_t begin = context_.table.offset[last_];
      const std::uint32_t* entries = context_.table.occurrence.data() + begin;
      prefix.list = {entries, entries, context_.table.offset[last_ + 1] - begin};
    }
    Search<keep>(worker, context_).run(prefix, extensions_);
  }

 private:
  const ScanContext& context_;
  std::uint32_t last_, depth_;
  std::vector<Follower> extensions_;
  std::vector<std::uint32_t> end_, start_;
};

template <Keep keep>
void Search<keep>::descend(const Frame& frame, const Child& child) {
  const std::size_t n = keep == Keep::earliest ? child.support : child.n_entries;
  const Prefix prefix{child.item, frame.depth + 1, {child.end, child.start, n}};
  std::vector<Follower>& candidates = scratch_.candidates;
  candidates.clear();
  for (const Follower& follower : followers(child.item)) {
    candidates.push_back(follower);
  }
  if constexpr (keep == Keep::earliest) {
    // Without upper limits what cannot follow the shorter prefix cannot follow the longer one.
    std::vector<Follower>& both = scratch_.both;
    both.clear();
    const Child* sibling = frame.children;
    const Child* end = frame.children + frame.n_children;
    for (const Follower& follower : candidates) {
      while (sibling != end && sibling->item < follower.item) ++sibling;
      if (sibling != end && sibling->item == follower.item) both.push_back(follower);
    }
    std::swap(candidates, both);
  }
  count(prefix.list, candidates);
  if (candidates.empty()) return;
  if (n * candidates.size() > give_away_above && worker_.pool.hungry()) {
    worker_.hand_over(std::make_unique<ScanSubtree<keep>>(context_, prefix, candidates));
    return;
  }
  expand(prefix, candidates);
}

/// Leaves of the candidates those that are frequent after the list's occurrences, with their numbers.
template <Keep keep>
void Search<keep>::count(const Occurrences& list, std::vector<Follower>& candidates) {
  ++worker_.n_nodes;
  if (candidates.empty()) return;
  // Only candidates are read afterwards, so only they are cleared; what the others count means nothing.
  for (const Follower& candidate : candidates) scratch_.cells[candidate.item] = {nobody, 0, 0};
  Cell* cells = scratch_.cells.data();
  const std::uint32_t* item = context_.table.item;
  search::for_each_range<keep>(context_.table, list,
                               [&](std::uint32_t from, std::uint32_t to, std::size_t, std::uint32_t row) {
    if (worker_.spend(to - from)) return;
    for (std::uint32_t j = from; j < to; ++j) {
      Cell& cell = cells[item[j]];
      cell.n_rows += cell.row != row ? 1 : 0;
      cell.row = row;
      ++cell.n_entries;
    }
  });
  const std::uint32_t floor = worker_.pool.floor.get();
  std::size_t n = 0;
  for (const Follower& candidate : candidates) {
    const Cell& cell = cells[candidate.item];
    if (cell.n_rows >= floor) candidates[n++] = {candidate.item, cell.n_rows, cell.n_entries};
  }
  // An unfinished scan counts too little: nothing may be said below this prefix.
  candidates.resize(worker_.pool.ended() ? 0 : n);
}

template <Keep keep>
void Search<keep>::expand(const Prefix& prefix, const std::vector<Follower>& extensions) {
  if (keep == Keep::earliest && context_.table.plain && extensions.size() <= max_merged_items &&
      short_enough(prefix.list)) {
    merge_rests(prefix, extensions);
    return;
  }
  search::Arena& arena = worker_.arena;
  Frame frame{nullptr, static_cast<std::uint32_t>(extensions.size()), 0, prefix.depth, arena.mark()};
  frame.children = arena.take<Child>(extensions.size());
  const auto max_length = static_cast<std::uint64_t>(worker_.pool.options.max_length);
  const bool last = max_length != 0 && prefix.depth + 2 > max_length;
  std::size_t n_entries = 1;  // place 0 takes what is not wanted
  for (std::size_t i = 0; i < extensions.size(); ++i) {
    const Follower& extension = extensions[i];
    const bool searched = !last && !followers(extension.item).empty();
    frame.children[i] = {extension.item, extension.support, extension.n_entries, searched, nullptr, nullptr};
    if (!searched) continue;
    scratch_.targets[extension.item] = {static_cast<std::uint32_t>(n_entries), 1, nobody};
    n_entries += keep == Keep::earliest ? extension.support : extension.n_entries;
  }
  if (n_entries > 1) {
    auto* end = arena.take<std::uint32_t>(n_entries);
    auto* start = keep == Keep::spans ? arena.take<std::uint32_t>(n_entries) : nullptr;
    for (std::size_t i = 0; i < extensions.size(); ++i) {
      Child& child = frame.children[i];
      if (!child.searched) continue;
      child.end = end + scratch_.targets[child.item].at;
      if (keep == Keep::spans) child.start = start + scratch_.targets[child.item].at;
    }
    search::distribute<keep>(context_.table, prefix.list, scratch_.targets.data(), end, start,
                             [&](std::uint32_t n) { worker_.spend(n); });
    for (const Follower& extension : extensions) scratch_.targets[extension.item] = {};
  }
  scratch_.frames.push_back(frame);
}

/// Whether what follows the list is little enough to be merged.
template <Keep keep>
bool Search<keep>::short_enough(const Occurrences& list) {
  std::int64_t n_entries = 0;
  search::for_each_range<keep>(context_.table, list,
                               [&](std::uint32_t from, std::uint32_t to, std::size_t, std::uint32_t) {
    n_entries += to - from;
  });
  return n_entries <= tuning::most_merged_entries;
}

/// Leaves the scanning for a database of merged rests, which holds the prefix's extensions and nothing else.
template <Keep keep>
void Search<keep>::merge_rests(const Prefix& prefix, const std::vector<Follower>& extensions) {
  SuffixRoot& root = scratch_.root;
  std::vector<std::uint32_t> labels;
  root.support.clear();
  for (const Follower& extension : extensions) {
    scratch_.local[extension.item] = static_cast<std::uint32_t>(labels.size());
    labels.push_back(extension.item);
    root.support.push_back(extension.support);
  }
  root.depth = prefix.depth;
  SuffixBuilder& builder = suffix_builder(worker_);
  builder.begin(root.db, std::move(labels));
  const ScanTable& table = context_.table;
  search::for_each_range<keep>(table, prefix.list,
                               [&](std::uint32_t from, std::uint32_t to, std::size_t, std::uint32_t) {
    if (worker_.spend(to - from)) return;
    if (scratch_.keys.size() < to - from) {
      scratch_.keys.resize(2 * std::size_t{to - from});
      scratch_.moments.resize(2 * std::size_t{to - from});
    }
    std::size_t n = 0;
    for (std::uint32_t j = from; j < to; ++j) {
      const std::uint32_t local = scratch_.local[table.item[j]];
      scratch_.keys[n] = local;
      scratch_.moments[n] = table.window(j).from;  // entries at one time have the same next one
      n += local != nobody ? 1 : 0;
    }
    std::uint32_t node = 0;
    std::uint32_t behind = nobody;
    while (n-- > 0) {
      node = builder.intern(node, scratch_.keys[n] << 1 | (scratch_.moments[n] == behind ? 1 : 0));
      behind = scratch_.moments[n];
    }
    builder.add_start(node, 1);
  });
  builder.finish();
  const auto n_words = static_cast<std::size_t>(root.db.n_words);
  root.siblings.assign(extensions.size() * n_words, 0);
  for (std::size_t i = 0; i < extensions.size(); ++i) {
    for (const Follower& follower : followers(extensions[i].item)) {
      const std::uint32_t local = scratch_.local[follower.item];
      if (local != nobody) root.siblings[i * n_words + (local >> 6)] |= std::uint64_t{1} << (local & 63);
    }
  }
  for (const Follower& extension : extensions) scratch_.local[extension.item] = nobody;
  worker_.other_bytes = root.db.bytes();
  if (!worker_.pool.ended()) mine_suffixes(worker_, root);
}

class WholeSearch final : public Subtree {
 public:
  WholeSearch(const ScanContext& context, const Database& database) : context_(context), database_(database) {}

  void search(Worker& worker) override {
    for (std::uint32_t item = 0; item < context_.table.n_items; ++item) {
      worker.emit(item, static_cast<std::uint32_t>(database_.support[item]), 1);
      if (context_.pairs.followers.empty() || context_.pairs.followers[item].empty()) continue;
      switch (context_.keep) {
        case Keep::earliest: worker.hand_over(std::make_unique<ScanSubtree<Keep::earliest>>(context_, item)); break;
        case Keep::all: worker.hand_over(std::make_unique<ScanSubtree<Keep::all>>(context_, item)); break;
        case Keep::spans: worker.hand_over(std::make_unique<ScanSubtree<Keep::spans>>(context_, item)); break;
      }
    }
  }

 private:
  const ScanContext& context_;
  const Database& database_;
};

}  // namespace

std::unique_ptr<Subtree> whole_search(const ScanContext& context, const Database& database) {
  return std::make_unique<WholeSearch>(context, database);
}

}  // namespace seqmine::mining
