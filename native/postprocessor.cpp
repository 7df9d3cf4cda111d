#include "postprocessor.hpp"

#include <algorithm>
#include <stdexcept>

namespace bearhug::post_processors {
namespace {

Item special(const Special& token, std::uint32_t type) {
    return {Item::special, type, type, {token.second}, {token.first}};
}

Layout without_special(const Layout& layout) {
    Layout out;
    std::copy_if(layout.items.begin(), layout.items.end(), std::back_inserter(out.items),
                 [](const Item& item) { return item.kind != Item::special; });
    return out;
}

std::size_t count_special(const Layout& layout) {
    std::size_t count = 0;
    for (const auto& item : layout.items) count += item.ids.size();
    return count;
}

bool has(const std::vector<Item>& items, Item::Kind kind) {
    return std::any_of(items.begin(), items.end(), [&](const Item& item) { return item.kind == kind; });
}

void set_plain_layouts(PostProcessor& processor) {
    for (const bool special : {false, true}) {
        processor.layouts[0][special].items = {{Item::first, 0, 0}};
        processor.layouts[1][special].items = {{Item::first, 0, 0}, {Item::second, 1, 1}};
    }
}

}  // namespace

const PostProcessor& none() {
    static const PostProcessor plain = [] {
        PostProcessor made;
        set_plain_layouts(made);
        made.layouts[0][0].padding_is_first_sequence = made.layouts[0][1].padding_is_first_sequence = true;
        return made;
    }();
    return plain;
}

std::shared_ptr<PostProcessor> from_template(std::vector<Item> single, std::vector<Item> pair) {
    if (has(single, Item::second))
        throw std::invalid_argument("the template for a single sequence holds $B; only $A is there.");
    if (!has(pair, Item::first) || !has(pair, Item::second))
        throw std::invalid_argument("the template for a pair must hold both sequences, $A and $B.");
    auto made = std::make_shared<PostProcessor>();
    made->has_layout = true;
    made->layouts[0][1].items = std::move(single);
    made->layouts[1][1].items = std::move(pair);
    for (const bool is_pair : {false, true}) {
        made->layouts[is_pair][0] = without_special(made->layouts[is_pair][1]);
        made->added[is_pair] = count_special(made->layouts[is_pair][1]);
    }
    return made;
}

std::shared_ptr<PostProcessor> bert(const Special& sep, const Special& cls) {
    return from_template(
        {special(cls, 0), {Item::first, 0, 0}, special(sep, 0)},
        {special(cls, 0), {Item::first, 0, 0}, special(sep, 0), {Item::second, 1, 1}, special(sep, 1)});
}

std::shared_ptr<PostProcessor> roberta(const Special& sep, const Special& cls, bool trim_offsets,
                                       bool add_prefix_space) {
    const std::vector<Item> single = {special(cls, 0), {Item::first, 0, 0}, special(sep, 0)};
    const std::vector<Item> second = {special(sep, 0), {Item::second, 0, 0}, special(sep, 0)};
    std::vector<Item> pair = single;
    pair.insert(pair.end(), second.begin(), second.end());
    auto made = from_template(single, pair);
    // Without special tokens the reference leaves the type of what overflows as it is.
    made->layouts[1][0].items[1].overflow_type = 1;
    if (trim_offsets) made->trims.push_back(add_prefix_space);
    return made;
}

std::shared_ptr<PostProcessor> byte_level(bool trim_offsets, bool add_prefix_space) {
    auto made = std::make_shared<PostProcessor>();
    set_plain_layouts(*made);
    if (trim_offsets) made->trims.push_back(add_prefix_space);
    return made;
}

std::shared_ptr<PostProcessor> sequence(const std::vector<PostProcessorPointer>& parts) {
    auto made = std::make_shared<PostProcessor>();
    set_plain_layouts(*made);
    for (const auto& part : parts) {
        if (part->has_layout) {
            if (made->has_layout)
                throw std::invalid_argument("two post-processors of the sequence add special tokens; one may.");
            made->has_layout = true;
            made->layouts = part->layouts;
            made->added = part->added;
        }
        made->trims.insert(made->trims.end(), part->trims.begin(), part->trims.end());
    }
    return made;
}

}  // namespace bearhug::post_processors
