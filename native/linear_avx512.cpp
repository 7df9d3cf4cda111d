// The product for processors with AVX-512: 16 numbers at a time, and 4-bit weights looked up in a register.
#include "linear.hpp"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#include <algorithm>
#include <bit>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx2,fma,f16c")
#endif

namespace bearhug::linear {
namespace {

enum class BFloat16 : std::uint16_t {};
enum class Float16 : std::uint16_t {};
using Vector = __m512;

struct Machine {
    static constexpr std::size_t width = 16, rows = 8;
    static constexpr int outs(int rows) { return rows <= 2 ? 8 : rows <= 4 ? 6 : 3; }

    static Vector zero() { return _mm512_setzero_ps(); }
    static Vector fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
    static Vector multiply(Vector a, Vector b) { return _mm512_mul_ps(a, b); }
    static float sum(Vector v) { return _mm512_reduce_add_ps(v); }
    static Vector all(float value) { return _mm512_set1_ps(value); }
    static void store(float* p, Vector v) { _mm512_storeu_ps(p, v); }
    static Vector load(const float* p) { return _mm512_loadu_ps(p); }
    static Vector load(const BFloat16* p) {
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half(p)), 16));
    }
    static Vector load(const Float16* p) { return _mm512_cvtph_ps(half(p)); }
    static Vector load(const std::int8_t* p) {
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
    }
    static Vector scale(std::uint16_t bits) { return _mm512_set1_ps(std::bit_cast<float>(std::uint32_t{bits} << 16)); }
    static void nibbles(const std::uint16_t* p, Vector* w) {
        const Vector levels = _mm512_setr_ps(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);
        const __m512i words = _mm512_cvtepu16_epi32(half(p));
        w[0] = _mm512_permutexvar_ps(words, levels);
        w[1] = _mm512_permutexvar_ps(_mm512_srli_epi32(words, 4), levels);
        w[2] = _mm512_permutexvar_ps(_mm512_srli_epi32(words, 8), levels);
        w[3] = _mm512_permutexvar_ps(_mm512_srli_epi32(words, 12), levels);
    }

 private:
    static __m256i half(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
};

#include "linear_tile.hpp"

}  // namespace

Part avx512_part() { return compute; }

}  // namespace bearhug::linear

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
