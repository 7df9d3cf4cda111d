// Regular expressions as tables: what tokenizer.json's expressions (Oniguruma's, in Ruby's syntax) have in common is
// compiled to an automaton that reads each character once. It finds what a search that goes back would find: of the
// matches that start first, the one that the expression prefers.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "draft.hpp"
#include "point_set.hpp"

namespace bearhug {

// A tree of what a table can say: sets of characters, one after another, alternatives, counts, and what the character
// before or behind must be.
struct ExpressionNode {
    enum Kind { set, sequence, alternatives, repeat, ahead, behind } kind;
    PointSet points = {};
    bool edge = false;  // of ahead, behind: the end or the start of the text will do
    std::vector<ExpressionNode> parts = {};
    int least = 1, most = 1;  // most -1: any number
    bool greedy = true;
};

// Throws std::invalid_argument where an expression is not well-formed or more than a tree can say.
ExpressionNode read_expression(std::string_view pattern);

class Expression {
 public:
    // Null: it is not well-formed, or more than a table can say (references, conditions, atomic groups, matches of
    // nothing and so on), or the table would be too large.
    static std::shared_ptr<const Expression> compile(std::string_view pattern);

    // The end of the match that starts at `p`, in a text that starts at `begin`. Null: none does.
    const char* match(const char* begin, const char* p, const char* end) const {
        return looks_behind_ ? match_from(start_behind(begin, p), p, end) : match_from(start_, p, end);
    }
    // The first match from `p` on: true, and where it starts and ends.
    bool find(const char* begin, const char*& p, const char*& match_end, const char* end) const;
    bool looks_behind() const { return looks_behind_; }

    void find_all(std::string_view text, std::vector<Span>& matches) const;

 private:
    Expression() = default;
    void build(const ExpressionNode& tree);
    std::uint32_t start_behind(const char* begin, const char* p) const;
    class Marks;
    const char* match_marked(std::uint32_t state, const char* p, const char* end, Marks& marks) const;

    std::uint32_t class_of(char32_t point) const {
        return class_in_block_[block_of_[point / block_size] + point % block_size];
    }
    const char* match_from(std::uint32_t state, const char* p, const char* end) const {
        const char* found = nullptr;
        const std::uint32_t* const table = table_.data();
        while (p < end) {
            const auto byte = static_cast<unsigned char>(*p);
            const char* after = p + 1;
            std::uint32_t symbol = ascii_[byte];
            if (byte >= 0x80) {
                after = p;
                symbol = class_of(unicode::next(after));
            }
            const std::uint32_t entry = table[state + symbol];
            if (entry & 1) found = p;
            state = entry >> 1;
            if (state == 0) return found;
            p = after;
        }
        return table[state + classes_] & 1 ? p : found;
    }

    static constexpr std::uint32_t block_size = 128;
    // A row for each state, an entry for each class of characters and one for the end: twice the next row's place, and
    // 1 where a match ends before that character. The row at 0 leads nowhere.
    std::vector<std::uint32_t> table_;
    std::uint32_t classes_ = 0, start_ = 0;
    bool looks_behind_ = false;
    std::vector<std::uint32_t> starts_;      // by the class of the character before, the start of the text last
    std::array<std::uint8_t, 256> ascii_{};  // the classes of the first 128; the others are read, not used
    std::array<bool, 256> may_start_{};      // a match: of each first byte
    std::vector<std::uint32_t> block_of_;
    std::vector<std::uint8_t> class_in_block_;
};

}  // namespace bearhug
