// Matrix times a few vectors, and attention of one query: what decoding on a CPU spends its time on. Both read their
// operands once, so the aim is the speed of memory.
//
// build.rs compiles this file once per instruction set, with LANES (floats in a vector register) and KERNELS (the name of
// the table at the end). Vectors are the compiler's own, so one text serves all.
#include "kernels.h"

#include <cmath>
#include <cstring>

namespace {

using anechoic::AttentionCall;
using anechoic::LinearCall;
using anechoic::View;

typedef float Vec __attribute__((vector_size(LANES * 4)));
typedef int32_t IntVec __attribute__((vector_size(LANES * 4)));
typedef float LooseVec __attribute__((vector_size(LANES * 4), aligned(4)));
typedef uint32_t BitsVec __attribute__((vector_size(LANES * 4)));
typedef uint32_t LooseBitsVec __attribute__((vector_size(LANES * 4), aligned(2)));
typedef uint16_t LooseHalfVec __attribute__((vector_size(LANES * 2), aligned(2)));

// bf16 as it lies in memory: the upper half of an f32.
struct Bf16 {
  uint16_t bits;
};

inline float widen(float value) { return value; }
inline float widen(Bf16 value) {
  uint32_t bits = uint32_t(value.bits) << 16;
  float wide;
  memcpy(&wide, &bits, sizeof wide);
  return wide;
}

inline Vec load(const float* from) { return *reinterpret_cast<const LooseVec*>(from); }
inline Vec load(const Bf16* from) {
  auto bits = *reinterpret_cast<const LooseHalfVec*>(from);
  return reinterpret_cast<Vec>(__builtin_convertvector(bits, BitsVec) << 16);
}

// 2 * LANES weights. Those of bf16 come as the even and the odd ones, which costs a shift and a mask where widening them
// in order costs four instructions; `arrange` puts x into the same order.
struct Pair {
  Vec first, second;
};
inline Pair load_pair(const float* from) { return {load(from), load(from + LANES)}; }
inline Pair load_pair(const Bf16* from) {
  BitsVec bits = *reinterpret_cast<const LooseBitsVec*>(from);
  return {reinterpret_cast<Vec>(bits << 16), reinterpret_cast<Vec>(bits & 0xffff0000u)};
}

inline void store(Vec v, float* to) { *reinterpret_cast<LooseVec*>(to) = v; }

inline void narrow(float value, float* to) { *to = value; }
// To the nearest, ties to even; a NaN stays one.
inline void narrow(float value, Bf16* to) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  bool nan = value != value;
  to->bits = nan ? 0x7fc0 : uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

inline float sum(Vec v) {
  float lane[LANES];
  memcpy(lane, &v, sizeof v);
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) lane[i] += lane[i + width];
  return lane[0];
}

inline Vec broadcast(float value) { return Vec{} + value; }

// ---- linear ----

// M rows of x against R rows of w, from feature n0 on, `apart` from each other.
template <int M, int R, class T>
inline void tile(const LinearCall& call, int64_t m0, int64_t n0, int64_t apart) {
  const int64_t in = call.in, stride = apart * in;
  const float* x = call.x + m0 * in;
  const T* w = static_cast<const T*>(call.w) + n0 * in;
  Vec acc[R][M] = {};
  int64_t k = 0;
  for (; k + 2 * LANES <= in; k += 2 * LANES)
    for (int r = 0; r < R; r++) {
      Pair weight = load_pair(w + r * stride + k);
      for (int m = 0; m < M; m++) acc[r][m] += weight.first * load(x + m * in + k);
      for (int m = 0; m < M; m++) acc[r][m] += weight.second * load(x + m * in + k + LANES);
    }
  for (int r = 0; r < R; r++)
    for (int m = 0; m < M; m++) {
      float total = sum(acc[r][m]);
      for (int64_t rest = k; rest < in; rest++) total += widen(w[r * stride + rest]) * x[m * in + rest];
      int64_t n = n0 + r * apart;
      if (call.bias) total += widen(static_cast<const T*>(call.bias)[n]);
      narrow(total, static_cast<T*>(call.out) + (m0 + m) * call.out_features + n);
    }
}

// Every row of x against R rows of w, which stay in the nearest cache meanwhile.
template <int R, class T>
inline void tiles(const LinearCall& call, int64_t n, int64_t apart) {
  int64_t m = 0;
  for (; m + 4 <= call.rows; m += 4) tile<4, R, T>(call, m, n, apart);
  switch (call.rows - m) {
    case 3: return tile<3, R, T>(call, m, n, apart);
    case 2: return tile<2, R, T>(call, m, n, apart);
    case 1: return tile<1, R, T>(call, m, n, apart);
  }
}

// Rows far apart are separate streams to the prefetcher: four of them read memory half again as fast as one.
template <int R, class T>
inline void streams(const LinearCall& call, int64_t begin, int64_t end) {
  int64_t apart = (end - begin) / R;
  for (int64_t n = begin; n < begin + apart; n++) tiles<R, T>(call, n, apart);
  for (int64_t n = begin + R * apart; n < end; n++) tiles<1, T>(call, n, 0);
}

template <class T>
void linear(const LinearCall& call, int64_t begin, int64_t end) {
  // Twelve sums, a weight and an x fill the sixteen registers.
  if (call.rows < 4) return streams<4, T>(call, begin, end);
  streams<3, T>(call, begin, end);
}

// Rows of bf16 as f32, in the order in which `load_pair` yields weights.
void arrange(const void* from, int64_t rows, int64_t in, float* to) {
  const Bf16* x = static_cast<const Bf16*>(from);
  for (int64_t row = 0; row < rows; row++, x += in, to += in) {
    int64_t k = 0;
    for (; k + 2 * LANES <= in; k += 2 * LANES) {
      Pair pair = load_pair(x + k);
      store(pair.first, to + k);
      store(pair.second, to + k + LANES);
    }
    for (; k < in; k++) to[k] = widen(x[k]);
  }
}

// ---- attention ----

// e^x for x <= 0, to about one unit in the last place: 2^n * p(r), n the nearest whole number of ln 2.
inline Vec exponential(Vec x) {
  x = x < -87.0f ? broadcast(-87.0f) : x;
  IntVec n = __builtin_convertvector(x * 1.44269504f - 0.5f, IntVec);  // truncates towards zero, so to the nearest
  Vec whole = __builtin_convertvector(n, Vec);
  Vec r = x - whole * 0.693359375f + whole * 2.12194440e-4f;
  Vec p = broadcast(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return p * reinterpret_cast<Vec>((n + 127) << 23);
}

template <class T>
inline const T* at(const View& view, int64_t batch, int64_t head) {
  return static_cast<const T*>(view.data) + batch * view.batch + head * view.head;
}

template <class T>
inline float dot(const float* q, const T* key, int64_t dim) {
  Vec acc = {};
  int64_t i = 0;
  for (; i + LANES <= dim; i += LANES) acc += load(key + i) * load(q + i);
  float total = sum(acc);
  for (; i < dim; i++) total += widen(key[i]) * q[i];
  return total;
}

// Turns scores into weights that are yet to be divided by the sum returned.
inline float softmax(float* score, int64_t len, float greatest) {
  Vec acc = {};
  int64_t j = 0;
  for (; j + LANES <= len; j += LANES) {
    Vec e = exponential(load(score + j) - greatest);
    store(e, score + j);
    acc += e;
  }
  float total = sum(acc);
  for (; j < len; j++) total += score[j] = std::exp(score[j] - greatest);
  return total;
}

// COUNT vectors of the output from position i on: the values weighted and summed.
template <int COUNT, class T>
inline void mix(const float* weight, const T* value, int64_t row, int64_t len, float share, T* out) {
  Vec acc[COUNT] = {};
  for (int64_t j = 0; j < len; j++)
    for (int c = 0; c < COUNT; c++) acc[c] += load(value + j * row + c * LANES) * weight[j];
  for (int c = 0; c < COUNT; c++)
    for (int lane = 0; lane < LANES; lane++) narrow(acc[c][lane] * share, out + c * LANES + lane);
}

template <class T>
void attend(const AttentionCall& call, int64_t batch, int64_t head, float* scratch) {
  const int64_t kv = head / call.group;
  const T *q = at<T>(call.q, batch, head), *k = at<T>(call.k, batch, kv), *v = at<T>(call.v, batch, kv);
  float *score = scratch, *wide = scratch + call.len;
  for (int64_t i = 0; i < call.dim; i++) wide[i] = widen(q[i]) * call.scale;
  float greatest = -INFINITY;
  for (int64_t j = 0; j < call.len; j++) {
    score[j] = dot(wide, k + j * call.k.row, call.dim);
    greatest = score[j] > greatest ? score[j] : greatest;
  }
  const float share = 1.0f / softmax(score, call.len, greatest);
  T* out = static_cast<T*>(call.out) + (batch * call.heads + head) * call.dim;
  int64_t i = 0;
  for (; i + 8 * LANES <= call.dim; i += 8 * LANES) mix<8>(score, v + i, call.v.row, call.len, share, out + i);
  for (; i + LANES <= call.dim; i += LANES) mix<1>(score, v + i, call.v.row, call.len, share, out + i);
  for (; i < call.dim; i++) {
    float total = 0;
    for (int64_t j = 0; j < call.len; j++) total += score[j] * widen(v[j * call.v.row + i]);
    narrow(total * share, out + i);
  }
}

template <class T>
void attention(const AttentionCall& call, int64_t begin, int64_t end, float* scratch) {
  for (int64_t pair = begin; pair < end; pair++) attend<T>(call, pair / call.heads, pair % call.heads, scratch);
}

}  // namespace

namespace anechoic {
extern const Kernels KERNELS = {linear<float>, linear<Bf16>, arrange, attention<float>, attention<Bf16>};
}
