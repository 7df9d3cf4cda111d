// Merges, as a file has them: pairs of texts -> ids.
#pragma once
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "pages.hpp"
#include "vocabulary.hpp"

namespace bearhug {

using Merges = PagedVector<std::pair<std::string_view, std::string_view>>;

// Two tokens, and the one that they are merged to.
struct Made {
    std::uint32_t left, right, whole;
};
using MadeMerges = PagedVector<Made>;

// Looks tokens up for one merge after another. Each is worked on in four steps, with others in between, while what it
// needs comes from memory.
class MergeReader {
 public:
    // prefix: how many bytes of the right text the whole does not have. file: what texts may be views of.
    MergeReader(const Vocabulary& vocabulary, std::size_t prefix, std::string_view file, MadeMerges& out)
        : vocabulary_(vocabulary), prefix_(prefix), first_(file.data()), last_(first_ + file.size()), out_(out) {
        last_ -= std::min(file.size(), Vocabulary::slack);
    }
    // False: the vocabulary lacks a token of this merge or of one of those before.
    bool add(std::string_view left, std::string_view right);
    bool finish();

 private:
    static constexpr std::size_t step = 8, room = 3 * step;
    struct Wanted {
        std::string_view left, right;
        bool in_room;
        Vocabulary::Search find_left, find_right;
    };
    bool in_room(std::string_view text) const { return text.data() >= first_ && text.data() < last_; }
    bool put(const Wanted& wanted);

    const Vocabulary& vocabulary_;
    const std::size_t prefix_;
    const char *first_, *last_;  // where so much may be read as Vocabulary::slack
    MadeMerges& out_;
    std::array<Wanted, room> wanted_;
    std::size_t count_ = 0;
    std::uint32_t guess_ = 0;  // files name merges in the order of the tokens that they make
    std::string joined_;
};

// The merges, for a model whose continuing_subword_prefix is `prefix`. Throws std::invalid_argument where they need a
// token that the vocabulary does not have.
Shared<MadeMerges> find_merges(const Vocabulary& vocabulary, const Merges& merges, std::string_view prefix);

}  // namespace bearhug
