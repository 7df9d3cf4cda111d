// Products of a few rows with a matrix that lies as torch keeps it (out, in), or with 8 or 4 bits a weight: what decoding
// does. Every number is read once, so that memory is the limit; a row's result does not depend on the rows beside it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bearhug::linear {

enum class Kind : std::uint8_t { float32, bfloat16, float16, int8, int4 };

inline constexpr std::size_t group = 64;  // weights of 4 bits that share a scale

struct Matrix {
    const void* weights = nullptr;
    // int8: (out,) float32. int4: (out, in / group) bfloat16, and 16 bits hold weights l, 16 + l, 32 + l and 48 + l of a
    // group, each as its value + 8, the first lowest.
    const void* scales = nullptr;
    const void* bias = nullptr;  // (out,) of the rows' kind, or none
    std::size_t out = 0, in = 0;
    Kind kind = Kind::float32;
    Kind rows_kind = Kind::float32;  // of what comes in and goes out: a float
    bool turned = false;             // the floats lie as (in, out), GPT-2's way; out is a multiple of 16
};

// The outputs [first, last) of y (rows, out) = x (rows, in) * matrix^T + bias; x as float32.
using Part = void (*)(const Matrix&, const float* x, std::size_t rows, void* y, std::size_t first, std::size_t last);

Part avx2_part();    // linear_avx2.cpp
Part avx512_part();  // linear_avx512.cpp

// Rows as whole numbers, for weights of 8 and 4 bits
struct Rows {
    std::size_t count = 0;
    const std::uint8_t* digits = nullptr;  // of the numbers: a byte each, three of these (in) a row
    const std::int32_t* starts = nullptr;  // of sums, with 4 bits
    const float* scales = nullptr;         // (count,)
    std::vector<std::uint8_t> room;
};

using BytesPart = void (*)(const Matrix&, const Rows& x, void* y, std::size_t first, std::size_t last);
struct Bytes {
    void (*write)(const Matrix&, const float* x, std::size_t rows, Rows&);
    BytesPart compute;
};
const Bytes* bytes_part();  // linear_vnni.cpp; none: this processor does not multiply bytes, and `part` does it in floats
BytesPart many_bytes_part();  // linear_amx_bytes.cpp: for more rows, where in is a multiple of 64 and weights have 8 bits

// What this processor computes it with; none: it has no kernel here.
Part part();

// The same for many rows of float32, by a matrix of float32; none: this processor has no unit for it. linear_amx.cpp
using WidePart = void (*)(const Matrix&, const float* x, std::size_t rows, float* y, std::size_t first, std::size_t last);
WidePart wide_part(bool turned);

// Runs a function once in each of so many threads; as libgomp's GOMP_parallel, of the pool that torch has anyway.
using Parallel = void (*)(void (*)(void*), void*, unsigned threads, unsigned flags);

// y = x * matrix^T + bias, x and y of matrix.rows_kind; in is a multiple of 16, for 4 bits of a group.
void multiply(const Matrix& matrix, const void* x, std::size_t rows, void* y, Parallel parallel, unsigned threads);

// The same with many rows, where there is a wide_part: float32 only.
void multiply_many(const Matrix& matrix, const float* x, std::size_t rows, float* y, Parallel parallel,
                   unsigned threads);

}  // namespace bearhug::linear
