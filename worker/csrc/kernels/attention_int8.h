// Rows of an INT8 cache. Widening codes to f32 would cost more than reading them, so queries and weights are rounded to 15
// bits and a sign, and multiplied with the codes as whole numbers, whose sums are exact.
#pragma once
#include "attention_full.h"

namespace {

// The greatest number of 16 bits.
constexpr float GREATEST = 32767.0f;

// Sizes below this count as zero: what they would be divided into is no longer a finite number.
constexpr float LEAST = 1e-34f;

// How many steps there are in one, where the greatest size is to be `most` steps; NaN where that size is.
inline float steps(float size, float most) { return size < LEAST ? 0.0f : most / size; }

// The queries of a group: value = step * whole number, times the scale of the scores.
template <>
struct Queries<int8_t> {
  int16_t* values;  // (group, dim)
  float* step;      // (group)
  int64_t dim;

  const int16_t* operator[](int64_t g) const { return values + g * dim; }
  Queries from(int64_t g) const { return {values + g * dim, step + g, dim}; }
  static Queries in(float* scratch, int64_t group, int64_t dim) {
    return {reinterpret_cast<int16_t*>(scratch + group), scratch, dim};
  }
};

template <class T>
inline void load_query(const T* from, float scale, const Queries<int8_t>& to) {
  // A sum of so many products with codes stays within 32 bits.
  const float most = std::fmin(GREATEST, 16777215.0f / to.dim);
  const float size = magnitude(from, to.dim), inverse = steps(size, most);
  for (int64_t i = 0; i < to.dim; i++) to.values[i] = int16_t(to_whole(widen(from[i]) * inverse));
  *to.step = size / most * scale;
}

template <class T>
inline void store_as(int8_t*, Pair pair, T* to) {
  store(pair.first, to);
  store(pair.second, to + LANES);
}

// Scores of G queries for the rows j, j + apart, j + 2 * apart, j + 3 * apart, without the rows' own scales.
template <int G>
inline void score_four(Count<G>, const Rows<int8_t>& keys, const Queries<int8_t>& q, int64_t j, int64_t apart, float* score,
                       int64_t stride) {
  IntVec acc[G][4] = {};
  const int8_t *a = keys[j], *b = keys[j + apart], *c = keys[j + 2 * apart], *d = keys[j + 3 * apart];
  int64_t i = 0;
  for (; i + 2 * LANES <= q.dim; i += 2 * LANES) {
    const Words key[4] = {load_words(a + i), load_words(b + i), load_words(c + i), load_words(d + i)};
    for (int g = 0; g < G; g++)
      for (int r = 0; r < 4; r++) acc[g][r] += multiply_pairs(key[r], load_words(q[g] + i));
  }
  for (int g = 0; g < G; g++) {
    Four dots = __builtin_convertvector(sums(acc[g][0], acc[g][1], acc[g][2], acc[g][3]), Four);
    if (i < q.dim) dots += dot_rest<int32_t>(keys, j, apart, q[g], i, q.dim);
    dots *= q.step[g];
    for (int r = 0; r < 4; r++) score[g * stride + j + r * apart] = dots[r];
  }
}

// The weights of a block of rows, as pairs of 16 bits for rows of two streams each: weight = step * whole number.
struct Weights {
  int32_t pairs[2][BLOCK];
  float step;
};

inline void load_weights(const float* weight, int64_t begin, int64_t apart, Weights& to) {
  const float* rows[4] = {weight + begin, weight + begin + apart, weight + begin + 2 * apart, weight + begin + 3 * apart};
  // Beyond the end of a stream come the next one's weights or zeros: they are not used, and do not harm.
  IntVec most = {};
  for (int r = 0; r < 4; r++)
    for (int j = 0; j < BLOCK; j += LANES) most = larger(most, magnitudes(load(rows[r] + j)));
  const float size = as_float(greatest(most)), inverse = steps(size, GREATEST);
  to.step = size / GREATEST;
  for (int p = 0; p < 2; p++)
    for (int j = 0; j < BLOCK; j += LANES) {
      IntVec low = __builtin_convertvector(load(rows[2 * p] + j) * inverse + 0.5f, IntVec);
      IntVec high = __builtin_convertvector(load(rows[2 * p + 1] + j) * inverse + 0.5f, IntVec);
      IntVec pairs = low | (high << 16);
      memcpy(to.pairs[p] + j, &pairs, sizeof pairs);
    }
}

// Adds weighted codes to 2 * COUNT vectors of the sums of G queries.
template <int COUNT, int G>
inline void mix_columns(const Rows<int8_t>& values, int64_t begin, int64_t end, int64_t apart, const Weights* weights,
                        int64_t i, float* sum, int64_t dim) {
  IntVec acc[G][2 * COUNT] = {};
  for (int64_t j = begin; j < end; j++)
    for (int p = 0; p < 2; p++) {
      const int8_t *one = values[j + 2 * p * apart] + i, *other = values[j + (2 * p + 1) * apart] + i;
      for (int c = 0; c < COUNT; c++) {
        Zipped codes = zip(one + 2 * c * LANES, other + 2 * c * LANES);
        for (int g = 0; g < G; g++) acc[g][2 * c] += multiply_pairs(codes.first, repeat_words(weights[g].pairs[p][j - begin]));
        for (int g = 0; g < G; g++)
          acc[g][2 * c + 1] += multiply_pairs(codes.second, repeat_words(weights[g].pairs[p][j - begin]));
      }
    }
  for (int g = 0; g < G; g++)
    for (int c = 0; c < 2 * COUNT; c++) {
      float* to = sum + g * dim + i + c * LANES;
      store(load(to) + __builtin_convertvector(acc[g][c], Vec) * weights[g].step, to);
    }
}

template <int G>
inline void mix_block(Count<G>, const Rows<int8_t>& values, int64_t begin, int64_t end, int64_t apart, const float* weight,
                      int64_t stride, float* sum, int64_t dim) {
  constexpr int COUNT = 2;
  Weights weights[G];
  for (int g = 0; g < G; g++) load_weights(weight + g * stride, begin, apart, weights[g]);
  int64_t i = 0;
  for (; i + COUNT * 2 * LANES <= dim; i += COUNT * 2 * LANES)
    mix_columns<COUNT, G>(values, begin, end, apart, weights, i, sum, dim);
  for (; i + 2 * LANES <= dim; i += 2 * LANES) mix_columns<1, G>(values, begin, end, apart, weights, i, sum, dim);
  for (; i < dim; i++)
    for (int g = 0; g < G; g++)
      for (int64_t j = begin; j < end; j++)
        for (int r = 0; r < 4; r++) sum[g * dim + i] += weight[g * stride + j + r * apart] * values[j + r * apart][i];
}

inline void mix_row(const int8_t* value, float weight, float* sum, int64_t dim) {
  for (int64_t i = 0; i < dim; i++) sum[i] += weight * value[i];
}

}  // namespace
