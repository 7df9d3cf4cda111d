// The product for processors with AVX2 and FMA: 8 numbers at a time.
#include "linear.hpp"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#include <algorithm>
#include <bit>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

namespace bearhug::linear {
namespace {

enum class BFloat16 : std::uint16_t {};
enum class Float16 : std::uint16_t {};
using Vector = __m256;

struct Machine {
    static constexpr std::size_t width = 8, rows = 4;
    static constexpr int outs(int rows) { return rows == 1 ? 6 : rows == 2 ? 4 : rows == 3 ? 3 : 2; }

    static Vector zero() { return _mm256_setzero_ps(); }
    static Vector fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
    static Vector multiply(Vector a, Vector b) { return _mm256_mul_ps(a, b); }
    static float sum(Vector v) {
        const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
        const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
    }
    static Vector all(float value) { return _mm256_set1_ps(value); }
    static void store(float* p, Vector v) { _mm256_storeu_ps(p, v); }
    static Vector load(const float* p) { return _mm256_loadu_ps(p); }
    static Vector load(const BFloat16* p) {
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half(p)), 16));
    }
    static Vector load(const Float16* p) { return _mm256_cvtph_ps(half(p)); }
    static Vector load(const std::int8_t* p) {
        return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
    }
    static Vector scale(std::uint16_t bits) { return _mm256_set1_ps(std::bit_cast<float>(std::uint32_t{bits} << 16)); }
    static void nibbles(const std::uint16_t* p, Vector* w) {
        const __m256i low = _mm256_cvtepu16_epi32(half(p)), high = _mm256_cvtepu16_epi32(half(p + 8));
        w[0] = level(low), w[1] = level(high);
        w[2] = level(_mm256_srli_epi32(low, 4)), w[3] = level(_mm256_srli_epi32(high, 4));
        w[4] = level(_mm256_srli_epi32(low, 8)), w[5] = level(_mm256_srli_epi32(high, 8));
        w[6] = level(_mm256_srli_epi32(low, 12)), w[7] = level(_mm256_srli_epi32(high, 12));
    }

 private:
    static __m128i half(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
    static Vector level(__m256i words) {
        const __m256i value = _mm256_and_si256(words, _mm256_set1_epi32(15));
        return _mm256_cvtepi32_ps(_mm256_sub_epi32(value, _mm256_set1_epi32(8)));
    }
};

#include "linear_tile.hpp"

}  // namespace

Part avx2_part() { return compute; }

}  // namespace bearhug::linear

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
