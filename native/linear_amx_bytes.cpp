// Products of several rows' digits with 8-bit weights on the matrix unit (AMX): linear_vnni.cpp's sums, bit for bit.
// A tile of weights, 16 outputs of 64 numbers, is read where it lies.
#include "linear.hpp"

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx2,fma,f16c,amx-tile,amx-int8")

namespace bearhug::linear {
namespace {

#include "linear_numbers.hpp"

constexpr std::size_t side = 16, step = 64, digits = 3, tile = side * step;  // tile: in bytes
constexpr std::int64_t half = 1 << 23;  // added to each number, so that its digits have no sign

struct alignas(64) Tiles {  // the palette: eight of 16 lines of 64 bytes
    std::uint8_t palette = 1, start = 0, reserved[14] = {};
    std::uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t lines[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// The digits of up to 16 rows -> a tile for each of 64 numbers and each digit: line i has numbers 4 i to 4 i + 3 of all.
void pack(const Rows& x, std::size_t in, std::size_t row, std::uint8_t* to) {
    const std::size_t rows = std::min(side, x.count - row), steps = in / step;
    std::memset(to, 0, steps * digits * tile);
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t d = 0; d < digits; ++d) {
            const std::uint8_t* from = x.digits + ((row + r) * digits + d) * in;
            for (std::size_t k = 0; k < steps; ++k)
                for (std::size_t i = 0; i < side; ++i)
                    std::memcpy(to + (k * digits + d) * tile + i * step + r * 4, from + k * step + i * 4, 4);
        }
}

void compute(const Matrix& matrix, const Rows& x, void* y, std::size_t first, std::size_t last) {
    const std::size_t in = matrix.in, steps = in / step, strips = (x.count + side - 1) / side;
    const std::size_t strip = steps * digits * tile;
    std::vector<std::uint8_t> room(strips * strip + step), ends;
    std::uint8_t* packed = room.data() + (step - reinterpret_cast<std::uintptr_t>(room.data()) % step) % step;
    for (std::size_t s = 0; s < strips; ++s) pack(x, in, s * side, packed + s * strip);
    alignas(64) std::int32_t sums[digits + 1][side][side];  // of each output and row
    alignas(64) std::uint8_t ones[tile];
    std::memset(ones, 1, sizeof ones);
    const Tiles tiles;
    _tile_loadconfig(&tiles);
    _tile_loadd(7, ones, 64);
    for (std::size_t out = first; out < last; out += side) {
        const std::size_t outs = std::min(side, last - out);
        const auto* weights = static_cast<const std::uint8_t*>(matrix.weights) + out * in;
        if (outs < side) {  // a tile has 16 lines
            ends.assign(side * in, 0);
            std::memcpy(ends.data(), weights, outs * in);
            weights = ends.data();
        }
        for (std::size_t s = 0; s < strips; ++s) {
            const std::uint8_t* digit = packed + s * strip;
            _tile_zero(0);
            _tile_zero(1);
            _tile_zero(2);
            _tile_zero(3);
            for (std::size_t k = 0; k < steps; ++k, digit += digits * tile) {
                _tile_loadd(4, weights + k * step, in);
                if (s == 0)
                    for (std::size_t o = 0; o < side; ++o) __builtin_prefetch(weights + (side + o) * in + k * step);
                _tile_loadd(5, digit, 64);
                _tile_loadd(6, digit + tile, 64);
                _tile_dpbsud(3, 4, 7);
                _tile_dpbsud(0, 4, 5);
                _tile_dpbsud(1, 4, 6);
                _tile_loadd(5, digit + 2 * tile, 64);
                _tile_dpbsud(2, 4, 5);
            }
            _tile_stored(0, sums[0], 64);
            _tile_stored(1, sums[1], 64);
            _tile_stored(2, sums[2], 64);
            _tile_stored(3, sums[3], 64);
            const std::size_t row = s * side, rows = std::min(side, x.count - row);
            for (std::size_t o = 0; o < outs; ++o) {
                const double scale = static_cast<const float*>(matrix.scales)[out + o];
                const double bias = matrix.bias == nullptr ? 0.0 : get(matrix.bias, out + o, matrix.rows_kind);
                for (std::size_t r = 0; r < rows; ++r) {
                    std::int64_t whole = -half * sums[digits][o][r];
                    for (std::size_t d = 0; d < digits; ++d) whole += std::int64_t{sums[d][o][r]} << 8 * d;
                    const double value = static_cast<double>(whole) * scale * x.scales[row + r] + bias;
                    put(y, (row + r) * matrix.out + out + o, static_cast<float>(value), matrix.rows_kind);
                }
            }
        }
    }
    _tile_release();
}

}  // namespace

BytesPart many_bytes_part() { return wide_part(false) != nullptr ? compute : nullptr; }

}  // namespace bearhug::linear

#pragma GCC pop_options
#else
namespace bearhug::linear {
BytesPart many_bytes_part() { return nullptr; }
}  // namespace bearhug::linear
#endif
