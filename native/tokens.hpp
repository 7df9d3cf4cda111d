// What a model makes of pieces.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bearhug {

// Tokens of one piece after another.
struct Tokens {
    std::vector<std::uint32_t> ids;
    std::vector<std::uint32_t> ends;  // where each ends in its piece, in bytes; only when tracking
    // Tokens that do not start where the one before ends, or whose text is the piece's and not the vocabulary's; only
    // when tracking, emptied with `ends`.
    struct Odd {
        std::size_t at;
        std::uint32_t start, end;  // in the piece
        bool own_text;
    };
    std::vector<Odd> odd;
    bool tracking = false;
};

}  // namespace bearhug
