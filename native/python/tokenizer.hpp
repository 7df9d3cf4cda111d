// The tokenizer as Python holds it.
#pragma once
#include "names.hpp"

namespace bearhug::python {

// A change makes new parts, so that encodings that are under way in other threads are not disturbed.
class PyTokenizer {
 public:
    explicit PyTokenizer(std::shared_ptr<const PyParts> parts) : parts_(std::move(parts)) {}
    PyTokenizer(const PyTokenizer& other) : parts_(other.parts()) {}
    PyTokenizer& operator=(const PyTokenizer&) = delete;

    std::shared_ptr<const PyParts> parts() const {
        const nb::ft_lock_guard lock(mutex_);
        return parts_;
    }

    // change(parts) may be called again, where another thread has changed the tokenizer meanwhile.
    template <class Change>
    auto change(Change change) {
        for (;;) {
            const auto before = parts();
            const auto changed = std::make_shared<PyParts>(*before);
            if constexpr (std::is_void_v<decltype(change(*changed))>) {
                change(*changed);
                if (replace(before, changed)) return;
            } else {
                auto result = change(*changed);
                if (replace(before, changed)) return result;
            }
        }
    }

    // The same in place, where nobody else holds the parts; not done (none) where somebody does, or `change` gives none.
    // It must not call Python.
    template <class Change>
    auto change_alone(Change change) -> decltype(change(std::declval<PyParts&>())) {
        const nb::ft_lock_guard lock(mutex_);
        if (parts_.use_count() != 1) return std::nullopt;
        std::atomic_thread_fence(std::memory_order_acquire);  // what those read who have let go
        auto& parts = const_cast<PyParts&>(*parts_);           // made as such
        const auto result = change(parts);
        if (result) {
            parts.forget();
            parts.names.forget();
        }
        return result;
    }

 private:
    bool replace(const std::shared_ptr<const PyParts>& before, const std::shared_ptr<const PyParts>& changed) {
        const nb::ft_lock_guard lock(mutex_);
        if (parts_ != before) return false;
        parts_ = changed;
        return true;
    }

    mutable nb::ft_mutex mutex_;
    std::shared_ptr<const PyParts> parts_;
};

}  // namespace bearhug::python
