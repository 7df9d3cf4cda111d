// Tables that are read all over: in large pages, so that the processor need not look up where each of them lies.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
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

// A table of values whose bytes are all zero to begin with: of a large one the system gives them so, and nothing is
// written.
template <class T>
class ZeroedTable {
 public:
    ZeroedTable() = default;
    explicit ZeroedTable(std::size_t size) : size_(size) {
        const std::size_t page = LargePages<T>::page, bytes = size * sizeof(T);
        const bool is_large = bytes >= page;
        memory_.reset(std::calloc(bytes + (is_large ? page : 0), 1));
        if (size > 0 && !memory_) throw std::bad_alloc();
        auto at = reinterpret_cast<std::uintptr_t>(memory_.get());
        if (is_large) at = (at + page - 1) / page * page;
        values_ = reinterpret_cast<T*>(at);
#ifdef MADV_HUGEPAGE
        if (is_large) madvise(values_, bytes / page * page, MADV_HUGEPAGE);
#endif
    }
    ZeroedTable(const ZeroedTable& other) : ZeroedTable(other.size_) {
        if (size_ > 0) std::memcpy(values_, other.values_, size_ * sizeof(T));
    }
    ZeroedTable(ZeroedTable&& other) noexcept { swap(other); }
    ZeroedTable& operator=(ZeroedTable other) noexcept {
        swap(other);
        return *this;
    }
    T& operator[](std::size_t at) { return values_[at]; }
    const T& operator[](std::size_t at) const { return values_[at]; }
    T* data() { return values_; }
    const T* data() const { return values_; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

 private:
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_default_constructible_v<T>);
    void swap(ZeroedTable& other) {
        memory_.swap(other.memory_);
        std::swap(values_, other.values_);
        std::swap(size_, other.size_);
    }
    struct Free {
        void operator()(void* memory) const { std::free(memory); }
    };
    std::unique_ptr<void, Free> memory_;
    T* values_ = nullptr;
    std::size_t size_ = 0;
};

template <class T>
using PagedVector = std::vector<T, LargePages<T>>;

}  // namespace bearhug
