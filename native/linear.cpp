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

template <class Part, class Out>
struct Job {
    const Matrix& matrix;
    const float* x;
    std::size_t rows;
    Out* y;
    Part part;
    std::size_t some;
    std::atomic<std::size_t> next{0};
};

template <class Part, class Out>
void work(void* data) {
    Job<Part, Out>& job = *static_cast<Job<Part, Out>*>(data);
    for (std::size_t first; (first = job.next.fetch_add(job.some)) < job.matrix.out;)
        job.part(job.matrix, job.x, job.rows, job.y, first, std::min(job.matrix.out, first + job.some));
}

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
    constexpr std::size_t worth_a_thread = 1 << 17, multiple = 48;  // of products; of outputs, whole tiles
    const std::size_t most = rows * matrix.out * matrix.in / worth_a_thread;
    threads = parallel == nullptr ? 1 : static_cast<unsigned>(std::min<std::size_t>(threads, most));
    if (threads <= 1) {
        part()(matrix, values, rows, y, 0, matrix.out);
        return;
    }
    const std::size_t share = matrix.out / (threads * std::size_t{matrix.turned ? 2u : 4u}) + 1;
    Job<Part, void> job{matrix, values, rows, y, part(), (share + multiple - 1) / multiple * multiple};
    parallel(work<Part, void>, &job, threads, 0);
}

void multiply_many(const Matrix& matrix, const float* x, std::size_t rows, float* y, Parallel parallel,
                   unsigned threads) {
    constexpr std::size_t multiple = 32;  // outputs
    const WidePart part = wide_part(matrix.turned);
    threads = parallel == nullptr ? 1 : static_cast<unsigned>(std::min<std::size_t>(threads, matrix.out / multiple));
    if (threads <= 1) {
        part(matrix, x, rows, y, 0, matrix.out);
        return;
    }
    const std::size_t share = (matrix.out + threads - 1) / threads;
    Job<WidePart, float> job{matrix, x, rows, y, part, (share + multiple - 1) / multiple * multiple};
    parallel(work<WidePart, float>, &job, threads, 0);
}

}  // namespace bearhug::linear
