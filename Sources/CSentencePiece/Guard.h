// Turns exceptions and statuses into the C interface's status and message.
#pragma once
#include <sentencepiece_processor.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>

// Exported by the library but declared only in its private headers. Level 3 leaves fatal messages alone.
namespace sentencepiece::logging {
void SetMinLogLevel(int level);
}

namespace limbeck {

inline char *copy(const char *bytes, size_t size) {
  auto *memory = static_cast<char *>(std::malloc(size + 1));
  if (memory == nullptr) throw std::bad_alloc();
  std::memcpy(memory, bytes, size);
  memory[size] = 0;
  return memory;
}

inline void require(const sentencepiece::util::Status &status) {
  if (!status.ok()) throw std::runtime_error(status.error_message());
}

template <typename Body>
int guarded(char **message, Body body) noexcept {
  *message = nullptr;
  try {
    body();
    return 0;
  } catch (const std::exception &error) {
    *message = strdup(error.what());
  } catch (...) {
    *message = strdup("unknown C++ exception");
  }
  return 1;
}

}  // namespace limbeck
