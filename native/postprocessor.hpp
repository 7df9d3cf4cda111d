// Post-processors: which special tokens stand around one or two encoded sequences, and what the offsets leave out.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bearhug {

// One part of a row: a sequence, or special tokens.
struct Item {
    enum Kind : std::uint8_t { first, second, special } kind;
    std::uint32_t type = 0;           // type id of its tokens
    std::uint32_t overflow_type = 0;  // and of those that truncation cut off
    std::vector<std::uint32_t> ids = {};
    std::vector<std::string> tokens = {};
};

struct Layout {
    std::vector<Item> items;
    // The reference counts padding to the only sequence where no post-processor says how far it goes.
    bool padding_is_first_sequence = false;
};

struct PostProcessor {
    std::string json;
    // Of a single sequence and of a pair; with special tokens and without.
    std::array<std::array<Layout, 2>, 2> layouts;
    std::array<std::size_t, 2> added{};  // special tokens of a single sequence and of a pair
    bool has_layout = false;             // else the sequences follow one another as they are
    // One entry for each time that white space at tokens' ends is taken out of their offsets: is the first space one
    // that was added (add_prefix_space)?
    std::vector<bool> trims;

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
// Throws std::invalid_argument where more than one part adds special tokens.
std::shared_ptr<PostProcessor> sequence(const std::vector<PostProcessorPointer>& parts);

}  // namespace post_processors
}  // namespace bearhug
