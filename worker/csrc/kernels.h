// The kernels that kernels.cpp holds, once per instruction set. Nothing of libtorch in here: kernels.cpp is compiled for
// processors that the rest of the program may not run on, so it must not share a single inline function with it.
#pragma once
#include <cstdint>

namespace anechoic {

// out[m][n] = sum over k of x[m][k] * w[n][k], plus bias[n]. Rows lie one after another; `w`, `bias` and `out` hold the
// weight's type, sums are f32 and are rounded once. For bf16 `x` is as `arrange` leaves it.
struct LinearCall {
  const float* x;
  const void* w;
  const void* bias;  // or null
  void* out;
  int64_t rows, in, out_features;
};

// A view whose last dimension is dense; strides count elements.
struct View {
  const void* data;
  int64_t batch, head, row;
};

// One query per sequence and head over `len` keys; queries of a group share a key-value head.
struct AttentionCall {
  View q, k, v;
  void* out;  // (batch, heads, dim), dense
  int64_t heads, group, len, dim;
  float scale;
};

struct Kernels {
  // Output features [begin, end).
  void (*linear_f32)(const LinearCall&, int64_t begin, int64_t end);
  void (*linear_bf16)(const LinearCall&, int64_t begin, int64_t end);
  // Rows of bf16 as the x that `linear_bf16` takes.
  void (*arrange)(const void* from, int64_t rows, int64_t in, float* to);
  // Pairs of sequence and head [begin, end); `scratch` holds `len + dim` floats.
  void (*attention_f32)(const AttentionCall&, int64_t begin, int64_t end, float* scratch);
  void (*attention_bf16)(const AttentionCall&, int64_t begin, int64_t end, float* scratch);
};

extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;

}  // namespace anechoic
