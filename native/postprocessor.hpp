// Post-processors: which special tokens stand around one or two encoded sequences, and what the offsets leave out.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace bearhug {

// White space at tokens' ends is taken out of their offsets.
struct Trim {
    bool add_prefix_space;  // the first space is one that was added
    bool leads;             // the sequence is the first thing there: no special token stands before it yet
};

// One part of a row: a sequence, or special tokens.
struct Item {
    enum Kind : std::uint8_t { first, second, special } kind;
    std::uint32_t type = 0;           // type id of its tokens
    std::uint32_t overflow_type = 0;  // and of those that truncation cut off
    std::vector<std::uint32_t> ids = {};
    std::vector<std::string> tokens = {};
    // The number of the sequence that its tokens are counted to, and those that truncation cut off; -1: none.
    std::int8_t sequence = -1, overflow_sequence = -1;
    bool masked = true;      // whether special tokens are marked as such
    std::vector<Trim> trims = {};  // of a sequence, one after another
    std::size_t leader = 0;  // the item of the layout whose window says whether this one overflows
};

struct Layout {
    std::vector<Item> items;
    // Nothing says how far a sequence goes: then the reference counts all to the first, padding too.
    bool unmarked = false;
    bool overflow_unmarked = false;  // the same, of rows with what truncation cut off from the first sequence
};

struct PostProcessor {
    // What becomes one encoding in the reference: at first each sequence is one.
    using Groups = std::vector<std::vector<Item>>;
    using Step = std::function<void(Groups&, bool special)>;

    std::string json;
    std::vector<Step> steps;  // one after another
    // Of a single sequence and of a pair; with special tokens and without.
    std::array<std::array<Layout, 2>, 2> layouts;
    std::array<std::size_t, 2> added{};  // special tokens of a single sequence and of a pair
    bool trims = false;                  // whether any item has trims

    const Layout& layout(bool is_pair, bool special) const { return layouts[is_pair][special]; }
};
using PostProcessorPointer = std::shared_ptr<const PostProcessor>;

namespace post_processors {

using Special = std::pair<std::string, std::uint32_t>;

const PostProcessor& none();
// Throws std::invalid_argument where `single` holds the second sequence, or `pair` lacks one of the two.
std::shared_ptr<PostProcessor> from_template(std::vector<Item> single, std::vector<Item> pair);
std::shared_ptr<PostProcessor> bert(const Special& sep, const Special& cls);
std::shared_ptr<PostProcessor> roberta(const Special& sep, const Special& cls, bool trim_offsets,
                                       bool add_prefix_space);
std::shared_ptr<PostProcessor> byte_level(bool trim_offsets, bool add_prefix_space);
// Throws std::invalid_argument where a template follows another one.
std::shared_ptr<PostProcessor> sequence(const std::vector<PostProcessorPointer>& parts);

}  // namespace post_processors
}  // namespace bearhug
