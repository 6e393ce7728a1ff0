// Distinct names of one column, numbered as they come: an open-addressing hash table in shards.
//
// Many threads may `find` at once while nobody inserts, and insert at once when each owns its shard. That is all the
// synchronisation there is: a batch first looks all its texts up, then the owners insert what was new.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "events/text_hash.hpp"

namespace seqmine::detail {

/// One name in the arena: this header, then the bytes. Never moves.
struct NameEntry {
  std::uint32_t id;
  std::uint32_t length;
  [[nodiscard]] const char* bytes() const noexcept { return reinterpret_cast<const char*>(this + 1); }
  [[nodiscard]] char* bytes() noexcept { return reinterpret_cast<char*>(this + 1); }
  [[nodiscard]] std::string_view text() const noexcept { return {bytes(), length}; }
};

class NameShard {
 public:
  struct Slot {
    std::uint64_t hash;
    NameEntry* entry;  // nullptr = free
  };

  NameShard() : slots_(8, Slot{0, nullptr}) {}

  [[nodiscard]] const Slot* home(std::uint64_t hash) const noexcept { return &slots_[hash & (slots_.size() - 1)]; }

  /// The first entry on the hash's way whose whole hash agrees, or nullptr. Reads slots only, no entry.
  [[nodiscard]] const NameEntry* candidate(std::uint64_t hash) const noexcept {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
      const Slot& slot = slots_[i];
      if (slot.entry == nullptr || slot.hash == hash) return slot.entry;
    }
  }

  [[nodiscard]] const NameEntry* find(std::uint64_t hash, std::string_view text) const noexcept {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
      const Slot& slot = slots_[i];
      if (slot.entry == nullptr) return nullptr;
      if (slot.hash == hash && slot.entry->length == text.size() &&
          same_bytes(slot.entry->bytes(), text.data(), text.size())) {
        return slot.entry;
      }
    }
  }

  /// The entry of `text`; a new one is appended to fresh() and has no id yet. May throw std::bad_alloc, and then
  /// nothing has changed.
  NameEntry* find_or_insert(std::uint64_t hash, std::string_view text);

  [[nodiscard]] std::vector<NameEntry*>& fresh() noexcept { return fresh_; }
  [[nodiscard]] const std::vector<NameEntry*>& fresh() const noexcept { return fresh_; }
  /// Frees the slots; the entries stay. Nothing but the destructor may be called afterwards.
  void release_slots() noexcept { std::vector<Slot>().swap(slots_); }

 private:
  void grow();
  NameEntry* store(std::string_view text);

  std::vector<Slot> slots_;  // a power of two, at most 3/4 full
  std::size_t n_ = 0;
  std::vector<NameEntry*> fresh_;  // inserted since the last numbering
  std::vector<std::unique_ptr<std::uint64_t[]>> blocks_;
  std::size_t block_words_ = 0;  // of the last block
  std::size_t block_used_ = 0;
};

class NameTable {
 public:
  static constexpr int n_shards = 64;

  /// The upper bits choose the shard, the lower ones the slot.
  [[nodiscard]] static int shard_of(std::uint64_t hash) noexcept { return static_cast<int>(hash >> 58); }
  [[nodiscard]] NameShard& shard(int s) noexcept { return shards_[static_cast<std::size_t>(s)]; }
  [[nodiscard]] const NameShard& shard(int s) const noexcept { return shards_[static_cast<std::size_t>(s)]; }

  [[nodiscard]] std::int64_t size() const noexcept { return static_cast<std::int64_t>(entries_.size()); }
  [[nodiscard]] std::string_view operator[](std::int64_t id) const noexcept {
    return entries_[static_cast<std::size_t>(id)]->text();
  }
  /// Number of names inserted and not numbered yet. O(shards).
  [[nodiscard]] std::int64_t n_fresh() const noexcept;
  /// Makes room for the fresh names and gives the first id of each shard's; then number(s) may run for all shards at
  /// once.
  [[nodiscard]] std::array<std::uint32_t, n_shards> begin_numbering();
  void number(int s, std::uint32_t first) noexcept;
  void release_slots() noexcept;

 private:
  std::array<NameShard, n_shards> shards_;
  std::vector<const NameEntry*> entries_;  // by id
};

}  // namespace seqmine::detail
