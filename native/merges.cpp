#include "merges.hpp"

#include <stdexcept>

namespace bearhug {

bool MergeReader::add(std::string_view left, std::string_view right) {
    if (vocabulary_.size() == 0) return false;
    Wanted& wanted = wanted_[count_ % room];
    if (count_ >= room && !put(wanted)) return false;
    using Search = Vocabulary::Search;
    if (in_room(left) && in_room(right)) {
        wanted = {left, right, true, Search::in_room(left), Search::in_room(right)};
    } else {
        wanted = {left, right, false, Search(left), Search(right)};
    }
    wanted.find_left.fetch_slot(vocabulary_);
    wanted.find_right.fetch_slot(vocabulary_);
    if (count_ >= step) {
        const Wanted& before = wanted_[(count_ - step) % room];
        before.find_left.fetch_entry(vocabulary_);
        before.find_right.fetch_entry(vocabulary_);
    }
    if (count_ >= 2 * step) {
        const Wanted& before = wanted_[(count_ - 2 * step) % room];
        before.find_left.fetch_text(vocabulary_);
        before.find_right.fetch_text(vocabulary_);
    }
    ++count_;
    return true;
}

bool MergeReader::finish() {
    for (std::size_t i = count_ < room ? 0 : count_ - room; i < count_; ++i)
        if (!put(wanted_[i % room])) return false;
    return true;
}

bool MergeReader::put(const Wanted& wanted) {
    Made made{wanted.find_left.finish(vocabulary_), wanted.find_right.finish(vocabulary_), no_id};
    if (made.left == no_id || made.right == no_id || wanted.right.size() < prefix_) return false;
    const auto rest = wanted.right.substr(prefix_);
    if (vocabulary_.is(guess_, wanted.left, rest, wanted.in_room)) {
        made.whole = guess_;
    } else if (vocabulary_.is(guess_ + 1, wanted.left, rest, wanted.in_room)) {
        made.whole = guess_ + 1;
    } else {
        joined_.assign(wanted.left);
        joined_ += rest;
        made.whole = vocabulary_.find(joined_);
        if (made.whole == no_id) return false;
    }
    guess_ = made.whole;
    out_.push_back(made);
    return true;
}

namespace {

// What is wrong with merges that the reader does not take.
[[noreturn]] void explain(const Vocabulary& vocabulary, const Merges& merges, std::string_view prefix) {
    for (std::size_t rank = 0; rank < merges.size(); ++rank) {
        const auto [left, right] = merges[rank];
        const std::string merge = "merge " + std::to_string(rank) + " of the BPE model";
        auto need = [&](std::string_view token) {
            if (vocabulary.find(token) == no_id)
                throw std::invalid_argument(merge + " needs the token '" + std::string(token) +
                                            "', which its vocabulary does not have; the vocabulary and the merges must "
                                            "come from the same tokenizer.");
        };
        if (vocabulary.size() > 0 && right.size() < prefix.size())
            throw std::invalid_argument(merge + ", '" + std::string(left) + " " + std::string(right) +
                                        "', is shorter than continuing_subword_prefix '" + std::string(prefix) + "'.");
        need(left);
        need(right);
        need(std::string(left).append(right.substr(prefix.size())));
    }
    throw std::logic_error("merges that the vocabulary has are refused");
}

}  // namespace

Shared<MadeMerges> find_merges(const Vocabulary& vocabulary, const Merges& merges, std::string_view prefix) {
    Shared<MadeMerges> out;
    out.own().reserve(merges.size());
    MergeReader reader(vocabulary, prefix.size(), {}, out.own());
    for (const auto& [left, right] : merges)
        if (!reader.add(left, right)) explain(vocabulary, merges, prefix);
    if (!reader.finish()) explain(vocabulary, merges, prefix);
    return out;
}

}  // namespace bearhug
