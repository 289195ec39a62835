// AdamW (arXiv:1711.05101): one pass over parameter, gradient and both moments, all f32.
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

void adamw(const Arguments& a, Thread& thread) {
  float* param = a.buffer(0);
  const float* grad = a.buffer(1);
  float* m = a.buffer(2);
  float* v = a.buffer(3);
  const float* decay = a.buffer(4);
  const double lr = a.number(6), beta1 = a.number(7), beta2 = a.number(8);
  const Vec keepM = set1(static_cast<float>(beta1)), takeM = set1(static_cast<float>(1 - beta1));
  const Vec keepV = set1(static_cast<float>(beta2)), takeV = set1(static_cast<float>(1 - beta2));
  const Vec eps = set1(static_cast<float>(a.number(9)));
  const Vec shrink = set1(static_cast<float>(lr * a.number(10)));
  const Vec step = set1(static_cast<float>(lr / a.number(11))), unbiasV = set1(static_cast<float>(1 / a.number(12)));
  const Vec gradScale = set1(static_cast<float>(a.number(13)));
  shareVectors(thread, a.integer(5), [&](int64_t i, int lanes) {
    Vec g = load(grad + i, lanes) * gradScale, p = load(param + i, lanes);
    Vec newM = fma(keepM, load(m + i, lanes), takeM * g);
    Vec newV = fma(keepV, load(v + i, lanes), takeV * (g * g));
    Vec pull = decay ? p * load(decay + i, lanes) : p;
    Vec change = fma(shrink, pull, step * newM / (sqrt(newV * unbiasV) + eps));
    store(m + i, newM, lanes);
    store(v + i, newV, lanes);
    store(param + i, p - change, lanes);
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon
