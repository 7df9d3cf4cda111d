// Which processor, which threads, and rows of half precision made into float32 once.
#include "linear.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <vector>

namespace bearhug::linear {
namespace {

float from_half(std::uint16_t bits) {
    const std::uint32_t sign = std::uint32_t{bits & 0x8000u} << 16, rest = bits & 0x7fffu;
    if (rest >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
    // the exponent is moved by a product, which is right for subnormal numbers too
    const float value = std::bit_cast<float>(rest << 13) * std::bit_cast<float>(0x77800000u);
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
}

// Outputs in shares of whole tiles, each taken by the next thread that is free; call(first, last) computes one.
template <class Call>
void shared(const Call& call, std::size_t out, std::size_t some, Parallel parallel, unsigned threads) {
    struct Job {
        const Call& call;
        std::size_t out, some;
        std::atomic<std::size_t> next{0};
    } job{call, out, some};
    const auto work = [](void* data) {
        Job& job = *static_cast<Job*>(data);
        for (std::size_t first; (first = job.next.fetch_add(job.some)) < job.out;)
            job.call(first, std::min(job.out, first + job.some));
    };
    parallel(work, &job, threads, 0);
}

constexpr std::size_t most_rows = 512;        // whose digits are written at once
constexpr std::size_t most_bytes = 1 << 16;  // numbers whose digits' sums are whole numbers of 32 bits

}  // namespace

Part part() {
#if defined(__x86_64__) && defined(__GNUC__)
    static const Part chosen = [] {
        const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
        if (avx2 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) return avx512_part();
        return avx2 ? avx2_part() : Part{nullptr};
    }();
    return chosen;
#else
    return nullptr;
#endif
}

void multiply(const Matrix& matrix, const void* x, std::size_t rows, void* y, Parallel parallel, unsigned threads) {
    if (rows > most_rows) {
        const std::size_t size = matrix.rows_kind == Kind::float32 ? 4 : 2;
        for (std::size_t row = 0; row < rows; row += most_rows)
            multiply(matrix, static_cast<const char*>(x) + row * matrix.in * size, std::min(most_rows, rows - row),
                     static_cast<char*>(y) + row * matrix.out * size, parallel, threads);
        return;
    }
    const float* values = static_cast<const float*>(x);
    std::vector<float> wide;
    if (matrix.rows_kind != Kind::float32) {
        const std::uint16_t* bits = static_cast<const std::uint16_t*>(x);
        wide.resize(rows * matrix.in);
        if (matrix.rows_kind == Kind::bfloat16)
            for (std::size_t i = 0; i < wide.size(); ++i) wide[i] = std::bit_cast<float>(std::uint32_t{bits[i]} << 16);
        else
            for (std::size_t i = 0; i < wide.size(); ++i) wide[i] = from_half(bits[i]);
        values = wide.data();
    }
    const bool whole = matrix.kind == Kind::int8 || matrix.kind == Kind::int4;
    const Bytes* bytes = whole && matrix.in <= most_bytes ? bytes_part() : nullptr;
    Rows written;
    BytesPart by_bytes = bytes == nullptr ? nullptr : bytes->compute;
    if (bytes != nullptr) {
        constexpr std::size_t several = 4;
        bytes->write(matrix, values, rows, written);
        const bool tiles = matrix.kind == Kind::int8 && rows >= several && matrix.in % 64 == 0;
        if (tiles && many_bytes_part() != nullptr) by_bytes = many_bytes_part();
    }
    const auto call = [&](std::size_t first, std::size_t last) {
        if (by_bytes != nullptr)
            by_bytes(matrix, written, y, first, last);
        else
            part()(matrix, values, rows, y, first, last);
    };
    constexpr std::size_t worth_a_thread = 1 << 17, multiple = 48;  // of products; of outputs, whole tiles
    const std::size_t most = rows * matrix.out * matrix.in / worth_a_thread;
    threads = parallel == nullptr ? 1 : static_cast<unsigned>(std::min<std::size_t>(threads, most));
    if (threads <= 1) return call(0, matrix.out);
    const std::size_t share = matrix.out / (threads * std::size_t{matrix.turned ? 2u : 4u}) + 1;
    shared(call, matrix.out, (share + multiple - 1) / multiple * multiple, parallel, threads);
}

void multiply_many(const Matrix& matrix, const float* x, std::size_t rows, float* y, Parallel parallel,
                   unsigned threads) {
    constexpr std::size_t multiple = 32;  // outputs
    const WidePart part = wide_part(matrix.turned);
    const auto call = [&](std::size_t first, std::size_t last) { part(matrix, x, rows, y, first, last); };
    threads = parallel == nullptr ? 1 : static_cast<unsigned>(std::min<std::size_t>(threads, matrix.out / multiple));
    if (threads <= 1) return call(0, matrix.out);
    const std::size_t share = (matrix.out + threads - 1) / threads;
    shared(call, matrix.out, (share + multiple - 1) / multiple * multiple, parallel, threads);
}

}  // namespace bearhug::linear
