// Pre-tokenizers: a text -> the pieces that the model sees one at a time.
#pragma once
#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "draft.hpp"
#include "expression.hpp"
#include "normalizer.hpp"
#include "scan.hpp"

namespace bearhug {

// What becomes of the matches of a split.
enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

// Pieces of a draft's text, none of them empty.
struct Pieces {
    std::vector<Span> spans;
    std::vector<Span> spare = {};  // room for those that take their place
    // The model is to see each byte of a piece as one of the 256 characters of bytes.hpp. They are written out only
    // when something needs to read them (spell_bytes); a byte-level model does not.
    bool bytes = false;
};

void spell_bytes(Draft& draft, Pieces& pieces);

// Cuts a piece so that nothing of it is lost.
class Cutter {
 public:
    virtual ~Cutter() = default;
    // Where the part that starts at `p` ends, of a piece from `piece` to `end`.
    virtual const char* next(const char* piece, const char* p, const char* end) const = 0;
    // As scan::Block, of a piece that starts at `piece`.
    virtual std::size_t block(const char* begin, const char* piece, const char* p, const char* end, std::uint32_t* ends,
                              std::size_t most) const {
        (void)piece;
        std::size_t count = 0;
        for (; p < end && count < most; p = begin + ends[count++])
            ends[count] = static_cast<std::uint32_t>(next(piece, p, end) - begin);
        return count;
    }
};

// Cutters one after another, each cutting what those before it have left in one piece.
using Cutters = std::span<const Cutter* const>;

// The pieces of a text, some at a time.
class Cut {
 public:
    static constexpr std::size_t most_cutters = 8, least_room = 128;
    // Of a text from `p` to `end`; what is written counts from `begin`. At least one cutter, and no more than
    // most_cutters.
    Cut(Cutters cutters, const char* begin, const char* p, const char* end)
        : cutters_(cutters), begin_(begin), start_(p), end_(end), p_(p) {
        pieces_.fill({p, p});
    }
    // Writes where the next pieces end, at most `room` of them, which is least_room or more; none where the text has
    // ended.
    std::size_t next(std::uint32_t* ends, std::size_t room) {
        const std::size_t last = cutters_.size() - 1;
        std::size_t count = 0;
        while (p_ < end_ && room - count >= least_room) {
            Piece within{start_, end_};
            for (std::size_t i = 0; i < last; ++i) {
                if (pieces_[i].end == p_) pieces_[i] = {p_, cutters_[i]->next(within.start, p_, within.end)};
                within = pieces_[i];
            }
            count += cutters_[last]->block(begin_, within.start, p_, within.end, ends + count, room - count);
            p_ = begin_ + ends[count - 1];
            if (last == 0) break;
        }
        return count;
    }

 private:
    struct Piece {
        const char *start, *end;
    };
    Cutters cutters_;
    const char *begin_, *start_, *end_, *p_;
    std::array<Piece, most_cutters> pieces_;  // that each cutter but the last is at
};

class PreTokenizer {
 public:
    virtual ~PreTokenizer() = default;
    // Cuts the pieces further, and may rewrite the text below them.
    virtual void split(Draft& draft, Pieces& pieces) const = 0;
    // Whether it asks where in the input a piece starts.
    virtual bool reads_origins() const { return false; }
    virtual bool rewrites() const { return false; }
    // Whether it asks so of a text that it has rewritten itself, where a place does not tell it any more.
    virtual bool reads_origins_of_rewritten() const { return false; }
    // Cutters and nothing else but the spelling of bytes behind them: then the pieces need not be listed first.
    struct Scan {
        Cutters cutters = {};  // none: it does more
        bool bytes = false;
    };
    virtual Scan only_scans() const { return {}; }
    virtual bool spells_bytes() const { return false; }     // and nothing else
    virtual bool scans_gpt2() const { return false; }       // and nothing else but the spelling of bytes
    virtual bool isolates_digits() const { return false; }  // and nothing else
    virtual bool is_nothing() const { return false; }  // a sequence of none: an empty text stays a piece
    std::string json;
};
using PreTokenizerPointer = std::shared_ptr<const PreTokenizer>;

namespace pre_tokenizers {

enum class Prepend { always, never, first };

std::shared_ptr<PreTokenizer> byte_level(bool add_prefix_space, bool use_regex);
std::shared_ptr<PreTokenizer> bert();
std::shared_ptr<PreTokenizer> whitespace();
std::shared_ptr<PreTokenizer> whitespace_split();
std::shared_ptr<PreTokenizer> punctuation(Behavior behavior);
std::shared_ptr<PreTokenizer> digits(bool individual);
std::shared_ptr<PreTokenizer> metaspace(std::string replacement, Prepend scheme, bool split);
std::shared_ptr<PreTokenizer> split(Finder find, Behavior behavior, bool invert);
std::shared_ptr<PreTokenizer> split(const scan::Pattern* pattern, Behavior behavior, bool invert);
std::shared_ptr<PreTokenizer> split(std::shared_ptr<const Expression> expression, Behavior behavior, bool invert);
std::shared_ptr<PreTokenizer> fixed_length(std::size_t characters);  // at least 1
std::shared_ptr<PreTokenizer> unicode_scripts();
std::shared_ptr<PreTokenizer> sequence(std::vector<PreTokenizerPointer> parts);

}  // namespace pre_tokenizers
}  // namespace bearhug
