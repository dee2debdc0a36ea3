// Attention of one query per head. Keys and values are read once, so the aim is the speed of memory: four rows that lie far
// apart are read at a time, as separate streams to the prefetcher, and each is used for all queries of its group.
//
// What touches the rows of a cache is in attention_full.h and attention_int8.h, under the same names.
#pragma once
#include "attention_full.h"
#include "attention_int8.h"

namespace {

using anechoic::AttentionCall;

// Calls `body` for three queries at a time and for the rest: three times four sums and what they are made of fill the
// sixteen registers.
template <class F>
inline void by_threes(int64_t group, F body) {
  int64_t g = 0;
  for (; g + 3 <= group; g += 3) body(Count<3>(), g);
  if (group - g == 2) body(Count<2>(), g);
  if (group - g == 1) body(Count<1>(), g);
}

// Calls `body` with ranges of rows of the first of four streams.
template <class F>
inline void by_blocks(int64_t apart, F body) {
  for (int64_t j = 0; j < apart; j += BLOCK) body(j, j + BLOCK < apart ? j + BLOCK : apart);
}

// Scores of one query to those of the next: behind each query's there is a block of zeros.
inline int64_t score_stride(int64_t len) { return len + BLOCK; }

template <class C>
inline void score_all(const Rows<C>& keys, const Queries<C>& queries, int64_t group, float* score, int64_t len) {
  const int64_t stride = score_stride(len);
  auto range = [&](int64_t begin, int64_t end, int64_t apart) {
    by_threes(group, [&](auto count, int64_t g) {
      for (int64_t j = begin; j < end; j++) score_four(count, keys, queries.from(g), j, apart, score + g * stride, stride);
    });
  };
  by_blocks(len / 4, [&](int64_t begin, int64_t end) { range(begin, end, len / 4); });
  // The last rows once more, with those that have not been seen; where there are fewer than four, one by one.
  if (len < 4) return range(0, len, 0);
  if (len % 4) range(len - 4, len - 3, 1);
}

template <class C>
inline void mix_all(const Rows<C>& values, const float* weight, int64_t len, int64_t group, float* sum, int64_t dim) {
  memset(sum, 0, group * dim * sizeof(float));
  const int64_t apart = len / 4, stride = score_stride(len);
  by_blocks(apart, [&](int64_t begin, int64_t end) {
    by_threes(group, [&](auto count, int64_t g) {
      mix_block(count, values, begin, end, apart, weight + g * stride, stride, sum + g * dim, dim);
    });
  });
  for (int64_t g = 0; g < group; g++)
    for (int64_t j = 4 * apart; j < len; j++) mix_row(values[j], weight[g * stride + j], sum + g * dim, dim);
}

// ---- softmax ----

inline void multiply(float* score, const float* scale, int64_t len) {
  if (!scale) return;
  int64_t j = 0;
  for (; j + LANES <= len; j += LANES) store(load(score + j) * load(scale + j), score + j);
  for (; j < len; j++) score[j] *= scale[j];
}

inline float greatest(const float* score, int64_t len) {
  Vec most = broadcast(-INFINITY);
  int64_t j = 0;
  for (; j + LANES <= len; j += LANES) most = load(score + j) > most ? load(score + j) : most;
  float result = -INFINITY;
  for (int lane = 0; lane < LANES; lane++) result = most[lane] > result ? most[lane] : result;
  for (; j < len; j++) result = score[j] > result ? score[j] : result;
  return result;
}

// Turns scores into weights that are yet to be divided by the sum returned.
inline float softmax(float* score, int64_t len, float most) {
  Vec acc = {};
  int64_t j = 0;
  for (; j + LANES <= len; j += LANES) {
    Vec e = exponential(load(score + j) - most);
    store(e, score + j);
    acc += e;
  }
  float total = sum(acc);
  for (; j < len; j++) total += score[j] = std::exp(score[j] - most);
  return total;
}

// ---- one item ----

// What one split of the keys yields for the queries of a group; `combine` makes results of them.
struct Part {
  float* sum;       // (group, dim), in the order of the cache
  float* greatest;  // (group): the greatest score
  float* total;     // (group): the sum of weights
};

inline Part part_of(const AttentionCall& call, int64_t item) {
  float* from = call.parts + item * call.group * (call.dim + 2);
  return {from, from + call.group * call.dim, from + call.group * (call.dim + 1)};
}

template <class C, class T>
inline void attend(const AttentionCall& call, int64_t item, float* scratch) {
  const int64_t pair = item / call.splits, split = item % call.splits;
  const int64_t batch = pair / call.kv_heads, kv = pair % call.kv_heads;
  const int64_t begin = call.len * split / call.splits, len = call.len * (split + 1) / call.splits - begin;
  float* score = scratch + call.group * (call.dim + 1);
  const auto queries = Queries<C>::in(scratch, call.group, call.dim);
  for (int64_t g = 0; g < call.group; g++) {
    const int64_t head = kv * call.group + g;
    const T* q = static_cast<const T*>(call.q.data) + batch * call.q.batch + head * call.q.head;
    load_query(q, call.scale, queries.from(g));
  }
  const auto keys = Rows<C>::of(call.k, batch, kv, begin), values = Rows<C>::of(call.v, batch, kv, begin);
  const Part part = part_of(call, item);
  score_all(keys, queries, call.group, score, len);
  for (int64_t g = 0; g < call.group; g++) {
    float* weight = score + g * score_stride(len);
    multiply(weight, keys.scale, len);
    part.greatest[g] = greatest(weight, len);
    part.total[g] = softmax(weight, len, part.greatest[g]);
    multiply(weight, values.scale, len);
    memset(weight + len, 0, BLOCK * sizeof(float));
  }
  mix_all(values, score, len, call.group, part.sum, call.dim);
}

// Adds a part to the first: each is weighed by how far its greatest score lies below the greatest of both.
inline void merge(const Part& first, const Part& part, int64_t g, int64_t dim) {
  const float before = first.greatest[g], here = part.greatest[g], most = here > before ? here : before;
  const float keep = std::exp(before - most), take = std::exp(here - most);
  for (int64_t i = g * dim; i < (g + 1) * dim; i++) first.sum[i] = first.sum[i] * keep + part.sum[i] * take;
  first.total[g] = first.total[g] * keep + part.total[g] * take;
  first.greatest[g] = most;
}

template <class C, class T>
inline void finish(C* order, const float* sum, float share, int64_t dim, T* out) {
  int64_t i = 0;
  for (; i + 2 * LANES <= dim; i += 2 * LANES)
    store_as(order, {load(sum + i) * share, load(sum + i + LANES) * share}, out + i);
  for (; i < dim; i++) narrow(sum[i] * share, out + i);
}

// ---- the kernels ----

template <class C, class T>
void attention(const AttentionCall& call, int64_t begin, int64_t end, float* scratch) {
  for (int64_t item = begin; item < end; item++) attend<C, T>(call, item, scratch);
}

template <class C, class T>
void combine(const AttentionCall& call, int64_t begin, int64_t end) {
  for (int64_t pair = begin; pair < end; pair++)
    for (int64_t g = 0; g < call.group; g++) {
      const Part first = part_of(call, pair * call.splits);
      for (int64_t split = 1; split < call.splits; split++) merge(first, part_of(call, pair * call.splits + split), g, call.dim);
      T* out = static_cast<T*>(call.out) + (pair * call.group + g) * call.dim;
      finish(static_cast<C*>(nullptr), first.sum + g * call.dim, 1.0f / first.total[g], call.dim, out);
    }
}

}  // namespace
