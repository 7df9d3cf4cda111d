// Tables that are read all over: in large pages, so that the processor need not look up where each of them lies.
#pragma once
#include <cstddef>
#include <new>
#include <utility>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace bearhug {

template <class T>
struct LargePages {
    using value_type = T;
    LargePages() = default;
    template <class Other>
    LargePages(const LargePages<Other>&) {}

    static constexpr std::size_t page = std::size_t{1} << 21;

    T* allocate(std::size_t count) {
        const std::size_t bytes = count * sizeof(T);
        if (bytes < page) return static_cast<T*>(::operator new(bytes));
        void* const memory = ::operator new((bytes + page - 1) / page * page, std::align_val_t{page});
#ifdef MADV_HUGEPAGE
        madvise(memory, bytes / page * page, MADV_HUGEPAGE);
#endif
        return static_cast<T*>(memory);
    }
    void deallocate(T* memory, std::size_t count) {
        if (count * sizeof(T) < page) return ::operator delete(memory);
        ::operator delete(memory, std::align_val_t{page});
    }
    // What has no value of its own to begin with is not written to: whoever makes room fills it, in his own thread.
    template <class Item>
    void construct(Item* item) {
        ::new (static_cast<void*>(item)) Item;
    }
    template <class Item, class... Values>
    void construct(Item* item, Values&&... values) {
        ::new (static_cast<void*>(item)) Item(std::forward<Values>(values)...);
    }
    template <class Other>
    bool operator==(const LargePages<Other>&) const {
        return true;
    }
};

template <class T>
using PagedVector = std::vector<T, LargePages<T>>;

}  // namespace bearhug
