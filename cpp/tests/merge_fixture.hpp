// Logs as `merge_logs` takes them.
#pragma once

#include "seqmine/merge.hpp"

namespace seqmine::test {

inline TextView view_of(const Names& names) {
  TextView view;
  view.length = names.size();
  view.offsets64 = names.offsets.data();
  view.data = reinterpret_cast<const char*>(names.bytes.data());
  view.data_size = names.bytes.size();
  return view;
}

inline NamedLog named(const IngestedLog& log) {
  NamedLog result;
  LogView& view = result.columns;
  view.n_entities = log.entity_names.size();
  view.n_events = log.time.size();
  view.n_types = log.event_names.size();
  view.entity_offsets = log.entity_offsets.data();
  view.time = log.time.data();
  view.code = log.wide_codes ? CodeView(log.code32.data()) : CodeView(log.code16.data());
  if (log.has_value) view.value = log.value.data();
  for (std::size_t k = 0; k < log.string_codes.size(); ++k) {
    view.attributes.push_back({log.string_codes[k].data(), log.string_dictionaries[k].size(), nullptr});
    result.dictionaries.push_back(view_of(log.string_dictionaries[k]));
  }
  for (const Column<double>& column : log.numbers) view.attributes.push_back({nullptr, 0, column.data()});
  result.entities = view_of(log.entity_names);
  result.event_types = view_of(log.event_names);
  return result;
}

}  // namespace seqmine::test
