// Tables that are read all over: in large pages, so that the processor need not look up where each of them lies.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <new>
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
        void* const memory = std::aligned_alloc(page, (bytes + page - 1) / page * page);
        if (memory == nullptr) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
        madvise(memory, bytes / page * page, MADV_HUGEPAGE);
#endif
        return static_cast<T*>(memory);
    }
    void deallocate(T* memory, std::size_t count) {
        count * sizeof(T) < page ? ::operator delete(memory) : std::free(memory);
    }
    template <class Other>
    bool operator==(const LargePages<Other>&) const {
        return true;
    }
};

template <class T>
using PagedVector = std::vector<T, LargePages<T>>;

}  // namespace bearhug
