// What is done to a row at a time: quantising it, GPT-2's activation, and reading memory for its own sake.
#pragma once
#include "../kernels.h"
#include "vectors.h"

namespace {

using anechoic::QuantiseCall;

// x / scale, rounded half to even; 0 where that is not finite.
inline Vec code(Vec x, float scale) {
  x = x / scale;
  Vec size = x < 0.0f ? -x : x;
  x = size <= 1e6f ? x : Vec{};
  x = x > 127.0f ? broadcast(127.0f) : x;
  x = x < -127.0f ? broadcast(-127.0f) : x;
  return to_whole(x);
}

template <class T>
inline float quantise_row(const T* row, int64_t dim, int8_t* codes) {
  const float scale = magnitude(row, dim) / 127.0f;
  int64_t i = 0;
  for (; i + LANES <= dim; i += LANES)
    store_bytes(__builtin_convertvector(code(load(row + i), scale), IntVec), codes + i);
  for (; i < dim; i++) codes[i] = int8_t(code(broadcast(widen(row[i])), scale)[0]);
  return scale;
}

template <class T>
void quantise(const QuantiseCall& call, int64_t begin, int64_t end) {
  for (int64_t item = begin; item < end; item++) {
    const int64_t t = item % call.len, head = item / call.len % call.heads, batch = item / call.len / call.heads;
    const T* row = static_cast<const T*>(call.rows.data) + batch * call.rows.batch + head * call.rows.head + t * call.rows.row;
    int8_t* codes = call.codes + batch * call.code_batch + head * call.code_head + t * call.code_row;
    call.scales[batch * call.scale_batch + head * call.scale_head + t * call.scale_row] = quantise_row(row, call.dim, codes);
  }
}

// To the nearest bf16; for numbers only.
inline Vec as_bf16(Vec v) {
  auto bits = reinterpret_cast<BitsVec>(v);
  return reinterpret_cast<Vec>((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000u);
}

// tanh, to a few units in the last place where it matters after rounding to bf16.
inline Vec hyperbolic_tangent(Vec x) {
  Vec size = x < 0.0f ? -x : x;
  Vec e = exponential(size * -2.0f);
  Vec t = (1.0f - e) / (1.0f + e);
  t = size < 0.02f ? size - size * size * size * (1.0f / 3.0f) : t;
  return x < 0.0f ? -t : t;
}

// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), each step but the last rounded to bf16 as separate operators do.
inline Vec gelu_steps(Vec x) {
  Vec y = as_bf16(as_bf16(x * x) * x);
  y = as_bf16(y * 0.044715f);
  y = as_bf16(y + x);
  y = as_bf16(y * 0.7978845608f);
  y = as_bf16(hyperbolic_tangent(y));
  y = as_bf16(y + 1.0f);
  y = as_bf16(x * 0.5f) * y;
  return x == x ? y : x;
}

void gelu_new(const void* from, void* to, int64_t begin, int64_t end) {
  const auto* x = static_cast<const Bf16*>(from);
  auto* y = static_cast<Bf16*>(to);
  int64_t i = begin;
  for (; i + 2 * LANES <= end; i += 2 * LANES) {
    Pair pair = load_pair(x + i);
    store_pair({gelu_steps(pair.first), gelu_steps(pair.second)}, y + i);
  }
  for (; i < end; i++) narrow(gelu_steps(broadcast(widen(x[i])))[0], y + i);
}

// Reads words [begin, end) as S streams; the result depends on all of them, so that none can be left out.
template <int S>
inline int64_t read_streams(const float* from, int64_t begin, int64_t end) {
  const int64_t apart = (end - begin) / S / (4 * LANES) * (4 * LANES);
  BitsVec acc[4] = {};
  for (int64_t i = begin; i < begin + apart; i += 4 * LANES)
    for (int s = 0; s < S; s++)
      for (int c = 0; c < 4; c++) acc[c] |= reinterpret_cast<BitsVec>(load(from + i + s * apart + c * LANES));
  uint32_t bits[LANES], all = 0;
  BitsVec together = acc[0] | acc[1] | acc[2] | acc[3];
  memcpy(bits, &together, sizeof together);
  for (int lane = 0; lane < LANES; lane++) all |= bits[lane];
  for (int64_t i = begin + S * apart; i < end; i++) all |= from[i] != 0;
  return all;
}

int64_t read(const float* from, int64_t begin, int64_t end, int streams) {
  switch (streams) {
    case 1: return read_streams<1>(from, begin, end);
    case 2: return read_streams<2>(from, begin, end);
    case 4: return read_streams<4>(from, begin, end);
    case 8: return read_streams<8>(from, begin, end);
    default: return read_streams<16>(from, begin, end);
  }
}

}  // namespace
