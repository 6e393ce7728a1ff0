// Checked access to borrowed Arrow text columns.
#pragma once

#include <cstdint>
#include <string_view>

#include "seqmine/ingest.hpp"

namespace seqmine::detail {

[[nodiscard]] inline bool is_null(const TextView& column, std::int64_t i) noexcept {
  if (column.validity == nullptr) return false;
  const std::int64_t bit = column.offset + i;
  return (column.validity[bit >> 3] >> (bit & 7) & 1) == 0;
}

/// The text of entry i of a plain column. False: its offsets point outside the data.
[[nodiscard]] inline bool text_at(const TextView& column, std::int64_t i, std::string_view& text) noexcept {
  const std::int64_t at = column.offset + i;
  const std::int64_t begin = column.offsets32 != nullptr ? column.offsets32[at] : column.offsets64[at];
  const std::int64_t end = column.offsets32 != nullptr ? column.offsets32[at + 1] : column.offsets64[at + 1];
  if (begin < 0 || end < begin || end > column.data_size) return false;
  text = begin == end ? std::string_view() : std::string_view(column.data + begin, static_cast<std::size_t>(end - begin));
  return true;
}

/// The index of entry i of a dictionary-encoded column, -1 when it is outside the dictionary.
[[nodiscard]] inline std::int64_t index_at(const TextView& column, std::int64_t i) noexcept {
  const std::int64_t at = column.offset + i;
  std::uint64_t index = 0;  // negative indices become huge ones
  switch (column.index_width) {
    case 1:
      index = column.index_signed ? static_cast<std::uint64_t>(static_cast<const std::int8_t*>(column.indices)[at])
                                  : static_cast<const std::uint8_t*>(column.indices)[at];
      break;
    case 2:
      index = column.index_signed ? static_cast<std::uint64_t>(static_cast<const std::int16_t*>(column.indices)[at])
                                  : static_cast<const std::uint16_t*>(column.indices)[at];
      break;
    case 4:
      index = column.index_signed ? static_cast<std::uint64_t>(static_cast<const std::int32_t*>(column.indices)[at])
                                  : static_cast<const std::uint32_t*>(column.indices)[at];
      break;
    default:
      index = static_cast<const std::uint64_t*>(column.indices)[at];
  }
  return index < static_cast<std::uint64_t>(column.values->length) ? static_cast<std::int64_t>(index) : -1;
}

}  // namespace seqmine::detail
