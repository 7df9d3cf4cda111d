// Sets of code points, as sorted ranges that do not touch.
#pragma once
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace bearhug {

struct PointRange {
    char32_t first, last;
    auto operator<=>(const PointRange&) const = default;
};

class PointSet {
 public:
    static constexpr char32_t most = 0x10FFFF;
    PointSet() = default;
    explicit PointSet(char32_t point) : ranges_{{point, point}} {}
    PointSet(char32_t first, char32_t last) : ranges_{{first, last}} {}
    // In order, and none touches the next.
    explicit PointSet(std::vector<PointRange> ranges) : ranges_(std::move(ranges)) {}
    static PointSet all() { return {0, most}; }

    const std::vector<PointRange>& ranges() const { return ranges_; }
    bool empty() const { return ranges_.empty(); }
    bool is_ascii() const { return empty() || ranges_.back().last < 0x80; }
    bool operator==(const PointSet&) const = default;

    void add(const PointSet& other) {
        std::vector<PointRange> both = ranges_;
        both.insert(both.end(), other.ranges_.begin(), other.ranges_.end());
        std::sort(both.begin(), both.end());
        ranges_.clear();
        for (const auto& range : both) {
            if (!ranges_.empty() && range.first <= ranges_.back().last + 1) {
                ranges_.back().last = std::max(ranges_.back().last, range.last);
            } else {
                ranges_.push_back(range);
            }
        }
    }
    PointSet others() const {
        PointSet out;
        char32_t from = 0;
        for (const auto& range : ranges_) {
            if (range.first > from) out.ranges_.push_back({from, range.first - 1});
            from = range.last + 1;
        }
        if (from <= most) out.ranges_.push_back({from, most});
        return out;
    }
    PointSet shared(const PointSet& other) const {
        PointSet out = others();
        out.add(other.others());
        return out.others();
    }

 private:
    std::vector<PointRange> ranges_;
};

}  // namespace bearhug
