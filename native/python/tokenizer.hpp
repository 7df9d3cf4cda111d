// The tokenizer as Python holds it.
#pragma once
#include "convert.hpp"

namespace bearhug::python {

// A change makes new parts, so that encodings that are under way in other threads are not disturbed.
struct PyTokenizer {
    std::shared_ptr<const Parts> parts;

    template <class Change>
    auto change(Change change) {
        auto changed = std::make_shared<Parts>(*parts);
        if constexpr (std::is_void_v<decltype(change(*changed))>) {
            change(*changed);
            parts = std::move(changed);
        } else {
            auto result = change(*changed);
            parts = std::move(changed);
            return result;
        }
    }
};

}  // namespace bearhug::python
