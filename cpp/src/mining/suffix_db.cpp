#include "suffix_db.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <new>
#include <utility>

namespace seqmine::mining {

namespace {

constexpr std::uint32_t dead = 0xFFFF'FFFF;

template <class T>
std::size_t room(const std::vector<T>& values) noexcept {
  return values.capacity() * sizeof(T);
}

std::size_t hash(std::uint32_t parent, std::uint32_t key) noexcept {
  const std::uint64_t both = (std::uint64_t{parent} << 32 | key) * 0x9E37'79B9'7F4A'7C15ULL;
  return static_cast<std::size_t>(both ^ both >> 32);
}

}  // namespace

std::size_t SuffixDb::bytes() const noexcept {
  return room(label) + room(nodes) + room(states) + room(rows) + room(where) + room(image) + room(start);
}

std::size_t SuffixBuilder::bytes() const noexcept {
  return room(weight_) + room(first_child_) + room(table_) + room(spare_) + room(chain_) + room(visited_) + room(local_);
}

void SuffixBuilder::begin(SuffixDb& db, std::vector<std::uint32_t> labels) {
  db_ = &db;
  db.n_words = labels.size() <= 64 ? 1 : labels.size() <= 128 ? 2 : 4;
  db.label = std::move(labels);
  db.nodes.assign(1, {0, 0});
  weight_.assign(1, 0);
  first_child_.assign(1, 0);
  n_hashed_ = 0;
  table_.assign(256, 0);
}

std::uint32_t SuffixBuilder::intern(std::uint32_t parent, std::uint32_t key) {
  const auto append = [&] {
    const auto node = static_cast<std::uint32_t>(db_->nodes.size());
    db_->nodes.push_back({parent, key});
    weight_.push_back(0);
    first_child_.push_back(0);
    return node;
  };
  const std::uint32_t first = first_child_[parent];
  if (first == 0) return first_child_[parent] = append();
  if (db_->nodes[first].key == key) return first;
  if (2 * (n_hashed_ + 1) > table_.size()) grow_table();
  const std::size_t mask = table_.size() - 1;
  for (std::size_t slot = hash(parent, key) & mask;; slot = (slot + 1) & mask) {
    const std::uint32_t node = table_[slot];
    if (node == 0) {
      ++n_hashed_;
      return table_[slot] = append();
    }
    if (db_->nodes[node].parent == parent && db_->nodes[node].key == key) return node;
  }
}

void SuffixBuilder::grow_table() {
  std::swap(spare_, table_);
  table_.assign(2 * spare_.size(), 0);
  const std::size_t mask = table_.size() - 1;
  for (const std::uint32_t node : spare_) {
    if (node == 0) continue;
    std::size_t slot = hash(db_->nodes[node].parent, db_->nodes[node].key) & mask;
    while (table_[slot] != 0) slot = (slot + 1) & mask;
    table_[slot] = node;
  }
}

void SuffixBuilder::finish() {
  SuffixDb& db = *db_;
  const std::size_t n_nodes = db.nodes.size();
  db.start.clear();
  for (std::size_t node = n_nodes; node-- > 1;) {
    if (weight_[node] != 0) db.start.push_back({static_cast<std::uint32_t>(node), weight_[node]});
  }
  db.states.assign(n_nodes * (static_cast<std::size_t>(db.n_words) + 1), 0);
  db.where.resize(n_nodes);
  db.image.assign(n_nodes, 0);
  db.rows.clear();
  switch (db.n_words) {
    case 1: make_states<1>(); break;
    case 2: make_states<2>(); break;
    default: make_states<4>(); break;
  }
}

template <int words>
void SuffixBuilder::make_states() {
  // Largest node first: a rest has a larger number than the rests inside it, whose states it then provides.
  for (const Rest& rest : db_->start) {
    if (db_->states[rest.state * std::size_t{words + 1} + words] == 0) add_row<words>(rest.state);
  }
}

template <int words>
void SuffixBuilder::add_row(std::uint32_t start) {
  SuffixDb& db = *db_;
  chain_.clear();
  std::uint32_t n_moments = 0;
  std::uint64_t items[words] = {};
  for (std::uint32_t node = start; node != 0; node = db.nodes[node].parent) {
    const std::uint32_t key = db.nodes[node].key;
    chain_.push_back(node);
    n_moments += 1 - (key & 1);
    items[key >> 7] |= std::uint64_t{1} << (key >> 1 & 63);
  }
  std::uint32_t rank_base[words] = {};
  std::uint32_t n_slots = 0;
  for (int w = 0; w < words; ++w) {
    rank_base[w] = n_slots;
    n_slots += static_cast<std::uint32_t>(std::popcount(items[w]));
  }
  const std::size_t block = db.rows.size();
  if (block > std::numeric_limits<std::uint32_t>::max()) throw std::bad_alloc();  // 32 GiB: where blocks are numbered to
  const std::uint32_t mask_words = (n_moments + 63) / 64;
  const std::uint64_t after_begin = words + 1 + std::uint64_t{n_slots} * mask_words;
  db.rows.resize(block + after_begin + (n_moments + 2) / 2, 0);
  std::uint64_t* row = db.rows.data() + block;
  std::copy_n(items, words, row);
  row[words] = after_begin << 32 | mask_words;
  std::uint64_t* masks = row + words + 1;
  std::uint64_t* after = row + after_begin;

  std::uint64_t seen[words] = {};
  std::uint32_t moment = 0;  // moments behind the one at hand
  for (std::size_t i = chain_.size(); i-- > 0;) {
    const std::uint32_t node = chain_[i];
    const std::uint32_t item = db.nodes[node].key >> 1;
    const std::size_t w = item >> 6;
    const std::uint64_t bit = std::uint64_t{1} << (item & 63);
    seen[w] |= bit;
    const std::uint32_t slot = rank_base[w] + static_cast<std::uint32_t>(std::popcount(items[w] & (bit - 1)));
    masks[std::size_t{slot} * mask_words + (moment >> 6)] |= std::uint64_t{1} << (moment & 63);
    const bool moment_complete = i == 0 || (db.nodes[chain_[i - 1]].key & 1) == 0;
    if (!moment_complete) continue;
    ++moment;
    after[moment >> 1] |= std::uint64_t{node} << (32 * (moment & 1));
    std::uint64_t* state = db.states.data() + node * std::size_t{words + 1};
    if (state[words] != 0) continue;
    std::copy_n(seen, words, state);
    state[words] = std::uint64_t{moment} << 32 | block;
  }
}

std::uint32_t SuffixBuilder::image_of(SuffixDb& from, std::uint32_t state) {
  // image = 1 + 2 * (node in the new database) + (its first item belongs to the moment at hand)
  chain_.clear();
  std::uint32_t node = state;
  while (node != 0 && from.image[node] == 0) {
    chain_.push_back(node);
    node = from.nodes[node].parent;
  }
  std::uint32_t image = node == 0 ? 1 : from.image[node];
  for (std::size_t i = chain_.size(); i-- > 0;) {
    const SuffixDb::Node& old = from.nodes[chain_[i]];
    const std::uint32_t same_moment = old.key & 1;
    const std::uint32_t joins = same_moment & (image - 1) & 1;
    const std::uint32_t rest = (image - 1) >> 1;
    const std::uint32_t item = local_[old.key >> 1];
    image = item == dead ? 1 + 2 * rest + joins : 2 + 2 * intern(rest, item << 1 | joins);
    from.image[chain_[i]] = image;
    visited_.push_back(chain_[i]);
  }
  return (image - 1) >> 1;
}

void SuffixBuilder::restrict_from(SuffixDb& from, const Rest* list, std::size_t n, const std::uint64_t* keep,
                                  SuffixDb& to) {
  std::vector<std::uint32_t> labels;
  local_.assign(from.label.size(), dead);
  for (std::size_t item = 0; item < from.label.size(); ++item) {
    if ((keep[item >> 6] >> (item & 63) & 1) == 0) continue;
    local_[item] = static_cast<std::uint32_t>(labels.size());
    labels.push_back(from.label[item]);
  }
  begin(to, std::move(labels));
  visited_.clear();
  for (std::size_t k = 0; k < n; ++k) {
    if (k + 8 < n) {
      __builtin_prefetch(&from.image[list[k + 8].state]);
      __builtin_prefetch(&from.nodes[list[k + 8].state]);
    }
    add_start(image_of(from, list[k].state), list[k].weight);
  }
  for (const std::uint32_t node : visited_) from.image[node] = 0;
  finish();
}

}  // namespace seqmine::mining
