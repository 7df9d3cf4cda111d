#include "encoded.hpp"

#include <algorithm>

namespace bearhug {

std::vector<std::int32_t> Encoded::column(Field field, std::size_t from, std::size_t to) const {
    std::vector<std::int32_t> out;
    out.reserve(static_cast<std::size_t>(starts[to] - starts[from]));
    for (auto i = run_starts[from]; i < run_starts[to]; ++i) {
        const Run& run = runs[static_cast<std::size_t>(i)];
        std::int32_t value = 0;
        switch (field) {
            case Field::type_ids:
                value = static_cast<std::int32_t>(run.type);
                break;
            case Field::attention_mask:
                value = run.kind < Run::padding;
                break;
            case Field::special_tokens_mask:
                value = run.kind >= Run::special;
                break;
            case Field::sequence_ids:
                value = run.kind == Run::first || run.kind == Run::padding_of_first ? 0
                        : run.kind == Run::second                                   ? 1
                                                                                    : -1;
                break;
            default:
                break;
        }
        out.insert(out.end(), run.count, value);
    }
    return out;
}

Encoded Encoded::select(const std::vector<std::size_t>& wanted) const {
    Encoded out;
    out.tracked = tracked;
    for (const std::size_t row : wanted) {
        const auto start = starts[row], end = starts[row + 1];
        for (auto text = texts.lower_bound(static_cast<std::size_t>(start));
             text != texts.end() && text->first < static_cast<std::size_t>(end); ++text)
            out.texts[out.ids.size() + text->first - static_cast<std::size_t>(start)] = text->second;
        out.ids.insert(out.ids.end(), ids.begin() + start, ids.begin() + end);
        if (tracked) {
            out.offsets.insert(out.offsets.end(), offsets.begin() + start, offsets.begin() + end);
            out.words.insert(out.words.end(), words.begin() + start, words.begin() + end);
        }
        out.runs.insert(out.runs.end(), runs.begin() + run_starts[row], runs.begin() + run_starts[row + 1]);
        out.starts.push_back(static_cast<std::int64_t>(out.ids.size()));
        out.run_starts.push_back(static_cast<std::int64_t>(out.runs.size()));
        out.samples.push_back(samples[row]);
    }
    return out;
}

}  // namespace bearhug
