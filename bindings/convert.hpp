// Strict intake and hand-over of numpy arrays, and the one table from status codes to exceptions.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "seqmine/log_view.hpp"
#include "seqmine/status.hpp"

namespace seqmine::python {

namespace py = pybind11;

/// A contiguous one-dimensional array of exactly this dtype, or a TypeError that names the cast.
template <class T>
py::array_t<T> strict_array(const py::handle& object, const char* name) {
  if (!py::isinstance<py::array>(object)) {
    throw py::type_error(std::string(name) + " must be a numpy array of dtype " +
                         py::str(py::dtype::of<T>()).cast<std::string>());
  }
  auto array = py::reinterpret_borrow<py::array>(object);
  if (!array.dtype().is(py::dtype::of<T>()) && !array.dtype().equal(py::dtype::of<T>())) {
    throw py::type_error(std::string(name) + " must have dtype " + py::str(py::dtype::of<T>()).cast<std::string>() +
                         ", not " + py::str(array.dtype()).cast<std::string>() + "; cast it with .astype(...)");
  }
  if (array.ndim() != 1 || !(array.flags() & py::array::c_style)) {
    throw py::type_error(std::string(name) + " must be one-dimensional and contiguous; use np.ascontiguousarray");
  }
  return py::reinterpret_borrow<py::array_t<T>>(array);
}

template <class T>
std::span<const T> as_span(const py::array_t<T>& array) {
  return {array.data(), static_cast<std::size_t>(array.size())};
}

/// Hands a vector to numpy without copying: the array owns the vector.
template <class T>
py::array_t<T> to_numpy(std::vector<T>&& values) {
  auto* owned = new std::vector<T>(std::move(values));
  py::capsule owner(owned, [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<T>(static_cast<py::ssize_t>(owned->size()), owned->data(), owner);
}

/// Raises the exception class of seqmine.errors that belongs to a failed status.
[[noreturn]] void raise_status(const Status& status);

template <class T>
T take(Result<T>&& result) {
  if (!result.ok()) raise_status(result.status());
  return std::move(result.value());
}

/// The native twin of EventLog: borrowed columns and the references that keep them alive.
struct Log {
  LogView view;
  py::object owner;  // tuple of every array the view points into
};

/// Rows (spans of entities' lives); same idea.
struct Rows {
  RowsView view;
  py::object owner;
};

void register_log(py::module_& module);
void register_matching(py::module_& module);
void register_ingest(py::module_& module);
void register_mining(py::module_& module);
void register_frequent(py::module_& module);
void register_permutation(py::module_& module);

}  // namespace seqmine::python
