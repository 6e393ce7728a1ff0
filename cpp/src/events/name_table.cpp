#include "events/name_table.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace seqmine::detail {

std::uint32_t NameArena::store(std::string_view text, std::uint32_t id) {
  static_assert(sizeof(NameEntry) == sizeof(std::uint64_t));
  const std::uint64_t n_words = words(text.size());
  std::size_t b = block_;
  std::uint64_t position = ends_[b] == 0 ? 64ULL << b : ends_[b];
  while (position + n_words > 128ULL << b) {  // what is left of a block that is too small stays empty
    if (++b == n_blocks) return 0;
    position = 64ULL << b;
  }
  if (blocks_[b] == nullptr) blocks_[b].reset(new std::uint64_t[64ULL << b]);
  block_ = b;
  ends_[b] = position + n_words;
  auto* entry = new (at(static_cast<std::uint32_t>(position)))
      NameEntry{id, static_cast<std::uint32_t>(text.size())};
  if (!text.empty()) std::memcpy(entry->bytes(), text.data(), text.size());
  return static_cast<std::uint32_t>(position);
}

void NameShard::grow() {
  std::vector<Slot> wider(slots_.size() * 2);
  const std::size_t mask = wider.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.position == 0) continue;
    std::size_t i = slot.tag & mask;
    while (wider[i].position != 0) i = (i + 1) & mask;
    wider[i] = slot;
  }
  slots_ = std::move(wider);
  mask_ = mask;
}

NameEntry* NameShard::find_or_insert(std::uint64_t hash, std::string_view text) {
  if (NameEntry* known = find(hash, text)) return known;
  if ((n_ + 1) * 4 > slots_.size() * 3) grow();
  // The room for it before anything points to the name: nothing below may throw once the arena holds it.
  if (fresh_.size() == fresh_.capacity()) fresh_.reserve(std::max<std::size_t>(16, 2 * fresh_.capacity()));
  const std::uint32_t position = arena_.store(text, 0);
  if (position == 0) return nullptr;
  std::size_t i = tag(hash) & mask_;
  while (slots_[i].position != 0) i = (i + 1) & mask_;
  slots_[i] = {tag(hash), position};
  ++n_;
  fresh_.push_back(arena_.at(position));
  return fresh_.back();
}

void NameShard::release_slots() noexcept {
  std::vector<Slot>().swap(slots_);
  std::vector<NameEntry*>().swap(fresh_);
}

std::int64_t NameTable::n_fresh() const noexcept {
  std::size_t n = 0;
  for (const NameShard& shard : shards_) n += shard.fresh().size();
  return static_cast<std::int64_t>(n);
}

std::array<std::uint32_t, NameTable::n_shards> NameTable::begin_numbering() noexcept {
  std::array<std::uint32_t, n_shards> first{};
  for (std::size_t s = 0; s < shards_.size(); ++s) {
    first[s] = static_cast<std::uint32_t>(n_);
    n_ += static_cast<std::int64_t>(shards_[s].fresh().size());
  }
  return first;
}

void NameTable::number(int s, std::uint32_t first) noexcept {
  std::vector<NameEntry*>& fresh = shards_[static_cast<std::size_t>(s)].fresh();
  for (NameEntry* entry : fresh) entry->id = first++;
  fresh.clear();
}

void NameTable::release_slots() noexcept {
  for (NameShard& shard : shards_) shard.release_slots();
}

std::vector<const NameArena*> NameTable::arenas() const {
  std::vector<const NameArena*> arenas;
  for (const NameShard& shard : shards_) arenas.push_back(&shard.arena());
  return arenas;
}

}  // namespace seqmine::detail
