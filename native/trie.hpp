// Texts as paths from a root, a byte an edge; the edges in one open-addressing table.
#pragma once
#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "pages.hpp"
#include "vocabulary.hpp"

namespace bearhug {

// One or two sets of texts, each with a number; finds the longest of a set that a text starts with.
class Trie {
 public:
    // bytes: of all texts together; it grows beyond what was said.
    void reserve(std::size_t bytes) {
        cells_.assign(std::bit_ceil(bytes * 2 + 64), {});
        mask_ = cells_.size() - 1;
        ids_.reserve(bytes);
        ids_.assign(2, no_id);  // 0 and 1: the two roots
    }
    void add(std::uint32_t root, std::string_view text, std::uint32_t id) {
        std::uint32_t node = root;
        for (const char byte : text) {
            const std::uint64_t edge = edge_of(node, byte);
            Cell& cell = cells_[slot_of(edge)];
            node = cell.node;
            if (cell.edge != none) continue;
            node = static_cast<std::uint32_t>(ids_.size());
            cell = {edge, node};
            ids_.push_back(no_id);
            if (ids_.size() * 2 > cells_.size()) grow();
        }
        if (node != root && ids_[node] == no_id) ids_[node] = id;  // of equal texts the first counts
    }
    struct Match {
        std::uint32_t id;
        std::size_t size;
    };
    Match longest(std::uint32_t root, std::string_view text) const {
        Match match{no_id, 0};
        std::uint32_t node = root;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const std::uint64_t edge = edge_of(node, text[i]);
            const Cell& cell = cells_[slot_of(edge)];
            if (cell.edge == none) break;
            node = cell.node;
            if (ids_[node] != no_id) match = {ids_[node], i + 1};
        }
        return match;
    }

 private:
    static constexpr std::uint64_t none = ~std::uint64_t{0};
    struct Cell {
        std::uint64_t edge = none;
        std::uint32_t node = 0;
    };
    static std::uint64_t edge_of(std::uint32_t node, char byte) {
        return std::uint64_t{node} << 8 | static_cast<unsigned char>(byte);
    }
    std::size_t slot_of(std::uint64_t edge) const {
        const std::uint64_t hash = edge * 0x9E3779B97F4A7C15u;
        std::size_t at = (hash ^ hash >> 32) & mask_;
        while (cells_[at].edge != none && cells_[at].edge != edge) at = (at + 1) & mask_;
        return at;
    }
    void grow() {
        PagedVector<Cell> old(cells_.size() * 2);
        old.swap(cells_);
        mask_ = cells_.size() - 1;
        for (const Cell& cell : old)
            if (cell.edge != none) cells_[slot_of(cell.edge)] = cell;
    }
    PagedVector<Cell> cells_;
    std::vector<std::uint32_t> ids_;  // of the text that ends at a node
    std::size_t mask_ = 0;
};

}  // namespace bearhug
