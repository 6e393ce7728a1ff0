#include "suffix_miner.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <deque>
#include <utility>

#include "bit_counter.hpp"

namespace seqmine::mining {

namespace {

/// A frequent extension b of the prefix at hand, and what is known of the prefix with b.
struct Child {
  std::uint32_t item, support;
  Rest* list;  // rests of the prefix with b; nullptr: nothing below it is frequent
  std::uint32_t n;
  const std::uint32_t* extension_support;  // per item of its extensions, in item order
};

struct Frame {
  SuffixDb* db;
  Child* children;
  std::uint64_t* extensions;  // db->n_words per item: frequent extensions of the prefix with that item
  std::uint32_t n_children, next;
  std::uint32_t depth;        // of the prefix
  bool owns_db;               // the database on top of the stack was made for this frame
  search::Arena::Mark mark;
};

struct Scratch {
  SuffixBuilder builder;
  std::deque<SuffixDb> databases;  // a stack; each was cut out of the one before
  std::size_t n_databases = 0;
  std::vector<Frame> frames;
  std::vector<std::uint64_t> flags;  // sets of the list that is counted
  std::vector<std::uint32_t> heavy, support;
  std::vector<std::uint64_t> siblings;
  BitCounter counters[4];

  [[nodiscard]] std::size_t bytes() const noexcept {
    std::size_t bytes = builder.bytes();
    for (const SuffixDb& db : databases) bytes += db.bytes();
    return bytes;
  }
};

Scratch& scratch_of(Worker& worker) {
  if (!worker.suffix_scratch) worker.suffix_scratch = std::make_shared<Scratch>();
  return *static_cast<Scratch*>(worker.suffix_scratch.get());
}

class SuffixSubtree final : public Subtree {
 public:
  SuffixRoot root;
  void search(Worker& worker) override { mine_suffixes(worker, root); }
};

/// Adds the weights of rests of equal state; keeps the order of first appearance. Returns the new length.
/// `where` needs no clearing: an entry counts only if the list holds that state at that place.
std::uint32_t merge(Rest* list, std::uint32_t n, std::uint32_t* where, std::uint64_t& total) noexcept {
  std::uint32_t m = 0;
  for (std::uint32_t k = 0; k < n; ++k) {
    if (k + 16 < n) __builtin_prefetch(&where[list[k + 16].state], 1);
    const Rest rest = list[k];
    total += rest.weight;
    const std::uint32_t at = std::min(where[rest.state], m);
    const bool known = static_cast<bool>(static_cast<int>(at < m) & static_cast<int>(list[at].state == rest.state));
    const std::uint32_t target = known ? at : m;
    list[target] = {rest.state, rest.weight + (known ? list[at].weight : 0)};
    where[rest.state] = target;
    m += known ? 0 : 1;
  }
  return m;
}

template <int words>
class Search {
 public:
  Search(Worker& worker, Scratch& scratch) : worker_(worker), scratch_(scratch) {}

  /// Searches below a prefix all of whose items in `db` are frequent extensions.
  void run(SuffixDb& db, const std::uint32_t* support, const std::uint64_t* siblings, std::uint32_t depth,
           bool owns_db) {
    const std::size_t bottom = scratch_.frames.size();
    enter(db, support, siblings, depth, owns_db);
    while (scratch_.frames.size() > bottom) {
      Frame& frame = scratch_.frames.back();
      if (frame.next == frame.n_children || worker_.pool.ended()) {
        worker_.arena.release(frame.mark);
        if (frame.owns_db) --scratch_.n_databases;
        scratch_.frames.pop_back();
        continue;
      }
      const Child child = frame.children[frame.next++];
      worker_.emit(frame.db->label[child.item], child.support, frame.depth + 1);
      if (child.list != nullptr) descend(Frame(frame), child);
    }
  }

 private:
  using Set = std::array<std::uint64_t, words>;

  static Set load(const std::uint64_t* set) {
    Set result;
    std::copy_n(set, words, result.begin());
    return result;
  }
  static std::uint32_t size(const Set& set) {
    int n = 0;
    for (const std::uint64_t word : set) n += std::popcount(word);
    return static_cast<std::uint32_t>(n);
  }
  template <class Visit>
  static void for_each(const Set& set, const Visit& visit) {
    for (std::uint32_t w = 0; w < words; ++w) {
      for (std::uint64_t rest = set[w]; rest != 0; rest &= rest - 1) {
        visit(64 * w + static_cast<std::uint32_t>(std::countr_zero(rest)));
      }
    }
  }

  void enter(SuffixDb& db, const std::uint32_t* support, const std::uint64_t* siblings, std::uint32_t depth,
             bool owns_db) {
    Set all{};
    for (std::size_t item = 0; item < db.label.size(); ++item) all[item >> 6] |= std::uint64_t{1} << (item & 63);
    expand(db, depth, db.start.data(), db.start.size(), all, support, siblings, owns_db);
  }

  /// Goes below a child whose extensions are known: in this database, in a smaller one, or by another worker.
  void descend(const Frame& frame, const Child& child) {
    const Set extensions = load(frame.extensions + child.item * std::size_t{words});
    const std::uint32_t n_extensions = size(extensions);
    if (std::uint64_t{child.n} * n_extensions > give_away_above && worker_.pool.hungry()) {
      auto subtree = std::make_unique<SuffixSubtree>();
      SuffixRoot& root = subtree->root;
      restrict_to(frame, child, extensions, root.db, root.siblings);
      root.support.assign(child.extension_support, child.extension_support + n_extensions);
      root.depth = frame.depth + 1;
      worker_.hand_over(std::move(subtree));
      return;
    }
    if (n_extensions >= shrink_from && 4 * n_extensions <= frame.db->label.size() && child.n >= 256) {
      if (scratch_.n_databases == scratch_.databases.size()) scratch_.databases.emplace_back();
      SuffixDb& db = scratch_.databases[scratch_.n_databases++];
      restrict_to(frame, child, extensions, db, scratch_.siblings);
      const std::uint64_t* siblings = scratch_.siblings.data();
      if (db.n_words == words) {
        enter(db, child.extension_support, siblings, frame.depth + 1, true);
      } else if (db.n_words == 1) {
        Search<1>(worker_, scratch_).run(db, child.extension_support, siblings, frame.depth + 1, true);
      } else {
        Search<2>(worker_, scratch_).run(db, child.extension_support, siblings, frame.depth + 1, true);
      }
      return;
    }
    expand(*frame.db, frame.depth + 1, child.list, child.n, extensions, child.extension_support, frame.extensions,
           false);
  }

  /// The database of a child alone, and the extensions of its siblings in its numbering.
  void restrict_to(const Frame& frame, const Child& child, const Set& extensions, SuffixDb& db,
                   std::vector<std::uint64_t>& siblings) {
    scratch_.builder.restrict_from(*frame.db, child.list, child.n, extensions.data(), db);
    worker_.other_bytes = scratch_.bytes();
    std::array<std::uint8_t, std::size_t{64} * words> local;
    std::uint32_t n = 0;
    for_each(extensions, [&](std::uint32_t item) { local[item] = static_cast<std::uint8_t>(n++); });
    siblings.assign(n * static_cast<std::size_t>(db.n_words), 0);
    for_each(extensions, [&](std::uint32_t item) {
      Set theirs = load(frame.extensions + item * std::size_t{words});
      for (std::size_t w = 0; w < words; ++w) theirs[w] &= extensions[w];
      std::uint64_t* to = siblings.data() + local[item] * static_cast<std::size_t>(db.n_words);
      for_each(theirs, [&](std::uint32_t other) { to[local[other] >> 6] |= std::uint64_t{1} << (local[other] & 63); });
    });
  }

  /// Finds the rests behind every extension of a prefix and counts what follows there, then leaves a frame from
  /// which the children are taken one by one. All children are counted before any is searched: what cannot
  /// follow P -> c cannot follow P -> b -> c either (Ayres et al., "Sequential pattern mining using a bitmap
  /// representation", KDD 2002, call this S-step pruning), and most leaves are known without a look at a row.
  void expand(SuffixDb& db, std::uint32_t depth, const Rest* list, std::size_t n, const Set& extensions,
              const std::uint32_t* support, const std::uint64_t* siblings, bool owns_db) {
    search::Arena& arena = worker_.arena;
    Frame frame{&db, nullptr, nullptr, size(extensions), 0, depth, owns_db, arena.mark()};
    frame.children = arena.take<Child>(frame.n_children);
    frame.extensions = arena.take<std::uint64_t>(db.label.size() * words);
    const auto max_length = static_cast<std::uint64_t>(worker_.pool.options.max_length);
    const bool last = max_length != 0 && depth + 2 > max_length;

    Set wanted{};
    std::uint32_t n_seen = 0;
    for_each(extensions, [&](std::uint32_t item) {
      frame.children[n_seen] = {item, support[n_seen], nullptr, 0, nullptr};
      std::uint64_t any = 0;
      for (std::size_t w = 0; w < words; ++w) {
        const std::uint64_t both = last ? 0 : extensions[w] & siblings[item * std::size_t{words} + w];
        frame.extensions[item * std::size_t{words} + w] = both;
        any |= both;
      }
      if (any != 0) {
        wanted[item >> 6] |= std::uint64_t{1} << (item & 63);
        // One more than can come: the last write of a list may be of a rest that is not kept.
        lists_[item] = arena.take<Rest>(std::min<std::size_t>(n, support[n_seen]) + 1);
        lengths_[item] = 0;
      }
      ++n_seen;
    });
    project(db, list, n, wanted);

    const std::uint32_t floor = worker_.pool.floor.get();
    std::uint64_t n_before = 0, n_after = 0;  // of the lists merged here
    for (std::uint32_t i = 0; i < frame.n_children; ++i) {
      Child& child = frame.children[i];
      const std::uint32_t item = child.item;
      if ((wanted[item >> 6] >> (item & 63) & 1) == 0) continue;
      ++worker_.n_nodes;
      child.n = lengths_[item];
      std::uint64_t total = 0;
      if (n_before < probe_merging || 8 * n_after <= 7 * n_before) {
        n_before += child.n;
        child.n = merge(lists_[item], child.n, db.where.data(), total);
        n_after += child.n;
      } else {
        for (std::uint32_t k = 0; k < child.n; ++k) total += lists_[item][k].weight;
      }
      Set candidates = load(frame.extensions + item * std::size_t{words});
      if (total < floor) {
        candidates = {};
      } else {
        count(db, lists_[item], child.n, total, floor, candidates);
      }
      std::copy_n(candidates.begin(), words, frame.extensions + item * std::size_t{words});
      const std::uint32_t n_extensions = size(candidates);
      if (n_extensions == 0) continue;
      child.list = lists_[item];
      auto* supports = arena.take<std::uint32_t>(n_extensions);
      child.extension_support = supports;
      for_each(candidates, [&](std::uint32_t next) {
        *supports++ = scratch_.counters[next >> 6].get(static_cast<int>(next & 63));
      });
    }
    scratch_.frames.push_back(frame);
  }

  /// For each rest and each wanted item in it, the rest after the item's first occurrence, by item.
  void project(const SuffixDb& db, const Rest* list, std::size_t n, const Set& wanted) {
    if (size(wanted) == 0) return;
    worker_.spend(static_cast<std::int64_t>(n) * words);
    const auto state_of = [&](std::size_t k) { return db.states.data() + list[k].state * std::size_t{words + 1}; };
    for (std::size_t k = 0; k < n; ++k) {
      // The list jumps through the rows: fetch what the next turns need, the state first, then what it names.
      if (k + 2 * fetch_ahead < n) __builtin_prefetch(state_of(k + 2 * fetch_ahead));
      if (k + fetch_ahead < n) {
        const std::uint64_t* block = db.rows.data() + static_cast<std::uint32_t>(state_of(k + fetch_ahead)[words]);
        __builtin_prefetch(block);
        __builtin_prefetch(block + 8);
      }
      const Rest rest = list[k];
      const std::uint64_t* state = state_of(k);
      const std::uint64_t* row = db.rows.data() + static_cast<std::uint32_t>(state[words]);
      const std::uint64_t* masks = row + words + 1;
      const auto mask_words = static_cast<std::uint32_t>(row[words]);
      const std::uint64_t* after = row + (row[words] >> 32);
      // Moments are numbered from the row's end: those left are 0 .. n - 1, the next one the highest.
      const std::uint32_t next_moment = static_cast<std::uint32_t>(state[words] >> 32) - 1;
      const std::uint32_t top = next_moment >> 6;
      const std::uint64_t in_top = ~std::uint64_t{0} >> (63 - (next_moment & 63));
      std::uint32_t slots = 0;
      for (std::uint32_t w = 0; w < words; ++w) {
        for (std::uint64_t left = state[w] & wanted[w]; left != 0; left &= left - 1) {
          const auto bit = static_cast<std::uint32_t>(std::countr_zero(left));
          const std::uint32_t slot =
              slots + static_cast<std::uint32_t>(std::popcount(row[w] & ((std::uint64_t{1} << bit) - 1)));
          const std::uint64_t* mask = masks + std::size_t{slot} * mask_words;
          std::uint32_t at = top;
          std::uint64_t moments = mask[at] & in_top;
          while (moments == 0) moments = mask[--at];
          const std::uint32_t moment = 64 * at + 63 - static_cast<std::uint32_t>(std::countl_zero(moments));
          const std::uint32_t item = 64 * w + bit;
          const std::uint32_t next = half(after, moment);
          std::uint32_t& length = lengths_[item];
          lists_[item][length] = {next, rest.weight};
          length += next != 0 ? 1 : 0;
        }
        slots += static_cast<std::uint32_t>(std::popcount(row[w]));
      }
    }
  }

  /// Leaves in `candidates` the items that at least `floor` rows of the list have; counters hold the numbers.
  void count(const SuffixDb& db, const Rest* list, std::uint32_t n, std::uint64_t total, std::uint32_t floor,
             Set& candidates) {
    worker_.spend(static_cast<std::int64_t>(n) * words);
    const int n_planes = std::max(4, static_cast<int>(std::bit_width(total)));
    if (scratch_.flags.size() < n + std::size_t{8}) scratch_.flags.resize(2 * n + std::size_t{8});
    if (scratch_.heavy.size() < n + std::size_t{1}) scratch_.heavy.resize(2 * n + std::size_t{1});
    std::uint64_t* flags = scratch_.flags.data();
    std::uint32_t* heavy = scratch_.heavy.data();
    for (std::size_t w = 0; w < words; ++w) {
      BitCounter& counter = scratch_.counters[w];
      if (words > 1 && candidates[w] == 0) continue;
      counter.clear(n_planes);
      std::uint32_t n_light = 0, n_heavy = 0;
      for (std::uint32_t k = 0; k < n; ++k) {
        if (k + 16 < n) __builtin_prefetch(&db.states[list[k + 16].state * std::size_t{words + 1} + w]);
        flags[n_light] = db.states[list[k].state * std::size_t{words + 1} + w];
        heavy[n_heavy] = k;
        const bool light = list[k].weight == 1;
        n_light += light ? 1 : 0;
        n_heavy += light ? 0 : 1;
      }
      std::uint32_t k = 0;
      for (; k + 8 <= n_light; k += 8) counter.add_eight([&](std::uint32_t i) { return flags[k + i]; });
      for (; k < n_light; ++k) counter.add(flags[k], 0);
      for (std::uint32_t h = 0; h < n_heavy; ++h) {
        const Rest rest = list[heavy[h]];
        counter.add_weighted(db.states[rest.state * std::size_t{words + 1} + w], rest.weight);
      }
      candidates[w] &= counter.at_least(floor);
    }
  }

  /// Below this many (rest, extension) pairs a subtree is not worth another worker's while.
  static constexpr std::uint64_t give_away_above = 4096;

  /// Rests of a prefix's children that are merged before it is known whether merging them pays: it does from one
  /// in eight on. On process logs most are equal after a few steps, on texts and clicks hardly any.
  static constexpr std::uint64_t probe_merging = 64;

  /// A smaller database pays where it drops three items in four of one that is searched long enough; more often
  /// (half of the items, any list) cost up to twice the time on all nine measured logs.
  static constexpr std::uint32_t shrink_from = 8;

  /// How many turns ahead a row is fetched, and twice that its state.
  static constexpr std::size_t fetch_ahead = 6;

  Worker& worker_;
  Scratch& scratch_;
  std::array<Rest*, std::size_t{64} * words> lists_{};
  std::array<std::uint32_t, std::size_t{64} * words> lengths_{};
};

}  // namespace

void mine_suffixes(Worker& worker, SuffixRoot& root) {
  Scratch& scratch = scratch_of(worker);
  const auto run = [&](auto&& search) {
    search.run(root.db, root.support.data(), root.siblings.data(), root.depth, false);
  };
  switch (root.db.n_words) {
    case 1: run(Search<1>(worker, scratch)); break;
    case 2: run(Search<2>(worker, scratch)); break;
    default: run(Search<4>(worker, scratch)); break;
  }
}

SuffixBuilder& suffix_builder(Worker& worker) { return scratch_of(worker).builder; }

}  // namespace seqmine::mining
