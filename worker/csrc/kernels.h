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

// Keys or values. INT8 ones have the scale of each row besides; a head's scales lie one after another.
struct CacheView {
  const void* data;
  int64_t batch, head, row;
  const float* scale;  // or null
  int64_t scale_batch, scale_head;
};

// One query per sequence and head over `len` keys; the `group` queries that share a key-value head are computed together,
// in `splits` parts of the keys. (Sequence, key-value head) is a pair, and (pair, split) an item.
struct AttentionCall {
  View q;
  CacheView k, v;
  void* out;     // (batch, heads, dim), dense
  float* parts;  // per item `group * (dim + 2)` floats
  int64_t kv_heads, group, len, dim, splits;
  float scale;
};

// Attention for one type of cache and one of queries.
struct AttentionKernel {
  // Items [begin, end); `scratch` holds `group * (len + dim + 64)` floats.
  void (*attend)(const AttentionCall&, int64_t begin, int64_t end, float* scratch);
  // Pairs [begin, end), all of whose parts are there.
  void (*combine)(const AttentionCall&, int64_t begin, int64_t end);
};

// Rows into codes and scales, all three (batch, heads, len, …).
struct QuantiseCall {
  View rows;
  int8_t* codes;
  int64_t code_batch, code_head, code_row;
  float* scales;
  int64_t scale_batch, scale_head, scale_row;
  int64_t heads, len, dim;
};

struct Kernels {
  // Output features [begin, end).
  void (*linear_f32)(const LinearCall&, int64_t begin, int64_t end);
  void (*linear_bf16)(const LinearCall&, int64_t begin, int64_t end);
  // Rows of bf16 as the x that `linear_bf16` takes.
  void (*arrange)(const void* from, int64_t rows, int64_t in, float* to);
  // Named after the cache, and where it is INT8 after the queries too.
  AttentionKernel attention_f32, attention_bf16, attention_int8_f32, attention_int8_bf16;
  // Rows [begin, end) of all sequences and heads.
  void (*quantise_f32)(const QuantiseCall&, int64_t begin, int64_t end);
  void (*quantise_bf16)(const QuantiseCall&, int64_t begin, int64_t end);
  // Elements [begin, end) of bf16.
  void (*gelu_new)(const void* from, void* to, int64_t begin, int64_t end);
  // Reads elements [begin, end) as so many streams; 0 where all of them are zero.
  int64_t (*read)(const float* from, int64_t begin, int64_t end, int streams);
};

extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;

}  // namespace anechoic
