#include "scan.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <string>

#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace bearhug::scan {
namespace {

// What every processor of the kind has: 16 bytes at a time with SSE2, else 8 in a plain integer.
class Machine {
 public:
    void load(const char* p) { std::memcpy(bytes_, p, sizeof bytes_); }
#ifdef __SSE2__
    Mask equal(char c) const {
        return each([&](__m128i x) { return _mm_cmpeq_epi8(x, _mm_set1_epi8(c)); });
    }
    Mask within(char first, char last) const {
        return each([&](__m128i x) {
            x = _mm_sub_epi8(x, _mm_set1_epi8(first));
            return _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(static_cast<char>(last - first))), x);
        });
    }
    Mask beyond_ascii() const {
        return each([](__m128i x) { return x; });
    }
#else
    Mask equal(char c) const { return within(c, c); }
    Mask within(char first, char last) const {  // of bytes beyond ASCII too, which nobody reads then
        const auto from = spread(0x80 - static_cast<unsigned>(first)), to = spread(0x7F - static_cast<unsigned>(last));
        return each([&](std::uint64_t x) {
            const auto low = x & spread(0x7F);
            return (low + from) & ~(low + to) & ~x;
        });
    }
    Mask beyond_ascii() const {
        return each([](std::uint64_t x) { return x; });
    }
#endif
    static Mask compress(Mask mask, Mask wanted) {
        for (Mask gone = ~wanted; gone != 0;) {
            const Mask top = Mask{1} << (63 - std::countl_zero(gone));
            mask = (mask & (top - 1)) | (mask >> 1 & ~(top - 1));
            gone ^= top;
        }
        return mask;
    }
    static Mask expand(Mask mask, Mask wanted) {
        for (Mask gone = ~wanted; gone != 0; gone &= gone - 1) {
            const Mask below = (gone & -gone) - 1;
            mask = (mask & below) | (mask & ~below) << 1;
        }
        return mask;
    }

 private:
#ifdef __SSE2__
    template <class Test>
    Mask each(Test test) const {
        Mask mask = 0;
        for (int i = 0; i < 4; ++i)
            mask |= Mask{static_cast<unsigned>(_mm_movemask_epi8(test(bytes_[i])))} << (16 * i);
        return mask;
    }
    __m128i bytes_[4];
#else
    static constexpr std::uint64_t spread(std::uint64_t byte) { return byte * 0x0101010101010101u; }
    template <class Test>
    Mask each(Test test) const {  // a test gives its answers in the highest bits of the bytes
        Mask mask = 0;
        for (int i = 0; i < 8; ++i)
            mask |= ((test(bytes_[i]) >> 7 & spread(1)) * 0x0102040810204080u >> 56) << (8 * i);
        return mask;
    }
    std::uint64_t bytes_[8];
#endif
};

}  // namespace
}  // namespace bearhug::scan

#include "scan_block.hpp"

namespace bearhug::scan {

#ifdef BEARHUG_AVX2
const Pattern* avx2_patterns();  // scan_avx2.cpp
#endif

const Pattern* by_name(std::string_view name) {
#define BEARHUG_PATTERN(name, rules) {#name, next<rules>, block<rules>},
    static constexpr Pattern plain[] = {BEARHUG_PATTERNS(BEARHUG_PATTERN)};
#undef BEARHUG_PATTERN
    const Pattern* patterns = plain;
#ifdef BEARHUG_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) patterns = avx2_patterns();
#endif
    const Pattern* const end = patterns + std::size(plain);
    if (name == "llama3") name = "cl100k";
    const Pattern* found = std::find_if(patterns, end, [&](const Pattern& pattern) { return pattern.name == name; });
    if (found != end) return found;
    std::string known;
    for (const auto& pattern : plain) known += (known.empty() ? "" : ", ") + std::string(pattern.name);
    throw std::invalid_argument("no split pattern is named '" + std::string(name) + "'; there are " + known + ".");
}

}  // namespace bearhug::scan
