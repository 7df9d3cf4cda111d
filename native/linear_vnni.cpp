// Products with weights of 8 and 4 bits by instructions that multiply bytes (VNNI). A row is written as whole numbers of
// 24 bits, scaled by its largest, and each of those as three digits of 8 bits: as fine as float32 is near that largest,
// and the sums are exact.
#include "linear.hpp"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <limits>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")
#endif

namespace bearhug::linear {
namespace {

#include "linear_numbers.hpp"

constexpr std::size_t step = 64, digits = 3;
constexpr std::size_t ahead = 4 << 10;  // bytes of weights that are on their way
constexpr std::int32_t most = 127 << 16, half = 1 << 23;  // most: rounding up still leaves a highest digit of 127

std::size_t padded(std::size_t in) { return (in + step - 1) / step * step; }

struct Eight {  // unsigned digits, weights with a sign: u = q + half
    static void write(const std::int32_t* q, std::size_t in, std::uint8_t* to, std::int32_t*) {
        for (std::size_t i = 0; i < in; i += 16) {
            const __m512i u = _mm512_add_epi32(_mm512_loadu_si512(q + i), _mm512_set1_epi32(half));
#pragma GCC unroll 3
            for (std::size_t d = 0; d < digits; ++d)
                _mm_storeu_si128(reinterpret_cast<__m128i*>(to + d * padded(in) + i),
                                 _mm512_cvtepi32_epi8(_mm512_srli_epi32(u, 8 * d)));
        }
    }

    template <int rows, int outs>
    static void tile(const Matrix& matrix, const Rows& x, std::size_t row, std::size_t first, std::size_t gap,
                     double* sums) {
        const std::size_t in = matrix.in, wide = padded(in);
        const std::int8_t* weights = static_cast<const std::int8_t*>(matrix.weights) + first * in;
        const std::uint8_t* values = x.digits + row * digits * wide;
        const __m512i ones = _mm512_set1_epi8(1);
        __m512i sum[outs][rows][digits], all[outs];
#pragma GCC unroll 4
        for (int o = 0; o < outs; ++o) {
            all[o] = _mm512_setzero_si512();
#pragma GCC unroll 4
            for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
                for (std::size_t d = 0; d < digits; ++d) sum[o][r][d] = _mm512_setzero_si512();
        }
        for (std::size_t k = 0; k < in; k += step) {
            const __mmask64 some = in - k >= step ? ~0ull : (1ull << (in - k)) - 1;
            __m512i w[outs];
#pragma GCC unroll 4
            for (int o = 0; o < outs; ++o) {
                w[o] = _mm512_maskz_loadu_epi8(some, weights + o * gap * in + k);
                __builtin_prefetch(weights + o * gap * in + k + ahead);
                all[o] = _mm512_dpbusd_epi32(all[o], ones, w[o]);
            }
#pragma GCC unroll 4
            for (int r = 0; r < rows; ++r)
#pragma GCC unroll 3
                for (std::size_t d = 0; d < digits; ++d) {
                    const __m512i value = _mm512_loadu_si512(values + (r * digits + d) * wide + k);
#pragma GCC unroll 4
                    for (int o = 0; o < outs; ++o) sum[o][r][d] = _mm512_dpbusd_epi32(sum[o][r][d], value, w[o]);
                }
        }
#pragma GCC unroll 4
        for (int o = 0; o < outs; ++o) {
            const std::int64_t offset = std::int64_t{half} * _mm512_reduce_add_epi32(all[o]);
            const double scale = static_cast<const float*>(matrix.scales)[first + o * gap];
#pragma GCC unroll 4
            for (int r = 0; r < rows; ++r) {
                std::int64_t whole = -offset;
#pragma GCC unroll 3
                for (std::size_t d = 0; d < digits; ++d)
                    whole += std::int64_t{_mm512_reduce_add_epi32(sum[o][r][d])} << 8 * d;
                sums[r * outs + o] = static_cast<double>(whole) * scale;
            }
        }
    }
};

struct Four {  // digits with a sign, unsigned weights n = w + 8; starts: -8 times the sum of each four numbers
    static void write(const std::int32_t* q, std::size_t in, std::uint8_t* to, std::int32_t* starts) {
        // The order in which a group's nibbles come out: bytes of 0 and 32, 1 and 33, ..., then of 16 and 48, ...
        for (std::size_t g = 0; g < in; g += group) {
            __m512i rest[4];
            for (std::size_t i = 0; i < 4; ++i) rest[i] = _mm512_loadu_si512(q + g + 16 * i);
            for (std::size_t i = 0; i < 2; ++i) {  // sums of a pair and its neighbour, eight of them
                const __m512i pair = _mm512_add_epi32(rest[i], rest[i + 2]);
                const __m512i both = _mm512_add_epi32(pair, _mm512_srli_epi64(pair, 32));
                const __m512i start = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32(both, 3));
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(starts + g / 4 + 8 * i), _mm512_cvtepi64_epi32(start));
            }
#pragma GCC unroll 3
            for (std::size_t d = 0; d < digits; ++d) {
                __m128i digit[4];
#pragma GCC unroll 4
                for (std::size_t i = 0; i < 4; ++i) {
                    digit[i] = _mm512_cvtepi32_epi8(rest[i]);
                    rest[i] = _mm512_srai_epi32(_mm512_sub_epi32(rest[i], _mm512_cvtepi8_epi32(digit[i])), 8);
                }
                auto* at = reinterpret_cast<__m128i*>(to + d * in + g);
                _mm_storeu_si128(at, _mm_unpacklo_epi8(digit[0], digit[2]));
                _mm_storeu_si128(at + 1, _mm_unpackhi_epi8(digit[0], digit[2]));
                _mm_storeu_si128(at + 2, _mm_unpacklo_epi8(digit[1], digit[3]));
                _mm_storeu_si128(at + 3, _mm_unpackhi_epi8(digit[1], digit[3]));
            }
        }
    }

    template <int rows, int outs>
    static void tile(const Matrix& matrix, const Rows& x, std::size_t row, std::size_t first, std::size_t gap,
                     double* sums) {
        constexpr std::size_t some = 32;  // groups whose scales are made floats at once
        const std::size_t in = matrix.in, groups = in / group;
        const std::uint8_t* weights = static_cast<const std::uint8_t*>(matrix.weights) + first * (in / 2);
        const std::uint16_t* scales = static_cast<const std::uint16_t*>(matrix.scales) + first * groups;
        const std::uint8_t* values = x.digits + row * digits * in;
        const std::int32_t* starts = x.starts + row * (in / 4);
        const __m512i shifts = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(4), 1);
        const __m512i nibble = _mm512_set1_epi8(15);
        alignas(64) float wide[outs][some];
        __m512 sum[outs][rows];
#pragma GCC unroll 4
        for (int o = 0; o < outs; ++o)
#pragma GCC unroll 4
            for (int r = 0; r < rows; ++r) sum[o][r] = _mm512_setzero_ps();
        for (std::size_t from = 0; from < groups; from += some) {
            const std::size_t end = std::min(groups, from + some);
            for (int o = 0; o < outs; ++o)
                for (std::size_t g = from; g < end; g += 16) {
                    const __mmask16 left = static_cast<__mmask16>(end - g >= 16 ? 0xffff : (1u << (end - g)) - 1);
                    const __m256i bits = _mm256_maskz_loadu_epi16(left, scales + o * gap * groups + g);
                    _mm512_store_si512(wide[o] + (g - from), _mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
                }
            for (std::size_t g = from; g < end; ++g) {
#pragma GCC unroll 4
                for (int o = 0; o < outs; ++o) {
                    const std::uint8_t* at = weights + o * gap * (in / 2) + g * (group / 2);
                    __builtin_prefetch(at + ahead);
                    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
                    const __m512i w =
                        _mm512_and_si512(_mm512_srlv_epi16(_mm512_broadcast_i64x4(bytes), shifts), nibble);
                    const __m512 scale = _mm512_set1_ps(wide[o][g - from]);
#pragma GCC unroll 4
                    for (int r = 0; r < rows; ++r) {
                        const std::uint8_t* own = values + r * digits * in + g * group;
                        __m512i high = _mm512_dpbusd_epi32(_mm512_setzero_si512(), w, _mm512_loadu_si512(own + 2 * in));
                        __m512i middle = _mm512_dpbusd_epi32(_mm512_setzero_si512(), w, _mm512_loadu_si512(own + in));
                        const __m512i start = _mm512_loadu_si512(starts + r * (in / 4) + g * (group / 4));
                        const __m512i low = _mm512_dpbusd_epi32(start, w, _mm512_loadu_si512(own));
                        middle = _mm512_add_epi32(middle, _mm512_slli_epi32(high, 8));
                        const __m512i whole = _mm512_add_epi32(low, _mm512_slli_epi32(middle, 8));
                        sum[o][r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole), scale, sum[o][r]);
                    }
                }
            }
        }
#pragma GCC unroll 4
        for (int o = 0; o < outs; ++o)
#pragma GCC unroll 4
            for (int r = 0; r < rows; ++r) sums[r * outs + o] = _mm512_reduce_add_ps(sum[o][r]);
    }
};

template <class Weights, int rows, int outs>
void finished(const Matrix& matrix, const Rows& x, void* y, std::size_t row, std::size_t first, std::size_t gap) {
    double sums[rows * outs];
    Weights::template tile<rows, outs>(matrix, x, row, first, gap, sums);
    for (int o = 0; o < outs; ++o) {
        const std::size_t out = first + o * gap;
        const double bias = matrix.bias == nullptr ? 0.0 : get(matrix.bias, out, matrix.rows_kind);
        for (int r = 0; r < rows; ++r)
            put(y, (row + r) * matrix.out + out, static_cast<float>(sums[r * outs + o] * x.scales[row + r] + bias),
                matrix.rows_kind);
    }
}

template <class Weights, int rows, int outs>
void strip(const Matrix& matrix, const Rows& x, void* y, std::size_t row, std::size_t first, std::size_t last) {
    // outputs far from each other: the processor reads ahead in several places at once
    const std::size_t gap = (last - first) / outs;
    for (std::size_t i = 0; i < gap; ++i) finished<Weights, rows, outs>(matrix, x, y, row, first + i, gap);
    for (first += gap * outs; first < last; ++first) finished<Weights, rows, 1>(matrix, x, y, row, first, 1);
}

template <class Weights>
void all_rows(const Matrix& matrix, const Rows& x, void* y, std::size_t first, std::size_t last) {
    // so few outputs at a time that they are still in the first-level cache for the next rows
    const std::size_t some = x.count <= 4 ? last - first : 2;
    for (; first < last; first += some) {
        const std::size_t end = std::min(last, first + some);
        for (std::size_t row = 0; row < x.count;) {
            switch (x.count - row) {
                case 1: strip<Weights, 1, 4>(matrix, x, y, row, first, end), row += 1; break;
                case 2: strip<Weights, 2, 2>(matrix, x, y, row, first, end), row += 2; break;
                case 3: strip<Weights, 3, 2>(matrix, x, y, row, first, end), row += 3; break;
                default: strip<Weights, 4, 2>(matrix, x, y, row, first, end), row += 4;
            }
        }
    }
}

void compute(const Matrix& matrix, const Rows& x, void* y, std::size_t first, std::size_t last) {
    if (matrix.kind == Kind::int8) return all_rows<Eight>(matrix, x, y, first, last);
    all_rows<Four>(matrix, x, y, first, last);
}

void write(const Matrix& matrix, const float* x, std::size_t rows, Rows& to) {
    const bool eight = matrix.kind == Kind::int8;
    const std::size_t in = matrix.in, wide = padded(in);
    to.count = rows;
    to.room.assign(rows * (digits * wide + wide + sizeof(float)) + wide * sizeof(std::int32_t), 0);
    std::uint8_t* at = to.room.data();
    auto* whole = reinterpret_cast<std::int32_t*>(at);
    auto* starts = whole + wide;
    auto* scales = reinterpret_cast<float*>(starts + rows * (wide / 4));
    auto* values = reinterpret_cast<std::uint8_t*>(scales + rows);
    to.starts = starts, to.scales = scales, to.digits = values;
    for (std::size_t row = 0; row < rows; ++row) {
        const float* own = x + row * in;
        __m512i size = _mm512_setzero_si512();  // of floats without their sign: ordered as whole numbers, NaN last
        for (std::size_t i = 0; i < in; i += 16)
            size = _mm512_max_epu32(size, _mm512_and_si512(_mm512_loadu_si512(own + i), _mm512_set1_epi32(0x7fffffff)));
        const float largest = std::bit_cast<float>(_mm512_reduce_max_epu32(size));
        const bool finite = largest <= std::numeric_limits<float>::max(), some = largest > 1e-30f;
        const float by = finite && some ? static_cast<float>(most) / largest : 0.0f;
        scales[row] = !finite ? std::numeric_limits<float>::quiet_NaN() : some ? 1.0f / by : 0.0f;
        for (std::size_t i = 0; i < in; i += 16)
            _mm512_storeu_si512(
                whole + i, _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(own + i), _mm512_set1_ps(by))));
        std::uint8_t* written = values + row * digits * (eight ? wide : in);
        if (eight)
            Eight::write(whole, in, written, nullptr);
        else
            Four::write(whole, in, written, starts + row * (in / 4));
    }
}

}  // namespace

const Bytes* bytes_part() {
    static const Bytes part{write, compute};
    static const bool able = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                             __builtin_cpu_supports("avx512vnni");
    return able ? &part : nullptr;
}

}  // namespace bearhug::linear

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#else
namespace bearhug::linear {
const Bytes* bytes_part() { return nullptr; }
}  // namespace bearhug::linear
#endif
