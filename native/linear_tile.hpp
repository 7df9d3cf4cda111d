// The product, once for each kind of processor: included by linear_avx2.cpp and linear_avx512.cpp after their `Machine`,
// within a namespace without a name. `rows` rows and `outs` outputs at once stay in registers.

constexpr std::size_t ahead = 4096;  // bytes of weights that are on their way, in each place

template <class Weight>
struct Dense {  // float32, bfloat16, float16 and int8
    static constexpr std::size_t step = Machine::width;

    template <int rows, int outs>
    static void tile(const Matrix& matrix, const float* x, std::size_t first, std::size_t gap, float* sums) {
        const std::size_t in = matrix.in;
        const Weight* weights = static_cast<const Weight*>(matrix.weights) + first * in;
        Vector sum[outs][rows];
#pragma GCC unroll 8
        for (int o = 0; o < outs; ++o)
#pragma GCC unroll 8
            for (int r = 0; r < rows; ++r) sum[o][r] = Machine::zero();
        for (std::size_t k = 0; k < in; k += step) {
            Vector w[outs];
#pragma GCC unroll 8
            for (int o = 0; o < outs; ++o) {
                w[o] = Machine::load(weights + o * gap * in + k);
                __builtin_prefetch(weights + o * gap * in + k + ahead / sizeof(Weight));
            }
#pragma GCC unroll 8
            for (int r = 0; r < rows; ++r) {
                const Vector value = Machine::load(x + r * in + k);
#pragma GCC unroll 8
                for (int o = 0; o < outs; ++o) sum[o][r] = Machine::fma(w[o], value, sum[o][r]);
            }
        }
#pragma GCC unroll 8
        for (int o = 0; o < outs; ++o)
#pragma GCC unroll 8
            for (int r = 0; r < rows; ++r) sums[r * outs + o] = Machine::sum(sum[o][r]);
    }
};

struct FourBits {
    template <int rows, int outs>
    static void tile(const Matrix& matrix, const float* x, std::size_t first, std::size_t gap, float* sums) {
        constexpr int parts = group / Machine::width;
        const std::size_t in = matrix.in, groups = in / group;
        const std::uint16_t* words = static_cast<const std::uint16_t*>(matrix.weights) + first * (in / 4);
        const std::uint16_t* scales = static_cast<const std::uint16_t*>(matrix.scales) + first * groups;
        Vector sum[outs][rows];
#pragma GCC unroll 8
        for (int o = 0; o < outs; ++o)
#pragma GCC unroll 8
            for (int r = 0; r < rows; ++r) sum[o][r] = Machine::zero();
        for (std::size_t g = 0; g < groups; ++g) {
#pragma GCC unroll 8
            for (int o = 0; o < outs; ++o) {
                const std::uint16_t* at = words + o * gap * (in / 4) + g * (group / 4);
                __builtin_prefetch(at + ahead / sizeof *at);
                Vector w[parts];
                Machine::nibbles(at, w);
                const Vector scale = Machine::scale(scales[o * gap * groups + g]);
#pragma GCC unroll 8
                for (int r = 0; r < rows; ++r) {
                    const float* values = x + r * in + g * group;
                    Vector own = Machine::multiply(w[0], Machine::load(values));
#pragma GCC unroll 8
                    for (int i = 1; i < parts; ++i)
                        own = Machine::fma(w[i], Machine::load(values + i * Machine::width), own);
                    sum[o][r] = Machine::fma(own, scale, sum[o][r]);
                }
            }
        }
#pragma GCC unroll 8
        for (int o = 0; o < outs; ++o)
#pragma GCC unroll 8
            for (int r = 0; r < rows; ++r) sums[r * outs + o] = Machine::sum(sum[o][r]);
    }
};

#include "linear_numbers.hpp"

template <class Weights, int rows, int outs>
void finished(const Matrix& matrix, const float* x, void* y, std::size_t row, std::size_t first, std::size_t gap) {
    float sums[rows * outs];
    Weights::template tile<rows, outs>(matrix, x + row * matrix.in, first, gap, sums);
    for (int o = 0; o < outs; ++o) {
        const std::size_t out = first + o * gap;
        const float scale = matrix.kind == Kind::int8 ? static_cast<const float*>(matrix.scales)[out] : 1.0f;
        const float bias = matrix.bias == nullptr ? 0.0f : get(matrix.bias, out, matrix.rows_kind);
        for (int r = 0; r < rows; ++r)
            put(y, (row + r) * matrix.out + out, sums[r * outs + o] * scale + bias, matrix.rows_kind);
    }
}

template <class Weights, int rows>
void strip(const Matrix& matrix, const float* x, void* y, std::size_t row, std::size_t first, std::size_t last) {
    // outputs far from each other: the processor reads ahead in several places at once
    constexpr int outs = Machine::outs(rows);
    const std::size_t gap = (last - first) / outs;
    for (std::size_t i = 0; i < gap; ++i) finished<Weights, rows, outs>(matrix, x, y, row, first + i, gap);
    for (first += gap * outs; first < last; ++first) finished<Weights, rows, 1>(matrix, x, y, row, first, 1);
}

// Floats that lie as (in, out): a few lines of them at a time are added to sums in the first-level cache.
template <class Weight>
void turned(const Matrix& matrix, const float* x, std::size_t rows, void* y, std::size_t first, std::size_t last) {
    constexpr std::size_t lines = 8, most = 8, room = 4096, ahead = 64;
    const std::size_t some = room / (rows == 1 ? 1 : rows == 2 ? 2 : rows <= 4 ? 4 : most);
    alignas(64) float sums[room];
    for (std::size_t row = 0; row < rows; row += most) {
        const std::size_t now = std::min(most, rows - row);
        for (std::size_t from = first; from < last; from += some) {
            const std::size_t outs = std::min(some, last - from);
            for (std::size_t r = 0; r < now; ++r) std::fill_n(sums + r * some, outs, 0.0f);
            for (std::size_t k = 0; k < matrix.in; k += lines) {
                const Weight* weights = static_cast<const Weight*>(matrix.weights) + k * matrix.out + from;
                for (std::size_t o = 0; o < outs; o += Machine::width) {
                    Vector w[lines];
#pragma GCC unroll 8
                    for (std::size_t i = 0; i < lines; ++i) {
                        w[i] = Machine::load(weights + i * matrix.out + o);
                        __builtin_prefetch(weights + i * matrix.out + o + ahead);
                    }
                    for (std::size_t r = 0; r < now; ++r) {
                        const float* values = x + (row + r) * matrix.in + k;
                        Vector sum = Machine::load(sums + r * some + o);
#pragma GCC unroll 8
                        for (std::size_t i = 0; i < lines; ++i)
                            sum = Machine::fma(w[i], Machine::all(values[i]), sum);
                        Machine::store(sums + r * some + o, sum);
                    }
                }
            }
            for (std::size_t r = 0; r < now; ++r)
                for (std::size_t o = 0; o < outs; ++o) {
                    const float bias = matrix.bias == nullptr ? 0.0f : get(matrix.bias, from + o, matrix.rows_kind);
                    put(y, (row + r) * matrix.out + from + o, sums[r * some + o] + bias, matrix.rows_kind);
                }
        }
    }
}

template <class Weights>
void all_rows(const Matrix& matrix, const float* x, std::size_t rows, void* y, std::size_t first, std::size_t last) {
    // Many rows: so few outputs at a time, and so few rows, that both are still in the cache for the next ones.
    const bool many = rows > Machine::rows;
    const std::size_t some = many ? Machine::outs(4) : last - first, most = many ? 4 : Machine::rows;
    for (; first < last; first += some) {
        const std::size_t end = std::min(last, first + some);
        std::size_t row = 0;
        while (row < rows) {
            switch (std::min(rows - row, most)) {
                case 1: strip<Weights, 1>(matrix, x, y, row, first, end), row += 1; break;
                case 2: strip<Weights, 2>(matrix, x, y, row, first, end), row += 2; break;
                case 3: strip<Weights, 3>(matrix, x, y, row, first, end), row += 3; break;
                case 4: strip<Weights, 4>(matrix, x, y, row, first, end), row += 4; break;
                default:
                    if constexpr (Machine::rows == 8) {
                        if (rows - row < 8) {
                            strip<Weights, 5>(matrix, x, y, row, first, end), row += 5;
                        } else {
                            strip<Weights, 8>(matrix, x, y, row, first, end), row += 8;
                        }
                    }
            }
        }
    }
}

template <class Weight>
void floats(const Matrix& matrix, const float* x, std::size_t rows, void* y, std::size_t first, std::size_t last) {
    if (matrix.turned)
        turned<Weight>(matrix, x, rows, y, first, last);
    else
        all_rows<Dense<Weight>>(matrix, x, rows, y, first, last);
}

void compute(const Matrix& matrix, const float* x, std::size_t rows, void* y, std::size_t first, std::size_t last) {
    switch (matrix.kind) {
        case Kind::float32: return floats<float>(matrix, x, rows, y, first, last);
        case Kind::bfloat16: return floats<BFloat16>(matrix, x, rows, y, first, last);
        case Kind::float16: return floats<Float16>(matrix, x, rows, y, first, last);
        case Kind::int8: return all_rows<Dense<std::int8_t>>(matrix, x, rows, y, first, last);
        case Kind::int4: return all_rows<FourBits>(matrix, x, rows, y, first, last);
    }
}
