// Matrix times a few vectors. The matrix is read once, so the aim is the speed of memory.
#pragma once
#include "../kernels.h"
#include "vectors.h"

namespace {

using anechoic::LinearCall;

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

}  // namespace
