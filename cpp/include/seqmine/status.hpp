// Errors as values. Nothing in the core throws across its own API except std::bad_alloc inside a
// single-threaded call; worker threads never let an exception out (see parallel.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace seqmine {

enum class Code : std::uint8_t {
  ok,
  cancelled,         // a StopToken was set (Ctrl-C)
  invalid_argument,  // the caller broke the contract in the header
  out_of_range,      // a number does not fit
  out_of_memory,
  internal,
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}
  [[nodiscard]] bool ok() const noexcept { return code_ == Code::ok; }
  [[nodiscard]] Code code() const noexcept { return code_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }

 private:
  Code code_ = Code::ok;
  std::string message_;
};

/// A value or the reason there is none. `value()` may be called only when `ok()`.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Status status) : status_(std::move(status)) {}
  [[nodiscard]] bool ok() const noexcept { return status_.ok(); }
  [[nodiscard]] const Status& status() const noexcept { return status_; }
  [[nodiscard]] T& value() noexcept { return value_; }
  [[nodiscard]] const T& value() const noexcept { return value_; }

 private:
  T value_{};
  Status status_;
};

}  // namespace seqmine
