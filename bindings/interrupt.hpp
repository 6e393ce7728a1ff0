// Runs native work so that Ctrl-C is a KeyboardInterrupt within tens of milliseconds.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

#include "seqmine/stop.hpp"

namespace seqmine::python {

/// Calls `work(stop)` on a thread of its own with the GIL released, polling Python's signals every 20 ms.
/// `work` must not touch Python objects (their buffers stay alive: the caller holds the references).
/// Only the main thread can see signals; elsewhere the poll costs nothing and finds nothing.
template <class Work>
auto run_interruptible(Work&& work) {
  using Value = std::invoke_result_t<Work&, const StopToken&>;
  StopToken stop;
  std::optional<Value> value;
  std::exception_ptr error;
  bool interrupted = false;
  {
    // GIL release is safe: until it is taken again only `work`, `stop` and the locals above are touched.
    pybind11::gil_scoped_release release;
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    const auto run = [&] {
      try {
        value.emplace(work(static_cast<const StopToken&>(stop)));
      } catch (...) {
        error = std::current_exception();
      }
      const std::lock_guard lock(mutex);
      done = true;
      changed.notify_one();
    };
    std::thread thread;
    try {
      thread = std::thread(run);
    } catch (const std::system_error&) {
      run();  // the system has no thread to give: the work is done all the same, without a look at signals
    }
    std::unique_lock lock(mutex);
    while (!changed.wait_for(lock, std::chrono::milliseconds(20), [&] { return done; })) {
      lock.unlock();
      {
        pybind11::gil_scoped_acquire acquire;
        if (!interrupted && PyErr_CheckSignals() != 0) {
          // The error indicator belongs to this thread state: it is kept until the worker is joined.
          interrupted = true;
          stop.request_stop();
        }
      }
      lock.lock();
    }
    lock.unlock();
    if (thread.joinable()) thread.join();
  }
  if (interrupted) throw pybind11::error_already_set();
  if (error) std::rethrow_exception(error);
  return std::move(*value);
}

}  // namespace seqmine::python
