#include "double_array.hpp"

namespace bearhug {
namespace {

constexpr std::uint32_t block = 256;      // all children of a node lie in one block
constexpr std::uint32_t most_tries = 64;  // free cells that a node with several children tries before it takes a block

}  // namespace

void DoubleArray::grow() {
    const auto first = static_cast<std::uint32_t>(cells_.size());
    cells_.resize(first + block);
    ids_.resize(first + block, no_id);
    next_free_.resize(first + block);
    previous_free_.resize(first + block);
    for (std::uint32_t at = first; at < first + block; ++at) {
        if (at == root) continue;
        const std::uint32_t last = previous_free_[root];
        next_free_[last] = at, previous_free_[at] = last;
        next_free_[at] = root, previous_free_[root] = at;
    }
}

// A base at which all the labels' cells are free; takes the cells out of the ring.
std::uint32_t DoubleArray::place(const std::vector<unsigned char>& labels) {
    auto fits = [&](std::uint32_t base) {
        for (const auto label : labels) {
            const std::uint32_t at = base ^ label;
            if (at == root || cells_[at].parent != no_id) return false;
        }
        return true;
    };
    std::uint32_t base = no_id, tries = 0;
    // The newest cells first: the old blocks are nearly full.
    for (std::uint32_t at = previous_free_[root]; at != root && tries < most_tries; at = previous_free_[at], ++tries) {
        if (!fits(at ^ labels[0])) continue;
        base = at ^ labels[0];
        break;
    }
    if (base == no_id) {
        base = static_cast<std::uint32_t>(cells_.size());
        grow();
    }
    for (const auto label : labels) {
        const std::uint32_t at = base ^ label;
        next_free_[previous_free_[at]] = next_free_[at];
        previous_free_[next_free_[at]] = previous_free_[at];
    }
    return base;
}

void DoubleArray::build(const std::vector<Text>& texts) {
    cells_.clear(), ids_.clear(), next_free_.assign(1, root), previous_free_.assign(1, root);
    grow();
    struct Range {
        std::uint32_t node;
        std::size_t begin, end, depth;  // texts[begin, end) share `depth` bytes
    };
    std::vector<Range> open = {{root, 0, texts.size(), 0}};
    std::vector<unsigned char> labels;
    std::vector<std::size_t> starts;
    while (!open.empty()) {
        auto [node, begin, end, depth] = open.back();
        open.pop_back();
        if (begin < end && texts[begin].text.size() == depth) {
            if (node != root) {
                cells_[node].score = texts[begin].score;
                ids_[node] = texts[begin].id;
            }
            ++begin;
        }
        if (begin == end) continue;
        labels.clear(), starts.clear();
        for (std::size_t at = begin; at < end; ++at) {
            const auto label = static_cast<unsigned char>(texts[at].text[depth]);
            if (!labels.empty() && labels.back() == label) continue;
            labels.push_back(label), starts.push_back(at);
        }
        starts.push_back(end);
        const std::uint32_t base = place(labels);
        cells_[node].base = base;
        for (std::size_t i = 0; i < labels.size(); ++i) {
            cells_[base ^ labels[i]].parent = node;
            open.push_back({base ^ labels[i], starts[i], starts[i + 1], depth + 1});
        }
    }
    next_free_ = {}, previous_free_ = {};
}

}  // namespace bearhug
