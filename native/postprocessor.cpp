#include "postprocessor.hpp"

#include <algorithm>
#include <stdexcept>

namespace bearhug::post_processors {
namespace {

using Groups = PostProcessor::Groups;

Item special(const Special& token, std::uint32_t type) {
    return {Item::special, type, type, {token.second}, {token.first}};
}

bool has(const std::vector<Item>& items, Item::Kind kind) {
    return std::any_of(items.begin(), items.end(), [&](const Item& item) { return item.kind == kind; });
}

std::size_t count_special(const std::vector<Item>& items) {
    std::size_t count = 0;
    for (const auto& item : items) count += item.ids.size();
    return count;
}

// All groups in a row. Where several are counted to the same sequence, the last one alone is.
std::vector<Item> joined(const Groups& groups) {
    std::vector<Item> items;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const auto text = std::ranges::find_if(groups[i], [](const Item& item) { return item.kind != Item::special; });
        const auto leader = items.size() + static_cast<std::size_t>(text - groups[i].begin());
        for (Item item : groups[i]) {
            item.leader = text == groups[i].end() ? items.size() : leader;
            const auto again = [&](const std::vector<Item>& later) {
                return std::any_of(later.begin(), later.end(),
                                   [&](const Item& other) { return other.sequence == item.sequence; });
            };
            if (std::any_of(groups.begin() + static_cast<std::ptrdiff_t>(i) + 1, groups.end(), again))
                item.sequence = item.overflow_sequence = -1;
            items.push_back(std::move(item));
        }
    }
    return items;
}

void set_layouts(PostProcessor& processor) {
    for (const bool is_pair : {false, true}) {
        for (const bool special : {false, true}) {
            Groups groups = {{{Item::first, 0, 0, {}, {}, 0, 0}}};
            if (is_pair) groups.push_back({{Item::second, 1, 1, {}, {}, 1, 1}});
            for (const auto& step : processor.steps) step(groups, special);
            auto& items = processor.layouts[is_pair][special].items = joined(groups);
            processor.trims |= std::ranges::any_of(items, [](const Item& item) { return !item.trims.empty(); });
        }
    }
}

std::shared_ptr<PostProcessor> made_of(PostProcessor::Step step) {
    auto made = std::make_shared<PostProcessor>();
    if (step) made->steps.push_back(std::move(step));
    set_layouts(*made);
    return made;
}

void trim(Groups& groups, bool add_prefix_space) {
    for (auto& group : groups)
        for (auto& item : group)
            if (item.kind != Item::special) item.trims.push_back({add_prefix_space, &item == &group.front()});
}

// The tokens around what is a group already; what was special in it is no longer marked.
void surround(std::vector<Item>& group, std::int8_t sequence, std::vector<Item> before, std::vector<Item> behind) {
    for (auto& item : group) item.sequence = item.overflow_sequence = sequence, item.masked = false;
    group.insert(group.begin(), before.begin(), before.end());
    group.insert(group.end(), behind.begin(), behind.end());
}

}  // namespace

const PostProcessor& none() {
    static const std::shared_ptr<PostProcessor> plain = [] {
        auto made = made_of({});
        for (const bool special : {false, true}) {
            made->layouts[0][special].unmarked = made->layouts[1][special].overflow_unmarked = true;
            made->layouts[1][special].items[1].overflow_sequence = -1;
        }
        return made;
    }();
    return *plain;
}

std::shared_ptr<PostProcessor> from_template(std::vector<Item> single, std::vector<Item> pair) {
    if (has(single, Item::second))
        throw std::invalid_argument("the template for a single sequence holds $B; only $A is there.");
    if (!pair.empty() && (!has(pair, Item::first) || !has(pair, Item::second)))
        throw std::invalid_argument("the template for a pair must hold both sequences, $A and $B.");
    const std::array<std::size_t, 2> added = {count_special(single), count_special(pair)};
    auto made = made_of([single = std::move(single), pair = std::move(pair)](Groups& groups, bool special) {
        if (groups.size() > 2)
            throw std::invalid_argument(
                "a template of the sequence of post-processors follows another one; only one part of it can be a "
                "template.");
        Groups out;
        for (const Item& piece : groups.size() == 1 ? single : pair) {
            if (piece.kind == Item::special) {
                if (special) out.push_back({piece});
                continue;
            }
            auto group = groups[piece.kind == Item::first ? 0 : 1];
            for (auto& item : group) {
                item.type = piece.type;
                item.sequence = item.overflow_sequence = piece.kind == Item::first ? 0 : 1;
            }
            out.push_back(std::move(group));
        }
        groups.swap(out);
    });
    made->added = added;
    return made;
}

std::shared_ptr<PostProcessor> bert(const Special& sep, const Special& cls) {
    auto made = made_of([sep, cls](Groups& groups, bool with_special) {
        if (!with_special) return;
        for (std::size_t i = 0; i < groups.size(); ++i) {
            if (i == 0) {
                surround(groups[i], 0, {special(cls, 0)}, {special(sep, 0)});
            } else {
                surround(groups[i], 1, {}, {special(sep, 1)});
            }
        }
    });
    made->added = {2, 3};
    return made;
}

std::shared_ptr<PostProcessor> roberta(const Special& sep, const Special& cls, bool trim_offsets,
                                       bool add_prefix_space) {
    auto made = made_of([=](Groups& groups, bool with_special) {
        if (trim_offsets) trim(groups, add_prefix_space);
        for (std::size_t i = 0; i < groups.size(); ++i) {
            for (auto& item : groups[i]) {
                item.type = 0;
                if (with_special) item.overflow_type = 0;  // else the reference leaves it
            }
            if (with_special) surround(groups[i], i == 0 ? 0 : 1, {special(i == 0 ? cls : sep, 0)}, {special(sep, 0)});
        }
    });
    made->added = {2, 4};
    return made;
}

std::shared_ptr<PostProcessor> byte_level(bool trim_offsets, bool add_prefix_space) {
    return made_of([=](Groups& groups, bool) {
        if (trim_offsets) trim(groups, add_prefix_space);
        for (std::size_t i = 0; i < groups.size(); ++i)
            for (auto& item : groups[i])
                if (item.sequence < 0) item.sequence = static_cast<std::int8_t>(std::min<std::size_t>(i, 127));
    });
}

std::shared_ptr<PostProcessor> sequence(const std::vector<PostProcessorPointer>& parts) {
    auto made = std::make_shared<PostProcessor>();
    for (const auto& part : parts) {
        made->steps.insert(made->steps.end(), part->steps.begin(), part->steps.end());
        for (const bool is_pair : {false, true}) made->added[is_pair] += part->added[is_pair];
    }
    set_layouts(*made);
    return made;
}

}  // namespace bearhug::post_processors
