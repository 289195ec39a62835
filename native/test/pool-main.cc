// A stress test of the pool on kernels of its own: flushes of small and shared calls, on as many threads as it is told, whose
// results are compared with what one thread must give. Made to run under a race detector: test/native/pool.test.ts.
//
//   pool THREADS FLUSHES
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <vector>

#include "../pool.h"
#include "../table.h"

namespace reckon {
namespace {

// y[i] = 2 x[i] + Σ x, by three loops that need each other: doubled into shared scratch, summed once, added.
void sums(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  float* y = a.buffer(1);
  const int64_t count = a.integer(2);
  float* doubled = static_cast<float*>(thread.sharedScratch(0, sizeof(float) * (count + 1)));
  thread.shareNear(count, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) doubled[i] = 2 * x[i];
  });
  thread.barrier();
  thread.once([&] {
    float sum = 0;
    for (int64_t i = 0; i < count; i++) sum += x[i];
    doubled[count] = sum;
  });
  thread.share(count, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) y[i] = doubled[i] + doubled[count];
  }, false);
}

// y[i] = w[i] + 1 through a packed copy of w.
void packed(const Arguments& a, Thread& thread) {
  const float* w = a.buffer(0);
  float* y = a.buffer(2);
  const int64_t count = a.integer(3);
  const PackKey key{w, 0, count, 1, 1};
  const float* copy = static_cast<const float*>(thread.packs->get(thread, key, a.number(1), sizeof(float) * count, [&](void* to) {
    thread.share(count, 8, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) static_cast<float*>(to)[i] = w[i] + 1;
    }, false);
  }));
  thread.shareNear(count, 8, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) y[i] = copy[i];
  });
}

// y[i] = 2 x[i]; a negative x[i] is a failure.
void checked(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  float* y = a.buffer(1);
  thread.share(a.integer(2), 8, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      if (x[i] < 0) throw std::out_of_range("a negative number");
      y[i] = 2 * x[i];
    }
  });
}

// More loops than may be under way, none waited for: y[i] += x[i], 200 times.
void loops(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  float* y = a.buffer(1);
  const int64_t count = a.integer(2);
  for (int round = 0; round < 200; round++) {
    thread.barrier();
    for (int part = 0; part < 2; part++) {
      thread.share(count / 2, 8, [&](int64_t begin, int64_t end) {
        for (int64_t i = 2 * begin + part; i < 2 * end + part; i += 2) y[i] += x[i];
      }, false);
    }
  }
}

const KernelEntry kTable[] = {{"sums", "x:in y:out | count", sums},
                              {"packed", "w:w y:out | count", packed},
                              {"checked", "x:in y:out | count", checked},
                              {"loops", "x:in y:inout | count", loops}};

struct Flush {
  std::vector<double> words;
  void call(int kernel, std::initializer_list<double> arguments) {
    words.push_back(kernel);
    words.insert(words.end(), arguments);
  }
};

double word(const void* pointer) { return static_cast<double>(reinterpret_cast<uintptr_t>(pointer)); }

int failures = 0;
void expect(float actual, float expected, const char* what, int flush) {
  if (actual == expected) return;
  if (failures++ < 10) std::fprintf(stderr, "flush %d: %s: expected %g, got %g\n", flush, what, expected, actual);
}

void check(int threads, int flushes) {
  Pool pool(threads, IsaLevel::portable, Precision::f32);
  std::mt19937 random(1);
  double version = 1;
  std::vector<float> weight(6000, 3);
  for (int f = 0; f < flushes; f++) {
    // Below 4,096 elements a call is run by one thread.
    const size_t count = 2 * (random() % 2 ? 2 + random() % 100 : 2100 + random() % 400);
    std::vector<float> x(count, 1), summed(count), copied(count), again(count), many(count, 0), twice(count);
    const bool fails = random() % 8 == 0;
    if (random() % 2) {
      version++;
      for (float& value : weight) value++;
    }
    Flush flush;
    const double n = static_cast<double>(count);
    flush.call(0, {word(x.data()), word(summed.data()), n});
    flush.call(1, {word(weight.data()), version, word(copied.data()), n});
    flush.call(0, {word(summed.data()), word(again.data()), n});
    if (fails) x[count / 2] = -1;
    else flush.call(3, {word(x.data()), word(many.data()), n});
    flush.call(2, {word(x.data()), word(twice.data()), n});
    const bool done = pool.run(flush.words.data(), flush.words.size());
    expect(done, !fails, "whether it failed", f);
    if (fails) {
      expect(pool.failure().message == "checked: a negative number", 1, pool.failure().message.c_str(), f);
      continue;
    }
    const float sum = static_cast<float>(count);
    for (size_t i = 0; i < count; i++) {
      expect(summed[i], 2 + sum, "sums", f);
      expect(copied[i], weight[i] + 1, "packed", f);
      expect(again[i], 2 * (2 + sum) + sum * (2 + sum), "sums of sums", f);
      expect(many[i], 200, "loops", f);
      expect(twice[i], 2, "checked", f);
    }
  }
}

}  // namespace

const KernelEntry* tableFor(IsaLevel, size_t* count) {
  *count = sizeof(kTable) / sizeof(kTable[0]);
  return kTable;
}

}  // namespace reckon

int main(int, char** words) {
  reckon::check(std::atoi(words[1]), std::atoi(words[2]));
  std::printf("%d failures\n", reckon::failures);
  return reckon::failures > 0;
}
