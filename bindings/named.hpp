// What several bindings take in the same form: enumerators by name, and the steps that a search may use.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "seqmine/database.hpp"

namespace seqmine::python {

/// The enumerator whose number is the name's place.
template <class Enum>
Enum named(const std::string& name, std::initializer_list<const char*> names, const char* what) {
  std::uint8_t index = 0;
  for (const char* known : names) {
    if (name == known) return static_cast<Enum>(index);
    ++index;
  }
  throw pybind11::value_error("unknown " + std::string(what) + " '" + name + "'");
}

/// (canonical text, event type, conditions) of each step.
using GivenItems = std::vector<std::tuple<std::string, std::int64_t, std::vector<Condition>>>;

inline std::vector<Item> make_items(GivenItems&& items) {
  std::vector<Item> made;
  made.reserve(items.size());
  for (auto& [text, type, conditions] : items) {
    if (type < 0) throw pybind11::value_error("an item needs an event type");
    made.push_back({{{}, std::move(conditions)}, std::move(text), type});
  }
  return made;
}

}  // namespace seqmine::python
