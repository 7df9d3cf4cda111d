#include "encoded.hpp"

#include <algorithm>

namespace bearhug {

std::int32_t Run::value(Field field) const {
    switch (field) {
        case Field::type_ids:
            return static_cast<std::int32_t>(type);
        case Field::attention_mask:
            return kind < padding;
        case Field::special_tokens_mask:
            return kind >= special;
        case Field::sequence_ids:
            return sequence;
        default:
            return 0;
    }
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
            if (!byte_offsets.empty())
                out.byte_offsets.insert(out.byte_offsets.end(), byte_offsets.begin() + start,
                                        byte_offsets.begin() + end);
        }
        out.runs.insert(out.runs.end(), runs.begin() + run_starts[row], runs.begin() + run_starts[row + 1]);
        out.starts.push_back(static_cast<std::int64_t>(out.ids.size()));
        out.run_starts.push_back(static_cast<std::int64_t>(out.runs.size()));
        out.samples.push_back(samples[row]);
    }
    return out;
}

}  // namespace bearhug
