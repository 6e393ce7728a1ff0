// seqmine._core: the table of contents of the native core.
#include "convert.hpp"
#include "seqmine/parallel.hpp"

PYBIND11_MODULE(_core, module) {
  module.attr("__version__") = SEQMINE_VERSION;
  module.def("resolve_threads", &seqmine::resolve_threads, pybind11::arg("requested"));
  seqmine::python::register_log(module);
  seqmine::python::register_matching(module);
  seqmine::python::register_ingest(module);
  seqmine::python::register_mining(module);
  seqmine::python::register_frequent(module);
  seqmine::python::register_permutation(module);
}
