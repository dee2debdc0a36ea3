// Rows of a cache of f32 or bf16, scored and mixed in f32.
#pragma once
#include "../kernels.h"
#include "vectors.h"

namespace {

using anechoic::CacheView;

// Rows that are read from each stream before the group's next queries read them again, from the nearest cache.
constexpr int64_t BLOCK = 16;

// A number of queries known when compiling.
template <int N>
struct Count {};

// The keys or values of one head.
template <class C>
struct Rows {
  const C* data;
  const float* scale;  // of each row, or null
  int64_t stride;

  const C* operator[](int64_t row) const { return data + row * stride; }

  static Rows of(const CacheView& view, int64_t batch, int64_t head, int64_t begin) {
    const auto* data = static_cast<const C*>(view.data) + batch * view.batch + head * view.head + begin * view.row;
    const auto* scale = view.scale ? view.scale + batch * view.scale_batch + head * view.scale_head + begin : nullptr;
    return {data, scale, view.row};
  }
};

// The queries of a group, in the order in which `load_pair` yields the cache, times the scale of the scores.
template <class C>
struct Queries {
  float* values;  // (group, dim)
  int64_t dim;

  const float* operator[](int64_t g) const { return values + g * dim; }
  Queries from(int64_t g) const { return {values + g * dim, dim}; }
  static Queries in(float* scratch, int64_t, int64_t dim) { return {scratch, dim}; }
};

template <class C>
inline void load_query(const C* from, float scale, const Queries<C>& to) {
  int64_t i = 0;
  for (; i + 2 * LANES <= to.dim; i += 2 * LANES) {
    Pair pair = load_pair(from + i);
    store(pair.first * scale, to.values + i);
    store(pair.second * scale, to.values + i + LANES);
  }
  for (; i < to.dim; i++) to.values[i] = widen(from[i]) * scale;
}

// A pair of a result's vectors, in the order of the cache.
template <class C>
inline void store_as(C*, Pair pair, C* to) { store_pair(pair, to); }

// What the last dimensions, fewer than a pair of vectors, add to the dot products of four rows.
template <class D, class Q, class C>
__attribute__((noinline)) Four dot_rest(const Rows<C>& rows, int64_t j, int64_t apart, const Q* q, int64_t from, int64_t dim) {
  D dot[4] = {};
  for (int r = 0; r < 4; r++)
    for (int64_t i = from; i < dim; i++) dot[r] += widen(rows[j + r * apart][i]) * q[i];
  return Four{float(dot[0]), float(dot[1]), float(dot[2]), float(dot[3])};
}

// Scores of G queries for the rows j, j + apart, j + 2 * apart, j + 3 * apart.
template <int G, class C>
inline void score_four(Count<G>, const Rows<C>& keys, Queries<C> q, int64_t j, int64_t apart, float* score, int64_t stride) {
  Vec acc[G][4] = {};
  const C *a = keys[j], *b = keys[j + apart], *c = keys[j + 2 * apart], *d = keys[j + 3 * apart];
  int64_t i = 0;
  for (; i + 2 * LANES <= q.dim; i += 2 * LANES) {
    const Pair key[4] = {load_pair(a + i), load_pair(b + i), load_pair(c + i), load_pair(d + i)};
    for (int g = 0; g < G; g++)
      for (int r = 0; r < 4; r++) acc[g][r] += key[r].first * load(q[g] + i);
    for (int g = 0; g < G; g++)
      for (int r = 0; r < 4; r++) acc[g][r] += key[r].second * load(q[g] + i + LANES);
  }
  for (int g = 0; g < G; g++) {
    Four dots = sums(acc[g][0], acc[g][1], acc[g][2], acc[g][3]);
    if (i < q.dim) dots += dot_rest<float>(keys, j, apart, q[g], i, q.dim);
    for (int r = 0; r < 4; r++) score[g * stride + j + r * apart] = dots[r];
  }
}

// Adds weighted values to 2 * COUNT vectors of the sums of G queries: rows [begin, end) of four streams.
template <int COUNT, int G, class C>
inline void mix_columns(const Rows<C>& values, int64_t begin, int64_t end, int64_t apart, const float* weight, int64_t stride,
                        int64_t i, float* sum, int64_t dim) {
  Vec acc[G][2 * COUNT];
  for (int g = 0; g < G; g++)
    for (int c = 0; c < 2 * COUNT; c++) acc[g][c] = load(sum + g * dim + i + c * LANES);
  for (int64_t j = begin; j < end; j++)
    for (int r = 0; r < 4; r++)
      for (int c = 0; c < COUNT; c++) {
        Pair value = load_pair(values[j + r * apart] + i + 2 * c * LANES);
        for (int g = 0; g < G; g++) acc[g][2 * c] += value.first * weight[g * stride + j + r * apart];
        for (int g = 0; g < G; g++) acc[g][2 * c + 1] += value.second * weight[g * stride + j + r * apart];
      }
  for (int g = 0; g < G; g++)
    for (int c = 0; c < 2 * COUNT; c++) store(acc[g][c], sum + g * dim + i + c * LANES);
}

template <int G, class C>
inline void mix_block(Count<G>, const Rows<C>& values, int64_t begin, int64_t end, int64_t apart, const float* weight,
                      int64_t stride, float* sum, int64_t dim) {
  constexpr int COUNT = G == 1 ? 4 : 2;
  int64_t i = 0;
  for (; i + COUNT * 2 * LANES <= dim; i += COUNT * 2 * LANES)
    mix_columns<COUNT, G>(values, begin, end, apart, weight, stride, i, sum, dim);
  for (; i + 2 * LANES <= dim; i += 2 * LANES) mix_columns<1, G>(values, begin, end, apart, weight, stride, i, sum, dim);
  for (; i < dim; i++)
    for (int g = 0; g < G; g++)
      for (int64_t j = begin; j < end; j++)
        for (int r = 0; r < 4; r++) sum[g * dim + i] += weight[g * stride + j + r * apart] * widen(values[j + r * apart][i]);
}

template <class C>
inline void mix_row(const C* value, float weight, float* sum, int64_t dim) {
  int64_t i = 0;
  for (; i + 2 * LANES <= dim; i += 2 * LANES) {
    Pair pair = load_pair(value + i);
    store(load(sum + i) + pair.first * weight, sum + i);
    store(load(sum + i + LANES) + pair.second * weight, sum + i + LANES);
  }
  for (; i < dim; i++) sum[i] += weight * widen(value[i]);
}

}  // namespace
