// Pre-tokenizers: a text -> the pieces that the model sees one at a time.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "draft.hpp"
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

class PreTokenizer {
 public:
    virtual ~PreTokenizer() = default;
    // Cuts the pieces further, and may rewrite the text below them.
    virtual void split(Draft& draft, Pieces& pieces) const = 0;
    // Whether it asks where in the input a piece starts.
    virtual bool reads_origins() const { return false; }
    // A hand-written pattern and nothing else but the spelling of bytes: then the pieces need not be listed first.
    struct Scan {
        const scan::Pattern* pattern = nullptr;  // null: it does more
        bool bytes = false;
    };
    virtual Scan only_scans() const { return {}; }
    virtual bool spells_bytes() const { return false; }  // and nothing else
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
std::shared_ptr<PreTokenizer> fixed_length(std::size_t characters);  // at least 1
std::shared_ptr<PreTokenizer> unicode_scripts();
std::shared_ptr<PreTokenizer> sequence(std::vector<PreTokenizerPointer> parts);

}  // namespace pre_tokenizers
}  // namespace bearhug
