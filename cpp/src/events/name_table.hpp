// Distinct names of one column, numbered as they come: an open-addressing hash table in shards.
//
// Many threads may `find` at once while nobody inserts, and insert at once when each owns its shard. That is all the
// synchronisation there is: a batch first looks all its texts up, then the owners insert what was new.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "events/text_hash.hpp"

namespace seqmine::detail {

/// One name in an arena: this header, then the bytes. Never moves.
struct NameEntry {
  std::uint32_t id;
  std::uint32_t length;
  [[nodiscard]] const char* bytes() const noexcept { return reinterpret_cast<const char*>(this + 1); }
  [[nodiscard]] char* bytes() noexcept { return reinterpret_cast<char*>(this + 1); }
  [[nodiscard]] std::string_view text() const noexcept { return {bytes(), length}; }
};

/// Names one after another, addressed by 32-bit positions of 8-byte words. Block b holds positions [64 << b, 128 << b):
/// small dictionaries stay small, pages of a large block are touched only as they fill, and 0 is no position.
class NameArena {
 public:
  /// The position of a copy of `text`, or 0 when 32 GiB are full. May throw std::bad_alloc, and then nothing changes.
  [[nodiscard]] std::uint32_t store(std::string_view text, std::uint32_t id);
  [[nodiscard]] NameEntry* at(std::uint32_t position) const noexcept {
    const int block = std::bit_width(position) - 7;
    return reinterpret_cast<NameEntry*>(blocks_[static_cast<std::size_t>(block)].get() +
                                        (position - (64U << static_cast<unsigned>(block))));
  }
  /// Calls visit(entry) for every name, in the order in which they were stored.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (std::size_t b = 0; b < n_blocks; ++b) {
      for (std::uint64_t position = 64ULL << b; position < ends_[b];) {
        const NameEntry* entry = at(static_cast<std::uint32_t>(position));
        visit(*entry);
        position += words(entry->length);
      }
    }
  }

 private:
  static constexpr std::size_t n_blocks = 26;
  [[nodiscard]] static std::uint64_t words(std::uint64_t length) noexcept { return 1 + (length + 7) / 8; }

  std::array<std::unique_ptr<std::uint64_t[]>, n_blocks> blocks_;
  std::array<std::uint64_t, n_blocks> ends_{};  // position behind the last name of each block
  std::size_t block_ = 0;
};

class NameShard {
 public:
  NameShard() : slots_(8) {}

  void prefetch(std::uint64_t hash) const noexcept { __builtin_prefetch(&slots_[tag(hash) & mask_]); }

  /// The first entry on the hash's way whose tag agrees, or nullptr. Reads slots only, no entry.
  [[nodiscard]] const NameEntry* candidate(std::uint64_t hash) const noexcept {
    for (std::size_t i = tag(hash) & mask_;; i = (i + 1) & mask_) {
      const Slot slot = slots_[i];
      if (slot.position == 0) return nullptr;
      if (slot.tag == tag(hash)) return arena_.at(slot.position);
    }
  }

  [[nodiscard]] NameEntry* find(std::uint64_t hash, std::string_view text) const noexcept {
    for (std::size_t i = tag(hash) & mask_;; i = (i + 1) & mask_) {
      const Slot slot = slots_[i];
      if (slot.position == 0) return nullptr;
      if (slot.tag != tag(hash)) continue;
      NameEntry* entry = arena_.at(slot.position);
      if (entry->length == text.size() && same_bytes(entry->bytes(), text.data(), text.size())) return entry;
    }
  }

  /// The entry of `text`; a new one is appended to fresh() and has no id yet. nullptr when the shard is full. May throw
  /// std::bad_alloc, and then the table is as it was.
  [[nodiscard]] NameEntry* find_or_insert(std::uint64_t hash, std::string_view text);

  [[nodiscard]] std::vector<NameEntry*>& fresh() noexcept { return fresh_; }
  [[nodiscard]] const std::vector<NameEntry*>& fresh() const noexcept { return fresh_; }
  [[nodiscard]] const NameArena& arena() const noexcept { return arena_; }
  /// Frees all but the arena. Nothing but arena() and the destructor may be called afterwards.
  void release_slots() noexcept;

 private:
  // 8 bytes: the slots of a million names fit the caches of a small server.
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t position = 0;  // in the arena; 0 = free
  };
  /// Half of the hash finds the slot and tells most other names apart.
  [[nodiscard]] static std::uint32_t tag(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash); }
  void grow();

  std::vector<Slot> slots_;  // a power of two, at most 3/4 full
  std::size_t mask_ = 7;
  std::size_t n_ = 0;
  NameArena arena_;
  std::vector<NameEntry*> fresh_;  // inserted since the last numbering
};

class NameTable {
 public:
  static constexpr int n_shards = 64;

  /// The upper bits choose the shard, the lower ones the slot.
  [[nodiscard]] static int shard_of(std::uint64_t hash) noexcept { return static_cast<int>(hash >> 58); }
  [[nodiscard]] NameShard& shard(int s) noexcept { return shards_[static_cast<std::size_t>(s)]; }
  [[nodiscard]] const NameShard& shard(int s) const noexcept { return shards_[static_cast<std::size_t>(s)]; }

  /// Names that have an id.
  [[nodiscard]] std::int64_t size() const noexcept { return n_; }
  /// Names inserted and not numbered yet. O(shards).
  [[nodiscard]] std::int64_t n_fresh() const noexcept;
  /// Gives the first id of each shard's fresh names; then number(s) may run for all shards at once.
  [[nodiscard]] std::array<std::uint32_t, n_shards> begin_numbering() noexcept;
  void number(int s, std::uint32_t first) noexcept;

  void release_slots() noexcept;
  [[nodiscard]] std::vector<const NameArena*> arenas() const;

 private:
  std::array<NameShard, n_shards> shards_;
  std::int64_t n_ = 0;
};

}  // namespace seqmine::detail
