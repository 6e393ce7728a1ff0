// Ingest and its text columns.
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "convert.hpp"
#include <pybind11/stl.h>

#include "interrupt.hpp"
#include "seqmine/ingest.hpp"
#include "seqmine/merge.hpp"

namespace seqmine::python {

namespace {

/// Hands a column to numpy without copying.
template <class T>
py::array_t<T> column_to_numpy(Column<T>&& column) {
  auto owned = std::make_unique<Column<T>>(std::move(column));
  Column<T>* const raw = owned.get();
  py::capsule owner(owned.release(), [](void* p) { delete static_cast<Column<T>*>(p); });
  return py::array_t<T>(static_cast<py::ssize_t>(raw->size()), raw->data(), owner);
}

py::tuple names_to_numpy(Names&& names) {
  return py::make_tuple(column_to_numpy(std::move(names.offsets)), column_to_numpy(std::move(names.bytes)));
}

/// Hands every column and dictionary to numpy without copying.
py::dict log_to_dict(IngestedLog&& log) {
  py::dict result;
  result["entity_offsets"] = column_to_numpy(std::move(log.entity_offsets));
  result["time"] = column_to_numpy(std::move(log.time));
  result["code"] = log.wide_codes ? py::object(column_to_numpy(std::move(log.code32)))
                                  : py::object(column_to_numpy(std::move(log.code16)));
  result["value"] = log.has_value ? py::object(column_to_numpy(std::move(log.value))) : py::object(py::none());
  py::list codes;
  for (auto& column : log.string_codes) codes.append(column_to_numpy(std::move(column)));
  result["string_codes"] = codes;
  py::list numbers;
  for (auto& column : log.numbers) numbers.append(column_to_numpy(std::move(column)));
  result["numbers"] = numbers;
  result["entity_names"] = names_to_numpy(std::move(log.entity_names));
  result["event_names"] = names_to_numpy(std::move(log.event_names));
  py::list dictionaries;
  for (Names& names : log.string_dictionaries) dictionaries.append(names_to_numpy(std::move(names)));
  result["string_dictionaries"] = dictionaries;
  result["n_duplicates_seen"] = log.n_exact_duplicates;
  result["n_dropped_duplicates"] = log.n_dropped;
  return result;
}

/// A text column and the buffers it borrows.
class StringColumn {
 public:
  static StringColumn plain(std::int64_t length, std::int64_t offset, const py::object& validity,
                            const py::object& offsets, const py::object& data, bool large) {
    StringColumn column(length, offset, validity);
    const std::int64_t width = large ? 8 : 4;
    const void* const begin = column.borrow(offsets, length == 0 ? 0 : length + offset + 1, width, "offsets");
    if (large) {
      column.view_.offsets64 = static_cast<const std::int64_t*>(begin);
    } else {
      column.view_.offsets32 = static_cast<const std::int32_t*>(begin);
    }
    if (!data.is_none()) {
      column.view_.data = static_cast<const char*>(column.borrow(data, 0, 1, "data"));
      column.view_.data_size = column.buffers_.back()->size * column.buffers_.back()->itemsize;
    }
    return column;
  }

  static StringColumn dictionary(std::int64_t length, std::int64_t offset, const py::object& validity,
                                 const py::object& indices, int index_width, const StringColumn& values,
                                 bool index_signed) {
    if (index_width != 1 && index_width != 2 && index_width != 4 && index_width != 8) {
      throw py::value_error("index_width must be 1, 2, 4 or 8 bytes");
    }
    if (values.values_ != nullptr) throw py::value_error("values must be a plain text column");
    StringColumn column(length, offset, validity);
    column.view_.indices = column.borrow(indices, length == 0 ? 0 : length + offset, index_width, "indices");
    column.view_.index_width = index_width;
    column.view_.index_signed = index_signed;
    column.values_ = std::make_shared<StringColumn>(values);
    column.view_.values = &column.values_->view_;
    return column;
  }

  [[nodiscard]] const TextView& view() const noexcept { return view_; }

 private:
  StringColumn(std::int64_t length, std::int64_t offset, const py::object& validity) {
    if (length < 0 || offset < 0) throw py::value_error("length and offset must not be negative");
    if (length > largest || offset > largest) throw py::value_error("length and offset are larger than any column");
    view_.length = length;
    view_.offset = offset;
    if (!validity.is_none()) {
      view_.validity = static_cast<const std::uint8_t*>(borrow(validity, (length + offset + 7) / 8, 1, "validity"));
    }
  }

  /// The address of a contiguous buffer of at least `count` items of `width` bytes.
  const void* borrow(const py::object& object, std::int64_t count, std::int64_t width, const char* name) {
    if (object.is_none()) {
      if (count == 0) return nullptr;
      throw py::value_error(std::string(name) + " is missing");
    }
    auto info = std::make_shared<py::buffer_info>(py::reinterpret_borrow<py::buffer>(object).request());
    if (info->ndim > 1 || (info->ndim == 1 && info->shape[0] > 1 && info->strides[0] != info->itemsize)) {
      throw py::value_error(std::string(name) + " must be one contiguous piece of memory");
    }
    if (info->size * info->itemsize / width < count) {
      throw py::value_error(std::string(name) + " is shorter than length and offset say");
    }
    buffers_.push_back(std::move(info));
    return buffers_.back()->ptr;
  }

  static constexpr std::int64_t largest = std::int64_t{1} << 60;  // sums and bytes of such columns fit int64

  TextView view_;
  std::shared_ptr<const StringColumn> values_;
  std::vector<std::shared_ptr<py::buffer_info>> buffers_;
};

/// The native Ingest and a guard: calls release the GIL, and a second thread must not come in between.
class IngestHandle {
 public:
  explicit IngestHandle(const IngestOptions& options) : ingest_(options) {}

  class Use {
   public:
    explicit Use(IngestHandle& handle) : handle_(handle) {
      if (handle_.busy_.exchange(true)) {
        raise_status({Code::invalid_argument, "this Ingest is in use in another thread; give each thread its own"});
      }
    }
    ~Use() { handle_.busy_.store(false); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    Ingest* operator->() const noexcept { return &handle_.ingest_; }

   private:
    IngestHandle& handle_;
  };

 private:
  Ingest ingest_;
  std::atomic<bool> busy_{false};
};

/// Runs `work` so that Ctrl-C spends the ingest even where the work was done before it saw the request to stop: what it
/// gave is lost, and nobody may go on as if it had not been.
template <class Work>
auto run_on(const IngestHandle::Use& ingest, Work&& work) {
  try {
    return run_interruptible(std::forward<Work>(work));
  } catch (const py::error_already_set&) {
    ingest->abandon();
    throw;
  }
}

std::unique_ptr<IngestHandle> make_ingest(int n_string_attributes, int n_number_attributes, bool has_value,
                                          bool has_event_id, int threads) {
  if (n_string_attributes < 0 || n_number_attributes < 0) throw py::value_error("counts must not be negative");
  IngestOptions options;
  options.n_string_attributes = n_string_attributes;
  options.n_number_attributes = n_number_attributes;
  options.has_value = has_value;
  options.has_event_id = has_event_id;
  options.threads = threads;
  return std::make_unique<IngestHandle>(options);
}

py::tuple push(IngestHandle& handle, const StringColumn& entity, const StringColumn& event, const py::object& time,
               const py::object& flags, const py::object& value, const py::list& string_attributes,
               const py::list& number_attributes, const py::object& event_id) {
  const IngestHandle::Use ingest(handle);
  py::list keep;  // the arrays behind the spans
  const auto numbers = [&keep](const py::handle& object, const char* name) {
    const auto array = strict_array<double>(object, name);
    keep.append(array);
    return as_span(array);
  };
  IngestBatch batch;
  batch.entity = entity.view();
  batch.event = event.view();
  const auto times = strict_array<std::int64_t>(time, "time");
  const auto reasons = strict_array<std::uint8_t>(flags, "flags");
  batch.time = as_span(times);
  batch.flags = as_span(reasons);
  if (!value.is_none()) batch.value = numbers(value, "value");
  for (const py::handle column : string_attributes) {
    batch.string_attributes.push_back(column.cast<const StringColumn&>().view());
  }
  for (const py::handle column : number_attributes) batch.number_attributes.push_back(numbers(column, "attribute"));
  if (!event_id.is_none()) batch.event_id = event_id.cast<const StringColumn&>().view();
  BadRows bad = take(run_on(ingest, [&](const StopToken& stop) { return ingest->push(batch, stop); }));
  return py::make_tuple(to_numpy(std::move(bad.row)), to_numpy(std::move(bad.reason)));
}

void rename_entities(IngestHandle& handle, const py::object& offsets, const py::buffer& data) {
  const IngestHandle::Use ingest(handle);
  const auto begins = strict_array<std::int64_t>(offsets, "offsets");
  const py::buffer_info bytes = data.request();
  const std::string_view text(static_cast<const char*>(bytes.ptr), static_cast<std::size_t>(bytes.size * bytes.itemsize));
  if (Status status = ingest->rename_entities(as_span(begins), text); !status.ok()) raise_status(status);
}

Duplicates duplicates_from(const std::string& text) {
  if (text == "none") return Duplicates::none;
  if (text == "exact") return Duplicates::exact;
  if (text == "id") return Duplicates::id;
  throw py::value_error("duplicates must be \"none\", \"exact\" or \"id\"");
}

py::dict finish(IngestHandle& handle, const std::string& duplicates, const std::vector<std::string>& excluded_events) {
  const IngestHandle::Use ingest(handle);
  FinishOptions options;
  options.duplicates = duplicates_from(duplicates);
  options.excluded_events = excluded_events;
  IngestedLog log = take(run_on(ingest, [&](const StopToken& stop) {
    auto finished = ingest->finish(options, stop);
#if defined(__GLIBC__)
    // Dictionaries are many small blocks in the arenas of many threads; without this they stay with the process.
    malloc_trim(0);
#endif
    return finished;
  }));
  const std::int64_t n_id_duplicates = log.n_id_duplicates;
  const std::int64_t n_filtered = log.n_filtered;
  py::dict result = log_to_dict(std::move(log));
  result["n_id_duplicates_seen"] = n_id_duplicates;
  result["n_filtered"] = n_filtered;
  return result;
}

NamedLog named_log(const Log& log, const StringColumn& entities, const StringColumn& event_types,
                   const py::list& dictionaries) {
  NamedLog named{log.view, entities.view(), event_types.view(), {}};
  for (const py::handle item : dictionaries) named.dictionaries.push_back(item.cast<const StringColumn&>().view());
  return named;
}

py::dict merge(const Log& one, const StringColumn& entities, const StringColumn& event_types,
               const py::list& dictionaries, const Log& other, const StringColumn& other_entities,
               const StringColumn& other_event_types, const py::list& other_dictionaries,
               const std::string& duplicates, int threads) {
  const NamedLog first = named_log(one, entities, event_types, dictionaries);
  const NamedLog second = named_log(other, other_entities, other_event_types, other_dictionaries);
  const Duplicates policy = duplicates_from(duplicates);
  return log_to_dict(take(run_interruptible(
      [&](const StopToken& stop) { return merge_logs(first, second, policy, threads, stop); })));
}

}  // namespace

void register_ingest(py::module_& module) {
  py::class_<StringColumn>(module, "StringColumn")
      .def(py::init(&StringColumn::plain), py::arg("length"), py::arg("offset"), py::arg("validity"),
           py::arg("offsets"), py::arg("data"), py::arg("large"))
      .def_static("dictionary", &StringColumn::dictionary, py::arg("length"), py::arg("offset"), py::arg("validity"),
                  py::arg("indices"), py::arg("index_width"), py::arg("values"), py::arg("index_signed") = true)
      .def_property_readonly("data_address", [](const StringColumn& column) {
        return reinterpret_cast<std::uintptr_t>(column.view().data);
      });
  py::class_<IngestHandle>(module, "Ingest")
      .def(py::init(&make_ingest), py::arg("n_string_attributes"), py::arg("n_number_attributes"),
           py::arg("has_value"), py::arg("has_event_id"), py::arg("threads"))
      .def("push", &push, py::arg("entity"), py::arg("event"), py::arg("time"), py::arg("flags"), py::arg("value"),
           py::arg("string_attributes"), py::arg("number_attributes"), py::arg("event_id"))
      .def_property_readonly("n_rows", [](IngestHandle& handle) { return IngestHandle::Use(handle)->n_rows(); })
      .def("entity_names", [](IngestHandle& handle) {
        return names_to_numpy(take(IngestHandle::Use(handle)->entity_names()));
      })
      .def("event_names", [](IngestHandle& handle) {
        return names_to_numpy(take(IngestHandle::Use(handle)->event_names()));
      })
      .def("rename_entities", &rename_entities, py::arg("offsets"), py::arg("data"))
      .def("finish", &finish, py::arg("duplicates"), py::arg("excluded_events"));
  module.def("merge_logs", &merge, py::arg("one"), py::arg("entities"), py::arg("event_types"),
             py::arg("dictionaries"), py::arg("other"), py::arg("other_entities"), py::arg("other_event_types"),
             py::arg("other_dictionaries"), py::arg("duplicates"), py::arg("threads"));
}

}  // namespace seqmine::python
