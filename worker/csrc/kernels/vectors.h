// Vectors of LANES floats and the three element types of weights and caches, widened to f32 and rounded back. The compiler's
// own vector types serve every instruction set; what they cannot say is at the end, in intrinsics.
#pragma once
#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

typedef float Vec __attribute__((vector_size(LANES * 4)));
typedef int32_t IntVec __attribute__((vector_size(LANES * 4)));
typedef uint32_t BitsVec __attribute__((vector_size(LANES * 4)));
typedef uint16_t HalfVec __attribute__((vector_size(LANES * 2)));
typedef float LooseVec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef uint32_t LooseBitsVec __attribute__((vector_size(LANES * 4), aligned(2), may_alias));
typedef uint16_t LooseHalfVec __attribute__((vector_size(LANES * 2), aligned(2), may_alias));
typedef float Four __attribute__((vector_size(16)));
typedef int32_t FourInts __attribute__((vector_size(16)));

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

// 2 * LANES values. Those of bf16 come as the even and the odd ones, which costs a shift and a mask where widening them in
// order costs four instructions; what they are multiplied with is brought into the same order.
struct Pair {
  Vec first, second;
};
inline Pair load_pair(const float* from) { return {load(from), load(from + LANES)}; }
inline Pair load_pair(const Bf16* from) {
  BitsVec bits = *reinterpret_cast<const LooseBitsVec*>(from);
  return {reinterpret_cast<Vec>(bits << 16), reinterpret_cast<Vec>(bits & 0xffff0000u)};
}
inline int32_t widen(int8_t value) { return value; }

inline Vec broadcast(float value) { return Vec{} + value; }

// To the nearest bf16, ties to even, in the upper halves; a NaN stays one.
inline BitsVec to_bf16(Vec v) {
  auto bits = reinterpret_cast<BitsVec>(v);
  bits += 0x7fff + ((bits >> 16) & 1);
  return (v == v ? bits : BitsVec{} + 0x7fc00000u) & 0xffff0000u;
}
inline void narrow(float value, float* to) { *to = value; }
inline void narrow(float value, Bf16* to) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  bool nan = value != value;
  to->bits = nan ? 0x7fc0 : uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

inline void store(Vec v, float* to) { *reinterpret_cast<LooseVec*>(to) = v; }
inline void store(Vec v, Bf16* to) {
  *reinterpret_cast<LooseHalfVec*>(to) = __builtin_convertvector(to_bf16(v) >> 16, HalfVec);
}
inline void store_pair(Pair pair, float* to) {
  store(pair.first, to);
  store(pair.second, to + LANES);
}
inline void store_pair(Pair pair, Bf16* to) {
  *reinterpret_cast<LooseBitsVec*>(to) = to_bf16(pair.first) >> 16 | to_bf16(pair.second);
}

// To the nearest whole number, ties to even, for sizes below 2^22: adding 1.5 * 2^23 leaves no bits behind the point.
template <class V>
inline V to_whole(V v) { return (v + 12582912.0f) - 12582912.0f; }

inline float sum(Vec v) {
  float lane[LANES];
  memcpy(lane, &v, sizeof v);
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) lane[i] += lane[i + width];
  return lane[0];
}

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

// ---- intrinsics ----

// The upper half added to the lower one.
#if LANES == 16
typedef __m512 Floats;
typedef __m512i Ints;
inline __m256 halve(__m512 v) { return _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1)); }
inline __m256i halve(__m512i v) { return _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti32x8_epi32(v, 1)); }
#else
typedef __m256 Floats;
typedef __m256i Ints;
inline __m256 halve(__m256 v) { return v; }
inline __m256i halve(__m256i v) { return v; }
#endif

// The sums of four vectors each.
inline Four sums(Vec a, Vec b, Vec c, Vec d) {
  __m256 w = halve((Floats)a), x = halve((Floats)b);
  __m256 y = halve((Floats)c), z = halve((Floats)d);
  __m256 wx = _mm256_add_ps(_mm256_unpacklo_ps(w, x), _mm256_unpackhi_ps(w, x));
  __m256 yz = _mm256_add_ps(_mm256_unpacklo_ps(y, z), _mm256_unpackhi_ps(y, z));
  __m256 all = _mm256_add_ps(_mm256_shuffle_ps(wx, yz, 0x44), _mm256_shuffle_ps(wx, yz, 0xee));
  return (Four)_mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
}
inline FourInts sums(IntVec a, IntVec b, IntVec c, IntVec d) {
  __m256i w = halve((Ints)a), x = halve((Ints)b);
  __m256i y = halve((Ints)c), z = halve((Ints)d);
  __m256i wx = _mm256_add_epi32(_mm256_unpacklo_epi32(w, x), _mm256_unpackhi_epi32(w, x));
  __m256i yz = _mm256_add_epi32(_mm256_unpacklo_epi32(y, z), _mm256_unpackhi_epi32(y, z));
  __m256i all = _mm256_add_epi32(_mm256_unpacklo_epi64(wx, yz), _mm256_unpackhi_epi64(wx, yz));
  return (FourInts)_mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

inline int32_t greatest(IntVec v) {
#if LANES == 16
  return _mm512_reduce_max_epi32((__m512i)v);
#else
  __m128i most = _mm_max_epi32(_mm256_castsi256_si128((__m256i)v), _mm256_extracti128_si256((__m256i)v, 1));
  most = _mm_max_epi32(most, _mm_shuffle_epi32(most, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(most, _mm_shuffle_epi32(most, 0xb1)));
#endif
}

// Whole numbers from -128 to 127, a byte each.
#if LANES == 16
inline void store_bytes(IntVec v, int8_t* to) { _mm_storeu_si128((__m128i*)to, _mm512_cvtepi32_epi8((__m512i)v)); }
#else
inline void store_bytes(IntVec v, int8_t* to) {
  __m128i words = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)v), _mm256_extracti128_si256((__m256i)v, 1));
  _mm_storel_epi64((__m128i*)to, _mm_packs_epi16(words, words));
}
#endif

// 2 * LANES numbers of 16 bits, and LANES sums of two products each.
#if LANES == 16
typedef __m512i Words;
inline Words load_words(const int8_t* from) { return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i*)from)); }
inline Words load_words(const int16_t* from) { return _mm512_loadu_si512(from); }
inline Words repeat_words(int32_t pair) { return _mm512_set1_epi32(pair); }
inline IntVec multiply_pairs(Words a, Words b) { return (IntVec)_mm512_madd_epi16(a, b); }
#else
typedef __m256i Words;
inline Words load_words(const int8_t* from) { return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)from)); }
inline Words load_words(const int16_t* from) { return _mm256_loadu_si256((const __m256i*)from); }
inline Words repeat_words(int32_t pair) { return _mm256_set1_epi32(pair); }
inline IntVec multiply_pairs(Words a, Words b) { return (IntVec)_mm256_madd_epi16(a, b); }
#endif

// 2 * LANES codes of each of two rows, widened: one row's and the other's in turn, in two vectors.
struct Zipped {
  Words first, second;
};
#if LANES == 16
inline Zipped zip(const int8_t* a, const int8_t* b) {
  // Unpacking stays within quarters of a vector, so those are brought into the order that it leaves.
  __m256i x = _mm256_permute4x64_epi64(_mm256_loadu_si256((const __m256i*)a), 0xd8);
  __m256i y = _mm256_permute4x64_epi64(_mm256_loadu_si256((const __m256i*)b), 0xd8);
  return {_mm512_cvtepi8_epi16(_mm256_unpacklo_epi8(x, y)), _mm512_cvtepi8_epi16(_mm256_unpackhi_epi8(x, y))};
}
#else
inline Zipped zip(const int8_t* a, const int8_t* b) {
  __m128i x = _mm_loadu_si128((const __m128i*)a), y = _mm_loadu_si128((const __m128i*)b);
  return {_mm256_cvtepi8_epi16(_mm_unpacklo_epi8(x, y)), _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(x, y))};
}
#endif

// ---- magnitudes ----

// Bits of floats without their signs order as the floats do, with what is not a number above all.
inline IntVec magnitudes(Vec v) { return reinterpret_cast<IntVec>(v) & 0x7fffffff; }
inline IntVec larger(IntVec a, IntVec b) { return a > b ? a : b; }
inline float as_float(int32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// The greatest magnitude; NaN where there is one.
template <class T>
inline float magnitude(const T* row, int64_t dim) {
  IntVec most = {};
  int64_t i = 0;
  for (; i + LANES <= dim; i += LANES) most = larger(most, magnitudes(load(row + i)));
  for (; i < dim; i++) most = larger(most, magnitudes(broadcast(widen(row[i]))));
  return as_float(greatest(most));
}

}  // namespace
