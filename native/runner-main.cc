// Runs kernel calls from a file and writes what they leave in their buffers: how the kernels of another processor are
// tested under emulation, without Node. test/conformance/emulated.ts writes the one file and reads the other.
//
//   runner LEVEL THREADS CALLS RESULTS
//
// CALLS, little-endian: u32 number of calls; per call u32 kernel number, u32 number of buffers, per buffer u32 bytes and
// its contents; u32 number of words, per word u32 kind (0 a number, 1 the address of a buffer, 2 a weight's version) and
// f64 value (the number, or the buffer's place). RESULTS: the contents of all buffers of all calls, in that order.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "isa.h"
#include "memory.h"
#include "pool.h"

namespace {

using namespace reckon;

[[noreturn]] void stop(const std::string& message) {
  std::fprintf(stderr, "runner: %s\n", message.c_str());
  std::exit(1);
}

class Reader {
 public:
  explicit Reader(const char* path) : file_(std::fopen(path, "rb")) {
    if (!file_) stop(std::string("cannot open ") + path);
  }
  ~Reader() { std::fclose(file_); }

  void bytes(void* into, size_t count) {
    if (std::fread(into, 1, count, file_) != count) stop("the file of calls ends early");
  }
  template <typename T>
  T next() {
    T value;
    bytes(&value, sizeof(value));
    return value;
  }

 private:
  FILE* file_;
};

struct Buffer {
  void* memory;
  size_t bytes;
};

void runCall(Reader& calls, Pool& pool, double version, FILE* results) {
  std::vector<double> stream{static_cast<double>(calls.next<uint32_t>())};
  std::vector<Buffer> buffers(calls.next<uint32_t>());
  for (Buffer& buffer : buffers) {
    buffer.bytes = calls.next<uint32_t>();
    buffer.memory = reserve(buffer.bytes);
    if (!buffer.memory) stop("out of memory");
    calls.bytes(buffer.memory, buffer.bytes);
  }
  for (uint32_t words = calls.next<uint32_t>(); words > 0; words--) {
    const uint32_t kind = calls.next<uint32_t>();
    const double value = calls.next<double>();
    if (kind == 0) stream.push_back(value);
    if (kind == 1) stream.push_back(static_cast<double>(reinterpret_cast<uintptr_t>(buffers.at(value).memory)));
    if (kind == 2) stream.push_back(version);
  }
  if (!pool.run(stream.data(), stream.size())) stop(pool.failure().message);
  for (const Buffer& buffer : buffers) {
    if (std::fwrite(buffer.memory, 1, buffer.bytes, results) != buffer.bytes) stop("cannot write the results");
    release(buffer.memory, buffer.bytes);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) stop("usage: runner LEVEL THREADS CALLS RESULTS");
  IsaLevel level;
  std::string why;
  if (!levelNamed(arguments[1], &level, &why)) stop(std::string("no instruction set ") + arguments[1] + " here: " + why);
  Pool pool(std::atoi(arguments[2]), level, Precision::f32);
  Reader calls(arguments[3]);
  FILE* results = std::fopen(arguments[4], "wb");
  if (!results) stop(std::string("cannot write ") + arguments[4]);
  const uint32_t total = calls.next<uint32_t>();
  for (uint32_t i = 0; i < total; i++) runCall(calls, pool, i + 1, results);
  if (std::fclose(results) != 0) stop("cannot write the results");
}
