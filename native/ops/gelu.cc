// The exact GELU, x · Φ(x), and its slope Φ(x) + x · φ(x), with Φ and φ the normal distribution function and density.
#include "elementwise.h"

namespace reckon {
namespace RECKON_ISA {

// ½ + x · P(x²) / Q(x²) with both of degree 5, coefficients from the constant up. x must lie within the fit.
static inline Vec rational(Vec x, const float* p, const float* q) {
  const Vec u = x * x;
  Vec numerator = fma(set1(p[5]), u, set1(p[4])), denominator = fma(set1(q[5]), u, set1(q[4]));
  for (int i = 3; i >= 0; i--) {
    numerator = fma(numerator, u, set1(p[i]));
    denominator = fma(denominator, u, set1(q[i]));
  }
  return fma(x * numerator, reciprocal(denominator), set1(0.5f));
}

// Rational minimax fits to the odd part: Φ on ±5.4 (5e-9 and rounding, 1.5e-7 in all), the slope on ±5.9 (1.1e-7; 3e-7).
constexpr float cdfEnd = 5.4f, slopeEnd = 5.9f;
constexpr float cdfP[6] = {0.398942232131958f,      0.03337230905890465f,  0.004650856368243694f,
                           0.00016432255506515503f, 6.360028692142805e-6f, 2.3386693470683895e-8f};
constexpr float cdfQ[6] = {1.0f,
                           0.2503180503845215f,
                           0.02837873436510563f,
                           0.0018589864484965801f,
                           7.240047125378624e-5f,
                           1.2165903626737418e-6f};
constexpr float slopeP[6] = {0.7978853583335876f,     -0.03099578060209751f, 0.014230301603674889f,
                             1.9221999536966905e-5f, 3.5955938074039295e-5f, 1.9292892261546513e-7f};
constexpr float slopeQ[6] = {1.0f,
                             0.2944941222667694f,
                             0.04098023846745491f,
                             0.003523037303239107f,
                             0.00019203695410396904f,
                             8.952409189078026e-6f};

// Beyond its ends a fit becomes 0 and 1, exactly.
static inline Vec bounded(Vec x, float end, const float* p, const float* q) {
  const Vec inside = min(set1(end), max(set1(-end), x));
  const Vec value = rational(inside, p, q);
  return select(lessThan(x, set1(-end)), zero(), select(lessThan(set1(end), x), set1(1), value));
}

void gelu(const Arguments& a, Thread& thread) {
  const float* x = a.buffer(0);
  float* y = a.buffer(1);
  shareVectors(thread, a.integer(2), [&](int64_t i, int lanes) {
    const Vec value = load(x + i, lanes);
    store(y + i, value * bounded(value, cdfEnd, cdfP, cdfQ), lanes);
  });
}

void geluBackward(const Arguments& a, Thread& thread) {
  const float* dY = a.buffer(0);
  const float* x = a.buffer(1);
  float* dX = a.buffer(2);
  shareVectors(thread, a.integer(3), [&](int64_t i, int lanes) {
    store(dX + i, load(dY + i, lanes) * bounded(load(x + i, lanes), slopeEnd, slopeP, slopeQ), lanes);
  });
}

}  // namespace RECKON_ISA
}  // namespace reckon
