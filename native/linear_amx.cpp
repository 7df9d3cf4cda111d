// Products of many float32 rows on the matrix unit of processors that have one (AMX), which multiplies bfloat16 only: a
// float32 is the sum of three bfloat16, and of the nine products of two such sums the six that float32 can hold are added
// up (Henry et al. 2019, arXiv:1904.06376). Twice as fast as float32 instructions, and as exact.
#include "linear.hpp"

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,amx-tile,amx-bf16")

namespace bearhug::linear {
namespace {

// A tile is 16 lines of 16 pairs; number j of 32 is paired with number 16 + j, on both sides.
constexpr std::size_t side = 16, step = 2 * side, parts = 3, tile = side * side;  // tile: in pairs, 32 bits each
using Pair = std::uint32_t;

// 32 numbers -> three times 16 pairs. What is too large to be rounded, or infinite, stays in the first part alone.
inline void split(__m512 low, __m512 high, __m512i (&pairs)[parts]) {
    const __m512i half = _mm512_set1_epi32(0x8000), upper = _mm512_set1_epi32(static_cast<int>(0xffff0000));
    const __m512i most = _mm512_set1_epi32(0x7f7f7fff), size = _mm512_set1_epi32(0x7fffffff);
    const auto is_small = [&](__m512 v) {
        return _mm512_cmple_epu32_mask(_mm512_and_si512(_mm512_castps_si512(v), size), most);
    };
    const __mmask16 small_low = is_small(low), small_high = is_small(high);
    const auto rounded = [&](__m512 v, __mmask16 small) {
        const __m512i bits = _mm512_castps_si512(v);
        return _mm512_and_si512(_mm512_mask_add_epi32(bits, small, bits, half), upper);
    };
#pragma GCC unroll 3
    for (std::size_t i = 0; i < parts; ++i) {
        const __m512i first = rounded(low, small_low), second = rounded(high, small_high);
        pairs[i] = _mm512_or_si512(_mm512_srli_epi32(first, 16), second);
        low = _mm512_maskz_sub_ps(small_low, low, _mm512_castsi512_ps(first));
        high = _mm512_maskz_sub_ps(small_high, high, _mm512_castsi512_ps(second));
    }
}

inline __mmask16 mask(std::size_t numbers) {
    return static_cast<__mmask16>(numbers >= side ? 0xffff : (1u << numbers) - 1);
}

// Line i becomes column i.
inline void transpose(__m512i (&v)[side]) {
    __m512i w[side];
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        w[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        w[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        v[i] = _mm512_unpacklo_epi64(w[i], w[i + 2]);
        v[i + 1] = _mm512_unpackhi_epi64(w[i], w[i + 2]);
        v[i + 2] = _mm512_unpacklo_epi64(w[i + 1], w[i + 3]);
        v[i + 3] = _mm512_unpackhi_epi64(w[i + 1], w[i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        w[i] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0x88);
        w[i + 4] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0xdd);
        w[i + 8] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0x88);
        w[i + 12] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0xdd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        v[i] = _mm512_shuffle_i32x4(w[i], w[i + 8], 0x88);
        v[i + 8] = _mm512_shuffle_i32x4(w[i], w[i + 8], 0xdd);
        v[i + 4] = _mm512_shuffle_i32x4(w[i + 4], w[i + 12], 0x88);
        v[i + 12] = _mm512_shuffle_i32x4(w[i + 4], w[i + 12], 0xdd);
    }
}

// Up to 16 lines of up to 32 numbers -> a tile for each part; turned: its columns are the lines.
template <bool turned>
void pack_lines(const float* from, std::size_t stride, std::size_t lines, std::size_t numbers, Pair* to) {
    const __mmask16 first = mask(numbers), second = mask(numbers > side ? numbers - side : 0);
    __m512i kept[parts][side];
    for (std::size_t i = 0; i < side; ++i) {
        __m512i pairs[parts] = {};
        if (i < lines)
            split(_mm512_maskz_loadu_ps(first, from + i * stride),
                  _mm512_maskz_loadu_ps(second, from + i * stride + side), pairs);
        for (std::size_t p = 0; p < parts; ++p) {
            if constexpr (turned)
                kept[p][i] = pairs[p];
            else
                _mm512_store_si512(to + p * tile + i * side, pairs[p]);
        }
    }
    if constexpr (turned)
        for (std::size_t p = 0; p < parts; ++p) {
            transpose(kept[p]);
            for (std::size_t i = 0; i < side; ++i) _mm512_store_si512(to + p * tile + i * side, kept[p][i]);
        }
}

// Up to 32 lines of up to 16 numbers, each pair from two lines.
void pack_across(const float* from, std::size_t stride, std::size_t lines, std::size_t numbers, Pair* to) {
    const __mmask16 all = mask(numbers);
    for (std::size_t i = 0; i < side; ++i) {
        __m512i pairs[parts];
        split(_mm512_maskz_loadu_ps(i < lines ? all : 0, from + i * stride),
              _mm512_maskz_loadu_ps(i + side < lines ? all : 0, from + (i + side) * stride), pairs);
        for (std::size_t p = 0; p < parts; ++p) _mm512_store_si512(to + p * tile + i * side, pairs[p]);
    }
}

// Sums of two tiles of outputs (w) with one or two tiles of rows (x), over `steps`. `turned`: a line is a row, else an
// output.
template <bool turned, int rows>
void add_up(const Pair* w, const Pair* x, std::size_t next_x, std::size_t steps, float* sums) {
#define BEARHUG_LOAD_W(part)               \
    _tile_loadd(4, w + (part) * tile, 64); \
    _tile_loadd(5, w + (parts + (part)) * tile, 64)
#define BEARHUG_LOAD_X(part)               \
    _tile_loadd(6, x + (part) * tile, 64); \
    if constexpr (rows == 2) _tile_loadd(7, x + next_x + (part) * tile, 64)
#define BEARHUG_PRODUCTS                           \
    if constexpr (turned) {                        \
        _tile_dpbf16ps(0, 6, 4);                   \
        _tile_dpbf16ps(1, 6, 5);                   \
        if constexpr (rows == 2) {                 \
            _tile_dpbf16ps(2, 7, 4);               \
            _tile_dpbf16ps(3, 7, 5);               \
        }                                          \
    } else {                                       \
        _tile_dpbf16ps(0, 4, 6);                   \
        _tile_dpbf16ps(1, 5, 6);                   \
        if constexpr (rows == 2) {                 \
            _tile_dpbf16ps(2, 4, 7);               \
            _tile_dpbf16ps(3, 5, 7);               \
        }                                          \
    }
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    const auto ask = [](const Pair* from) {  // for a tile of the next step
#pragma GCC unroll 16
        for (std::size_t i = 0; i < tile; i += side) __builtin_prefetch(from + i);
    };
    for (std::size_t k = 0; k < steps; ++k, w += 2 * parts * tile, x += parts * tile) {
        const Pair *const next = w + 2 * parts * tile, *const own = x + parts * tile, *const other = own + next_x;
        BEARHUG_LOAD_W(2);
        BEARHUG_LOAD_X(0);
        BEARHUG_PRODUCTS
        ask(next + 2 * tile);
        ask(next + 5 * tile);
        BEARHUG_LOAD_W(1);
        BEARHUG_PRODUCTS
        ask(own);
        ask(other);
        BEARHUG_LOAD_W(0);
        BEARHUG_PRODUCTS
        ask(next + tile);
        ask(next + 4 * tile);
        BEARHUG_LOAD_X(2);
        BEARHUG_PRODUCTS
        ask(next);
        ask(next + 3 * tile);
        BEARHUG_LOAD_X(1);
        BEARHUG_PRODUCTS
        ask(own + 2 * tile);
        ask(other + 2 * tile);
        BEARHUG_LOAD_W(1);
        BEARHUG_PRODUCTS
        ask(own + tile);
        ask(other + tile);
    }
    _tile_stored(0, sums, 64);
    _tile_stored(1, sums + tile, 64);
    if constexpr (rows == 2) {
        _tile_stored(2, sums + 2 * tile, 64);
        _tile_stored(3, sums + 3 * tile, 64);
    }
#undef BEARHUG_LOAD_W
#undef BEARHUG_LOAD_X
#undef BEARHUG_PRODUCTS
}

struct Free {
    void operator()(Pair* p) const { std::free(p); }
};
using Pairs = std::unique_ptr<Pair, Free>;

Pairs pairs(std::size_t tiles) {
    constexpr std::size_t page = 4096;
    void* room = std::aligned_alloc(page, (tiles * tile * sizeof(Pair) + page - 1) / page * page);
    if (room == nullptr) throw std::bad_alloc{};
    return Pairs{static_cast<Pair*>(room)};
}

struct alignas(64) Tiles {  // the palette: eight of 16 lines of 64 bytes
    std::uint8_t palette = 1, start = 0, reserved[14] = {};
    std::uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t lines[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

template <bool turned>
void compute(const Matrix& matrix, const float* x, std::size_t rows, float* y, std::size_t first, std::size_t last) {
    // x, split, stays in the second-level cache while all outputs pass: its numbers and rows are taken in blocks
    constexpr std::size_t longest = 768, room = 1200 << 10;
    const std::size_t blocks = (matrix.in + longest - 1) / longest;
    const std::size_t depth = ((matrix.in + blocks - 1) / blocks + step - 1) / step * step, steps = depth / step;
    const std::size_t most = std::min(std::max<std::size_t>(room / (depth * 6) / 32 * 32, 32), (rows + 15) / 16 * 16);
    const std::size_t next_x = steps * parts * tile;
    const Pairs packed_x = pairs(most / side * steps * parts), packed_w = pairs(2 * steps * parts);
    const float* weights = static_cast<const float*>(matrix.weights);
    const float* bias = static_cast<const float*>(matrix.bias);
    alignas(64) float sums[4 * tile];
    const Tiles tiles;
    _tile_loadconfig(&tiles);
    for (std::size_t row = 0; row < rows; row += most) {
        const std::size_t now = std::min(most, rows - row), strips = (now + side - 1) / side;
        for (std::size_t k = 0; k < matrix.in; k += depth) {
            for (std::size_t s = 0; s < strips; ++s)
                for (std::size_t i = 0; i < steps; ++i) {
                    const std::size_t at = k + i * step, left = at < matrix.in ? matrix.in - at : 0;
                    pack_lines<!turned>(x + (row + s * side) * matrix.in + at, matrix.in,
                                        std::min(side, now - s * side), left,
                                        packed_x.get() + s * next_x + i * parts * tile);
                }
            for (std::size_t out = first; out < last; out += 2 * side) {
                for (std::size_t i = 0; i < steps; ++i)
                    for (std::size_t o = 0; o < 2; ++o) {
                        const std::size_t at = k + i * step, own = out + o * side;
                        const std::size_t left = at < matrix.in ? matrix.in - at : 0;
                        const std::size_t outs = own < last ? last - own : 0;
                        Pair* to = packed_w.get() + (i * 2 + o) * parts * tile;
                        if constexpr (turned)
                            pack_across(weights + at * matrix.out + own, matrix.out, left, outs, to);
                        else
                            pack_lines<false>(weights + own * matrix.in + at, matrix.in, outs, left, to);
                    }
                for (std::size_t s = 0; s < strips; s += 2) {
                    const Pair* at = packed_x.get() + s * next_x;
                    const bool both = s + 1 < strips;
                    if (both)
                        add_up<turned, 2>(packed_w.get(), at, next_x, steps, sums);
                    else
                        add_up<turned, 1>(packed_w.get(), at, next_x, steps, sums);
                    for (std::size_t part = 0; part < (both ? 4 : 2); ++part) {
                        const std::size_t own = out + part % 2 * side, from = (s + part / 2) * side;
                        if (own >= last) continue;
                        const __mmask16 outs = mask(last - own);
                        const __m512 start = bias == nullptr || k != 0 ? _mm512_setzero_ps()
                                                                       : _mm512_maskz_loadu_ps(outs, bias + own);
                        __m512i lines[side];
                        for (std::size_t i = 0; i < side; ++i)
                            lines[i] = _mm512_load_si512(sums + part * tile + i * side);
                        if constexpr (!turned) transpose(lines);
                        for (std::size_t i = 0; i < std::min(side, now - from); ++i) {
                            float* to = y + (row + from + i) * matrix.out + own;
                            const __m512 before = k == 0 ? start : _mm512_maskz_loadu_ps(outs, to);
                            _mm512_mask_storeu_ps(to, outs, _mm512_add_ps(_mm512_castsi512_ps(lines[i]), before));
                        }
                    }
                }
            }
        }
    }
    _tile_release();
}

bool allowed() {
    unsigned a, b, c, d;
    constexpr unsigned units = 0b1101u << 22;  // AMX-BF16, -TILE and -INT8
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & units) != units) return false;
    if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq")) return false;
    constexpr long request_permission = 0x1023, tile_data = 18;  // of arch_prctl: for the whole process
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

}  // namespace

WidePart wide_part(bool turned) {
    static const bool able = allowed();
    return !able ? nullptr : turned ? compute<true> : compute<false>;
}

}  // namespace bearhug::linear

#pragma GCC pop_options
#else
namespace bearhug::linear {
WidePart wide_part(bool) { return nullptr; }
}  // namespace bearhug::linear
#endif
