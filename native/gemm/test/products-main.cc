// Checks the matrix products of one instruction set: against sums in f64, and bit for bit against themselves over numbers
// of rows and threads. Prints what failed; exit status 1 if anything did.
//
//   products-main ISA f32|bf16          the tests
//   products-main ISA f32|bf16 check    what a device checks as it opens (../../self-check.h): prints the wrong product
//
// Exit status 3, and the reason on standard error, where the instruction set cannot be used. Compiled with
// -DRECKON_EMULATE_AMX it takes `amx` anywhere: its engine is then one that emulates tiles.
#include <cmath>
#include <cstdio>

#include "../../self-check.h"
#include "harness.h"

using namespace reckon;

namespace {

int failures = 0;
IsaLevel level;
Precision precision;
double version = 0;

struct Random {
  uint64_t state;
  // Uniform in [−1, 1).
  float next() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<float>(static_cast<int32_t>(state >> 32)) / 2147483648.0f;
  }
};

std::vector<float> random(size_t count, uint64_t seed) {
  std::vector<float> values(count);
  Random generator{seed * 7919 + 1};
  for (float& value : values) value = generator.next();
  return values;
}

// Nearest bf16, ties to even, when products take bf16 operands.
double operand(float value) {
  if (precision == Precision::f32) return value;
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  bits = (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000u;
  std::memcpy(&value, &bits, 4);
  return value;
}

// Sums of `terms` numbers below 1 in size: partial sums are of the order of sqrt(terms) / 2, a rounding has a standard
// deviation of a third of 2^−24 of one, and the roundings add up like a random walk: terms / 6 · 2^−24. Eighteen times that,
// as some of a hundred thousand sums stray far from the usual size; a wrong, missing or doubled term is a thousand times it.
bool near(double got, double expected, int64_t terms) {
  return std::fabs(got - expected) <= static_cast<double>(3 * (terms + 4)) * 0x1p-24;
}

void fail(const char* what, int64_t rows, int64_t inner, int64_t outer) {
  std::printf("FAIL %s rows %lld inner %lld outer %lld\n", what, static_cast<long long>(rows),
              static_cast<long long>(inner), static_cast<long long>(outer));
  failures++;
}

bool same(const std::vector<float>& a, const float* b) { return std::memcmp(a.data(), b, a.size() * 4) == 0; }

void checkPlain(Runner& runner, int64_t rows, int64_t inner, int64_t outer) {
  const auto x = random(rows * inner, 1), w = random(outer * inner, 2), bias = random(outer, 3),
             residual = random(rows * outer, 4), dY = random(rows * outer, 5);
  std::vector<float> y(rows * outer, NAN);
  version++;
  runner.run("linear", {word(x.data()), word(w.data()), version, word(bias.data()), word(residual.data()),
                        word(y.data()), double(rows), double(inner), double(outer)});
  bool good = true;
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t n = 0; n < outer; n++) {
      double sum = double(bias[n]) + residual[r * outer + n];
      for (int64_t k = 0; k < inner; k++) sum += operand(x[r * inner + k]) * operand(w[n * inner + k]);
      good &= near(y[r * outer + n], sum, inner);
    }
  }
  if (!good) fail("linear", rows, inner, outer);

  std::vector<float> alias = residual;
  runner.run("linear", {word(x.data()), word(w.data()), version, word(bias.data()), word(alias.data()),
                        word(alias.data()), double(rows), double(inner), double(outer)});
  if (!same(alias, y.data())) fail("linear onto its residual", rows, inner, outer);

  for (int accumulate = 0; accumulate < 2; accumulate++) {
    auto dX = random(rows * inner, 6);
    const auto before = dX;
    runner.run("linearBackwardInput", {word(dY.data()), word(w.data()), version, word(dX.data()), double(rows),
                                       double(inner), double(outer), double(accumulate)});
    good = true;
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t k = 0; k < inner; k++) {
        double sum = accumulate ? before[r * inner + k] : 0;
        for (int64_t n = 0; n < outer; n++) sum += operand(dY[r * outer + n]) * operand(w[n * inner + k]);
        good &= near(dX[r * inner + k], sum, outer);
      }
    }
    if (!good) fail("linearBackwardInput", rows, inner, outer);
  }

  auto dW = random(outer * inner, 7);
  const auto dWBefore = dW;
  runner.run("linearBackwardWeight",
             {word(dY.data()), word(x.data()), word(dW.data()), double(rows), double(inner), double(outer)});
  good = true;
  for (int64_t n = 0; n < outer; n++) {
    for (int64_t k = 0; k < inner; k++) {
      double sum = dWBefore[n * inner + k];
      for (int64_t r = 0; r < rows; r++) sum += operand(dY[r * outer + n]) * operand(x[r * inner + k]);
      good &= near(dW[n * inner + k], sum, rows);
    }
  }
  if (!good) fail("linearBackwardWeight", rows, inner, outer);

  auto sums = bias;
  runner.run("columnSum", {word(dY.data()), word(sums.data()), double(rows), double(outer)});
  good = true;
  for (int64_t n = 0; n < outer; n++) {
    double sum = bias[n];
    for (int64_t r = 0; r < rows; r++) sum += dY[r * outer + n];
    good &= near(sums[n], sum, rows);
  }
  if (!good) fail("columnSum", rows, inner, outer);
}

// A grouped kernel gives, bit for bit, what the plain one gives for each group by itself.
void checkGrouped(Runner& runner, const std::vector<int32_t>& offsets, int64_t inner, int64_t outer) {
  const int64_t experts = static_cast<int64_t>(offsets.size()) - 1, rows = offsets.back();
  const auto x = random(rows * inner, 1), w = random(experts * outer * inner, 2), bias = random(experts * outer, 3),
             dY = random(rows * outer, 5);
  std::vector<float> y(rows * outer), dX(rows * inner), yPlain(rows * outer), dXPlain(rows * inner);
  auto dW = random(experts * outer * inner, 7), sums = bias, dWPlain = dW, sumsPlain = bias;
  version++;
  const double o = word(offsets.data()), R = double(rows), I = double(inner), O = double(outer), E = double(experts);
  runner.run("groupedLinear", {word(x.data()), word(w.data()), version, word(bias.data()), o, word(y.data()), R, I, O, E});
  runner.run("groupedLinearBackwardInput", {word(dY.data()), word(w.data()), version, o, word(dX.data()), R, I, O, E, 0});
  runner.run("groupedLinearBackwardWeight", {word(dY.data()), word(x.data()), o, word(dW.data()), R, I, O, E});
  runner.run("groupedColumnSum", {word(dY.data()), o, word(sums.data()), R, O, E});
  for (int64_t e = 0; e < experts; e++) {
    const int64_t r = offsets[e];
    const double n = double(offsets[e + 1] - r);
    const float* we = w.data() + e * outer * inner;
    version++;
    runner.run("linear", {word(&x[r * inner]), word(we), version, word(&bias[e * outer]), 0, word(&yPlain[r * outer]), n, I, O});
    runner.run("linearBackwardInput", {word(&dY[r * outer]), word(we), version, word(&dXPlain[r * inner]), n, I, O, 0});
    runner.run("linearBackwardWeight", {word(&dY[r * outer]), word(&x[r * inner]), word(&dWPlain[e * outer * inner]), n, I, O});
    runner.run("columnSum", {word(&dY[r * outer]), word(&sumsPlain[e * outer]), n, O});
  }
  if (!same(y, yPlain.data())) fail("groupedLinear", rows, inner, outer);
  if (!same(dX, dXPlain.data())) fail("groupedLinearBackwardInput", rows, inner, outer);
  if (!same(dW, dWPlain.data())) fail("groupedLinearBackwardWeight", rows, inner, outer);
  if (!same(sums, sumsPlain.data())) fail("groupedColumnSum", rows, inner, outer);
}

// A weight in the bf16 format gives, bit for bit, what its values give as a plain weight: up to the depth from which a product
// is cut into blocks, the chains are the same.
void checkBf16Blocks(Runner& runner, int64_t rows, int64_t inner, int64_t outer) {
  const auto x = random(rows * inner, 1), bias = random(outer, 3), dY = random(rows * outer, 5);
  auto w = random(outer * inner, 2);
  const int64_t padded = (inner + 31) / 32 * 32;
  std::vector<uint16_t> blocks((outer + 31) / 32 * 32 * padded);
  for (int64_t o = 0; o < outer; o++) {
    for (int64_t i = 0; i < inner; i++) {
      uint32_t bits;
      std::memcpy(&bits, &w[o * inner + i], 4);
      blocks[o / 32 * 32 * padded + i / 2 * 64 + o % 32 * 2 + i % 2] = static_cast<uint16_t>(bits >> 16);
      bits &= 0xffff0000u;
      std::memcpy(&w[o * inner + i], &bits, 4);
    }
  }
  std::vector<float> y(rows * outer), dX(rows * inner), yPlain = y, dXPlain = dX;
  const double R = double(rows), I = double(inner), O = double(outer);
  version++;
  runner.run("linear", {word(x.data()), word(w.data()), version, word(bias.data()), 0, word(yPlain.data()), R, I, O});
  runner.run("linearBackwardInput", {word(dY.data()), word(w.data()), version, word(dXPlain.data()), R, I, O, 0});
  runner.run("linearBlocks", {word(x.data()), word(blocks.data()), version, word(bias.data()), 0, word(y.data()), R, I, O, 0});
  runner.run("linearBlocksBackwardInput", {word(dY.data()), word(blocks.data()), version, word(dX.data()), R, I, O, 0, 0});
  if (!same(y, yPlain.data())) fail("linearBlocks", rows, inner, outer);
  if (!same(dX, dXPlain.data())) fail("linearBlocksBackwardInput", rows, inner, outer);
}

// A weight in blocks gives, bit for bit, what the values that its rows are embedded with give as a plain weight.
void checkBlocks(Runner& runner, int format, int64_t rows, int64_t inner, int64_t outer) {
  struct Layout {
    int length, bytes;
    std::vector<int> halves;
  };
  // By number from 4 on: elements and bytes of a block, and where its half-precision factors lie.
  const Layout layouts[] = {{32, 34, {0}}, {32, 18, {0}}, {32, 20, {0, 2}}, {256, 144, {0, 2}}, {256, 176, {0, 2}}, {256, 210, {208}}};
  Random generator{static_cast<uint64_t>(format + rows)};
  std::vector<uint8_t> blocks(outer * (inner + 256) * 2);
  for (uint8_t& byte : blocks) byte = static_cast<uint8_t>(generator.next() * 128);
  if (format == 2) {
    const int64_t count = outer * ((inner + 63) / 64);
    for (int64_t i = 0; i < count; i++) {
      const float scale = generator.next() / 100;
      std::memcpy(&blocks[i * 68], &scale, 4);
    }
  } else if (format == 3) {
    const int64_t scales = ((outer * inner + 63) / 64 + 255) / 256;
    for (int64_t i = 0; i <= scales; i++) {
      const float value = 0.1f + generator.next() / 100;
      std::memcpy(&blocks[4 * i], &value, 4);
    }
  } else {
    const Layout& layout = layouts[format - 4];
    inner = (inner + layout.length - 1) / layout.length * layout.length;
    for (int64_t at = 0; at < outer * inner / layout.length * layout.bytes; at += layout.bytes) {
      for (int half : layout.halves) blocks[at + half + 1] = 0x24 | (blocks[at + half + 1] & 0x83);
    }
  }
  const double R = double(rows), I = double(inner), O = double(outer), F = double(format);
  const auto x = random(rows * inner, 1), bias = random(outer, 3);
  std::vector<float> w(outer * inner), y(rows * outer), yPlain = y;
  std::vector<int32_t> tokens(outer);
  for (int64_t o = 0; o < outer; o++) tokens[o] = static_cast<int32_t>(o);
  version++;
  runner.run("embedBlocks", {word(blocks.data()), version, word(tokens.data()), word(w.data()), O, I, O, 1, F});
  runner.run("linear", {word(x.data()), word(w.data()), version, word(bias.data()), 0, word(yPlain.data()), R, I, O});
  runner.run("linearBlocks", {word(x.data()), word(blocks.data()), version, word(bias.data()), 0, word(y.data()), R, I, O, F});
  if (!same(y, yPlain.data())) fail("linearBlocks in blocks", rows, inner, outer);
}

// Rows of a large product computed in small calls, from wherever they lie in it, and with another number of threads.
void checkInvariance(Runner& one, Runner& two, int64_t inner, int64_t outer) {
  const int64_t all = 600;
  const auto x = random(all * inner, 1), w = random(outer * inner, 2), bias = random(outer, 3),
             residual = random(all * outer, 4), dY = random(all * outer, 5);
  auto product = [&](Runner& runner, int64_t row, int64_t rows) {
    std::vector<float> y(rows * outer);
    runner.run("linear", {word(x.data() + row * inner), word(w.data()), version, word(bias.data()),
                          word(residual.data() + row * outer), word(y.data()), double(rows), double(inner), double(outer)});
    return y;
  };
  auto backward = [&](Runner& runner, int64_t row, int64_t rows) {
    std::vector<float> dX(rows * inner);
    runner.run("linearBackwardInput", {word(dY.data() + row * outer), word(w.data()), version, word(dX.data()),
                                       double(rows), double(inner), double(outer), 0});
    return dX;
  };
  auto gradient = [&](Runner& runner) {
    auto dW = random(outer * inner, 7);
    runner.run("linearBackwardWeight", {word(dY.data()), word(x.data()), word(dW.data()), double(all), double(inner),
                                        double(outer)});
    return dW;
  };
  version++;
  const auto y = product(two, 0, all), dX = backward(two, 0, all);
  for (int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 29, 31, 32, 33, 64, 100, 128, 129, 600}) {
    for (int64_t row : {int64_t(0), (all - rows) / 2, all - rows}) {
      if (!same(product(one, row, rows), &y[row * outer])) fail("linear depends on the call", rows, inner, outer);
      if (!same(backward(two, row, rows), &dX[row * inner])) fail("linearBackwardInput depends on the call", rows, inner, outer);
    }
  }
  if (!same(gradient(one), gradient(two).data())) fail("linearBackwardWeight depends on threads", all, inner, outer);
}

}  // namespace

int main(int count, char** words) {
  if (count < 3) return 2;
  level = usableLevel(words[1]);
  precision = std::strcmp(words[2], "bf16") == 0 ? Precision::bf16 : Precision::f32;
  if (count == 4 && std::strcmp(words[3], "check") == 0) {
    Pool pool(2, level, precision);
    std::printf("%s\n", wrongProduct(pool, level).c_str());
    return 0;
  }
  Runner one(1, level, precision), two(2, level, precision);
  for (int64_t rows : {0, 1, 2, 7, 16, 33, 130, 300}) {
    for (auto [inner, outer] : {std::pair<int64_t, int64_t>{1, 1}, {3, 2}, {16, 16}, {31, 33}, {32, 57}, {64, 64},
                               {64, 8}, {70, 130}, {128, 40}, {0, 5}, {5, 0}, {0, 0}}) {
      checkPlain(two, rows, inner, outer);
      checkBf16Blocks(two, rows, inner, outer);
    }
  }
  for (int format = 2; format < 10; format++) {
    for (int64_t rows : {1, 3, 16, 33, 300}) {
      for (auto [inner, outer] : {std::pair<int64_t, int64_t>{1, 1}, {33, 31}, {64, 64}, {96, 57}, {200, 130}}) {
        checkBlocks(two, format, rows, inner, outer);
      }
    }
  }
  checkPlain(one, 70, 600, 100);
  checkPlain(two, 20, 100, 1030);
  checkGrouped(two, {0, 0, 1, 40, 40, 300, 317}, 40, 72);
  checkGrouped(two, {0, 700, 700}, 64, 33);
  checkGrouped(two, {0, 0, 0}, 8, 8);
  // Gradients of weights in several rounds, which begin within a group.
  checkPlain(two, 1100, 300, 700);
  checkGrouped(two, {0, 10, 900, 900, 1400}, 300, 700);
  for (auto [inner, outer] : {std::pair<int64_t, int64_t>{64, 256}, {57, 33}, {512, 48}, {100, 8}, {1030, 70}}) {
    checkInvariance(one, two, inner, outer);
  }
  std::printf("%s %s: %d failures\n", words[1], words[2], failures);
  return failures ? 1 : 0;
}
