// Ingest as its definition reads: rows of optional texts, maps and one stable sort. Shares no code with the core.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace seqmine::naive {

struct RawRow {
  std::optional<std::string> entity;
  std::optional<std::string> event;
  std::int64_t time = 0;
  std::uint8_t flag = 0;
  double value = 0.0;  // NaN = null
  std::vector<std::optional<std::string>> strings;
  std::vector<double> numbers;
  std::optional<std::string> event_id;
};

struct SortedLog {
  std::vector<std::int64_t> bad_row;
  std::vector<std::uint8_t> bad_reason;
  std::vector<std::string> entities;
  std::vector<std::string> events;
  std::vector<std::vector<std::string>> dictionaries;  // by string attribute
  std::vector<std::int64_t> entity_offsets;
  std::vector<std::int64_t> time;
  std::vector<std::uint32_t> code;
  std::vector<double> value;
  std::vector<std::vector<std::int32_t>> string_codes;
  std::vector<std::vector<double>> numbers;
  std::int64_t n_exact_duplicates = 0;
  std::int64_t n_id_duplicates = 0;
  std::int64_t n_dropped = 0;
  std::int64_t n_filtered = 0;
};

enum class Policy { none, exact, id };

/// `names` maps an entity to its new name; entities that are not in it keep theirs.
SortedLog ingest(const std::vector<RawRow>& rows, std::size_t n_strings, std::size_t n_numbers, Policy policy,
                 const std::vector<std::string>& excluded_events, const std::map<std::string, std::string>& names);

}  // namespace seqmine::naive
