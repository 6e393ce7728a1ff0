#include "events/name_table.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace seqmine::detail {

namespace {

// Arena blocks double from 512 bytes to 1 MiB: small dictionaries stay small, large ones waste under a percent.
constexpr std::size_t first_block_words = 64;
constexpr std::size_t largest_block_words = 131'072;

}  // namespace

NameEntry* NameShard::store(std::string_view text) {
  const std::size_t words = 1 + (text.size() + 7) / 8;
  if (blocks_.empty() || block_words_ - block_used_ < words) {
    const std::size_t wanted = blocks_.empty() ? first_block_words : std::min(block_words_ * 2, largest_block_words);
    const std::size_t size = std::max(wanted, words);
    blocks_.emplace_back(new std::uint64_t[size]);
    block_words_ = size;
    block_used_ = 0;
  }
  static_assert(sizeof(NameEntry) == sizeof(std::uint64_t));
  auto* entry = new (blocks_.back().get() + block_used_) NameEntry{0, static_cast<std::uint32_t>(text.size())};
  block_used_ += words;
  if (!text.empty()) std::memcpy(entry->bytes(), text.data(), text.size());
  return entry;
}

void NameShard::grow() {
  std::vector<Slot> wider(slots_.size() * 2, Slot{0, nullptr});
  const std::size_t mask = wider.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.entry == nullptr) continue;
    std::size_t i = slot.hash & mask;
    while (wider[i].entry != nullptr) i = (i + 1) & mask;
    wider[i] = slot;
  }
  slots_ = std::move(wider);
}

NameEntry* NameShard::find_or_insert(std::uint64_t hash, std::string_view text) {
  if (const NameEntry* known = find(hash, text)) return const_cast<NameEntry*>(known);
  if ((n_ + 1) * 4 > slots_.size() * 3) grow();
  NameEntry* entry = store(text);  // if the next line throws, the bytes are wasted and nothing points to them
  fresh_.push_back(entry);
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = hash & mask;
  while (slots_[i].entry != nullptr) i = (i + 1) & mask;
  slots_[i] = Slot{hash, entry};
  ++n_;
  return entry;
}

std::int64_t NameTable::n_fresh() const noexcept {
  std::size_t n = 0;
  for (const NameShard& shard : shards_) n += shard.fresh().size();
  return static_cast<std::int64_t>(n);
}

std::array<std::uint32_t, NameTable::n_shards> NameTable::begin_numbering() {
  std::array<std::uint32_t, n_shards> first{};
  std::size_t next = entries_.size();
  for (std::size_t s = 0; s < shards_.size(); ++s) {
    first[s] = static_cast<std::uint32_t>(next);
    next += shards_[s].fresh().size();
  }
  entries_.resize(next);
  return first;
}

void NameTable::number(int s, std::uint32_t first) noexcept {
  std::vector<NameEntry*>& fresh = shards_[static_cast<std::size_t>(s)].fresh();
  for (NameEntry* entry : fresh) {
    entry->id = first;
    entries_[first++] = entry;
  }
  fresh.clear();
}

void NameTable::release_slots() noexcept {
  for (NameShard& shard : shards_) shard.release_slots();
}

}  // namespace seqmine::detail
