#include "seqmine/predicate.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace seqmine {

namespace {

bool compare(Comparison comparison, double x, double operand) noexcept {
  switch (comparison) {
    case Comparison::eq: return x == operand;
    case Comparison::ne: return x != operand;
    case Comparison::lt: return x < operand;
    case Comparison::le: return x <= operand;
    case Comparison::gt: return x > operand;
    case Comparison::ge: return x >= operand;
  }
  return false;
}

constexpr std::int64_t microseconds_per_hour = 3'600'000'000;
constexpr std::int64_t microseconds_per_day = 24 * microseconds_per_hour;

}  // namespace

LocalClock local_clock(const ZoneView& zone, std::int64_t time) noexcept {
  std::int64_t offset = 0;
  if (!zone.transition.empty()) {
    const auto after = std::upper_bound(zone.transition.begin(), zone.transition.end(), time);
    const auto index = after == zone.transition.begin() ? 0 : after - zone.transition.begin() - 1;
    offset = zone.offset[static_cast<std::size_t>(index)];
  }
  // Split into days and the rest before adding the offset: time + offset may not fit int64.
  std::int64_t day = time / microseconds_per_day;
  std::int64_t rest = time % microseconds_per_day;
  rest += offset;
  day += rest / microseconds_per_day;
  rest %= microseconds_per_day;
  if (rest < 0) {
    rest += microseconds_per_day;
    day -= 1;
  }
  const std::int64_t weekday = ((day + 3) % 7 + 7) % 7;  // 1970-01-01 was a Thursday
  return {static_cast<int>(weekday), static_cast<int>(rest / microseconds_per_hour)};
}

Status check(const LogView& log, const Predicate& predicate) {
  if (static_cast<std::int64_t>(predicate.types.size()) != log.n_types) {
    return {Code::invalid_argument, "a predicate needs one flag per event type"};
  }
  return check_conditions(log, predicate);
}

Status check_conditions(const LogView& log, const Predicate& predicate) {
  for (const Condition& condition : predicate.conditions) {
    const bool of_attribute =
        condition.field == Condition::Field::number || condition.field == Condition::Field::dictionary;
    if (of_attribute) {
      const auto index = static_cast<std::size_t>(condition.attribute);
      if (condition.attribute < 0 || index >= log.attributes.size()) {
        return {Code::invalid_argument, "a condition names an attribute that the log does not have"};
      }
      const AttributeView& attribute = log.attributes[index];
      const bool fits = condition.field == Condition::Field::number ? attribute.numbers != nullptr
                                                                     : attribute.codes != nullptr;
      if (!fits) return {Code::invalid_argument, "a condition does not fit its attribute's type"};
    }
    if (condition.field == Condition::Field::value && log.value == nullptr) {
      return {Code::invalid_argument, "a condition on value needs a log with a value column"};
    }
    std::size_t needed = 0;
    if (condition.field == Condition::Field::weekday) needed = 7;
    if (condition.field == Condition::Field::hour) needed = 24;
    if (condition.field == Condition::Field::dictionary) {
      needed = static_cast<std::size_t>(log.attributes[static_cast<std::size_t>(condition.attribute)].n_categories);
    }
    if (condition.allowed.size() < needed) {
      return {Code::invalid_argument, "a condition needs a flag for each of its " + std::to_string(needed) + " values"};
    }
  }
  return {};
}

bool satisfies_conditions(const LogView& log, const Predicate& predicate, std::int64_t i) noexcept {
  for (const Condition& condition : predicate.conditions) {
    switch (condition.field) {
      case Condition::Field::value:
      case Condition::Field::number: {
        const double* column = condition.field == Condition::Field::value
                                   ? log.value
                                   : log.attributes[static_cast<std::size_t>(condition.attribute)].numbers;
        const double x = column[i];
        if (std::isnan(x) || !compare(condition.comparison, x, condition.operand)) return false;
        break;
      }
      case Condition::Field::dictionary: {
        const std::int32_t code = log.attributes[static_cast<std::size_t>(condition.attribute)].codes[i];
        if (code < 0 || condition.allowed[static_cast<std::size_t>(code)] == 0) return false;
        break;
      }
      case Condition::Field::weekday:
        if (condition.allowed[static_cast<std::size_t>(local_clock(log.zone, log.time[i]).weekday)] == 0) return false;
        break;
      case Condition::Field::hour:
        if (condition.allowed[static_cast<std::size_t>(local_clock(log.zone, log.time[i]).hour)] == 0) return false;
        break;
    }
  }
  return true;
}

bool satisfies(const LogView& log, const Predicate& predicate, std::int64_t i) noexcept {
  return predicate.types[log.code[i]] != 0 && satisfies_conditions(log, predicate, i);
}

}  // namespace seqmine
