// The patterns once more, for processors with AVX2 and BMI2: 32 bytes at a time, and masks squeezed by one instruction.
#include "scan.hpp"

#ifdef BEARHUG_AVX2
#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "scan_rules.hpp"

// Only what follows is compiled for these processors: what the headers above hold may be shared with other files.
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt")
#endif

namespace bearhug::scan {
namespace {

class Machine {
 public:
    void load(const char* p) {
        low_ = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
        high_ = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32));
    }
    Mask equal(char c) const {
        const __m256i wanted = _mm256_set1_epi8(c);
        return bits(_mm256_cmpeq_epi8(low_, wanted), _mm256_cmpeq_epi8(high_, wanted));
    }
    Mask within(char first, char last) const {
        const __m256i from = _mm256_set1_epi8(first), most = _mm256_set1_epi8(static_cast<char>(last - first));
        const __m256i low = _mm256_sub_epi8(low_, from), high = _mm256_sub_epi8(high_, from);
        return bits(_mm256_cmpeq_epi8(_mm256_min_epu8(low, most), low),
                    _mm256_cmpeq_epi8(_mm256_min_epu8(high, most), high));
    }
    Mask beyond_ascii() const { return bits(low_, high_); }
    static Mask compress(Mask mask, Mask wanted) { return _pext_u64(mask, wanted); }
    static Mask expand(Mask mask, Mask wanted) { return _pdep_u64(mask, wanted); }

 private:
    static Mask bits(__m256i low, __m256i high) {
        return Mask{static_cast<unsigned>(_mm256_movemask_epi8(low))} |
               Mask{static_cast<unsigned>(_mm256_movemask_epi8(high))} << 32;
    }
    __m256i low_, high_;
};

}  // namespace
}  // namespace bearhug::scan

#include "scan_block.hpp"

namespace bearhug::scan {

const Pattern* avx2_patterns() {
#define BEARHUG_PATTERN(name, rules) {#name, next<rules>, block<rules>},
    static constexpr Pattern patterns[] = {BEARHUG_PATTERNS(BEARHUG_PATTERN)};
#undef BEARHUG_PATTERN
    return patterns;
}

}  // namespace bearhug::scan

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
