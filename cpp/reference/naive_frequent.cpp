#include "naive_frequent.hpp"

#include <algorithm>
#include <functional>
#include <set>

namespace seqmine::reference {

namespace {

bool contains(const Sequence& longer, const Sequence& shorter) {
  auto at = longer.begin();
  for (const std::uint32_t item : shorter) {
    at = std::find(at, longer.end(), item);
    if (at == longer.end()) return false;
    ++at;
  }
  return true;
}

}  // namespace

std::map<Sequence, std::uint32_t> naive_frequent(const Database& database, const FrequentOptions& options) {
  using Wide = unsigned __int128;
  std::map<Sequence, std::uint32_t> support;
  for (std::size_t row = 0; row + 1 < database.offsets.size(); ++row) {
    const auto begin = static_cast<std::size_t>(database.offsets[row]);
    const auto end = static_cast<std::size_t>(database.offsets[row + 1]);
    const auto time = [&](std::size_t i) {
      return Wide{database.narrow() ? database.time32[i] : database.time64[i]} * static_cast<Wide>(database.unit);
    };
    std::set<Sequence> found;
    std::vector<std::size_t> chain;
    const std::function<void()> grow = [&] {
      if (!chain.empty()) {
        Sequence items;
        for (const std::size_t i : chain) items.push_back(database.item[i]);
        found.insert(items);
      }
      if (options.max_length > 0 && static_cast<std::int64_t>(chain.size()) == options.max_length) return;
      for (std::size_t i = begin; i < end; ++i) {
        if (!chain.empty()) {
          if (time(i) < time(chain.back()) + options.min_gap) continue;
          if (options.max_gap != unbounded && time(i) >= time(chain.back()) + options.max_gap) continue;
          if (options.max_span != unbounded && time(i) >= time(chain.front()) + options.max_span) continue;
        }
        chain.push_back(i);
        grow();
        chain.pop_back();
      }
    };
    grow();
    for (const Sequence& sequence : found) ++support[sequence];
  }
  std::erase_if(support, [&](const auto& entry) { return entry.second < options.min_support; });
  if (!options.closed) return support;
  std::map<Sequence, std::uint32_t> closed;
  for (const auto& [sequence, n] : support) {
    const bool contained = std::any_of(support.begin(), support.end(), [&](const auto& other) {
      return other.second == n && other.first != sequence && contains(other.first, sequence);
    });
    if (!contained) closed[sequence] = n;
  }
  return closed;
}

}  // namespace seqmine::reference
