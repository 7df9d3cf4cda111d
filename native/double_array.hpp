// Texts as paths through a double array (Aoe 1989): a step costs one look at one cell.
#pragma once
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "vocabulary.hpp"

namespace bearhug {

// Texts with a score each. The cell of node n for byte b is cells[cells[n].base ^ b], if its parent is n.
class DoubleArray {
 public:
    static constexpr std::uint32_t root = 0;

    struct Text {
        std::string_view text;
        double score;
        std::uint32_t id;
        bool operator<(const Text& other) const { return text < other.text; }
    };

    // Texts sorted and all different; an empty one is passed over.
    void build(const std::vector<Text>& texts);

    // The node behind `node` for a byte; no_id: there is none.
    std::uint32_t step(std::uint32_t node, unsigned char byte) const {
        const std::uint32_t next = cells_[node].base ^ byte;
        return cells_[next].parent == node ? next : no_id;
    }
    bool ends(std::uint32_t node) const { return cells_[node].score == cells_[node].score; }
    double score(std::uint32_t node) const { return cells_[node].score; }
    std::uint32_t id(std::uint32_t node) const { return ids_[node]; }

 private:
    struct Cell {
        std::uint32_t base = 0, parent = no_id;
        double score = std::numeric_limits<double>::quiet_NaN();  // not a number: no text ends here
    };
    std::uint32_t place(const std::vector<unsigned char>& labels);
    void grow();

    std::vector<Cell> cells_;
    std::vector<std::uint32_t> ids_;
    std::vector<std::uint32_t> next_free_, previous_free_;  // a ring of the cells that are free, through cell 0
};

}  // namespace bearhug
