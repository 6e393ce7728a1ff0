#include "labelled/pattern_pool.hpp"

#include <algorithm>

namespace seqmine::labelled {

bool better(const Candidate& a, const Candidate& b) noexcept {
  if (a.score.value != b.score.value) return a.score.value > b.score.value;
  if (a.items.size() != b.items.size()) return a.items.size() < b.items.size();
  return a.text < b.text;
}

TextWriter::TextWriter(const Database& database, const std::vector<Item>& items, std::uint64_t max_span)
    : database_(&database), items_(&items), max_span_(max_span) {}

std::string TextWriter::write(const Candidate& candidate) const {
  const auto text_of = [&](std::uint32_t item) -> const std::string& {
    return (*items_)[static_cast<std::size_t>(database_->source[item])].text;
  };
  std::string text = text_of(candidate.items[0]);
  for (std::size_t i = 1; i < candidate.items.size(); ++i) {
    const GapInterval& gap = candidate.gaps[i - 1];
    if (gap == GapInterval{}) {
      text += " -> ";
    } else {
      text += " -[" + format_duration(gap.lo) + "," + (gap.hi == unbounded ? "inf" : format_duration(gap.hi)) + ")-> ";
    }
    text += text_of(candidate.items[i]);
  }
  if (candidate.absent >= 0) {
    text += " -> no " + text_of(static_cast<std::uint32_t>(candidate.absent)) + " within " +
            format_duration(candidate.within);
  }
  // The span of a single step is zero and below any limit.
  if (max_span_ != unbounded && candidate.items.size() > 1) text += " span < " + format_duration(max_span_);
  return text;
}

void PatternPool::offer(std::span<const std::uint32_t> path, GapInterval full, std::int64_t last,
                        GapInterval last_gap, std::int32_t absent, std::uint64_t within, const Tally& tally,
                        const Score& score) {
  if (score.value < threshold()) return;
  Candidate candidate;
  candidate.items.assign(path.begin(), path.end());
  if (last >= 0) candidate.items.push_back(static_cast<std::uint32_t>(last));
  candidate.gaps.assign(candidate.items.size() - 1, full);
  if (last >= 0) candidate.gaps.back() = last_gap;
  candidate.absent = absent;
  candidate.within = within;
  candidate.tally = tally;
  candidate.score = score;
  candidate.text = writer_->write(candidate);

  const std::lock_guard lock(mutex_);
  // One that replaces another is taken to be as large.
  const auto bytes = static_cast<std::int64_t>(sizeof(Candidate) + candidate.items.size() * sizeof(std::uint32_t) +
                                               candidate.gaps.size() * sizeof(GapInterval) + candidate.text.capacity());
  if (heap_.size() < capacity_ && !budget_->take(bytes)) {
    capacity_ = heap_.size();
    halt_->cut();
    if (capacity_ == 0) return;
  }
  if (heap_.size() == capacity_) {
    if (!better(candidate, heap_.front())) return;
    std::pop_heap(heap_.begin(), heap_.end(), better);
    heap_.back() = std::move(candidate);
  } else {
    charged_ += bytes;
    heap_.push_back(std::move(candidate));
  }
  std::push_heap(heap_.begin(), heap_.end(), better);
  if (heap_.size() == capacity_) threshold_.store(heap_.front().score.value, std::memory_order_relaxed);
}

std::vector<Candidate> PatternPool::take() {
  std::sort(heap_.begin(), heap_.end(), better);
  return std::move(heap_);
}

}  // namespace seqmine::labelled
