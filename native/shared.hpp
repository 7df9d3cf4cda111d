// A value that copies share, until one of them changes its own.
#pragma once
#include <atomic>
#include <memory>

namespace bearhug {

template <class T>
class Shared {
 public:
    const T& operator*() const { return *value_; }
    const T* operator->() const { return value_.get(); }
    T& own() {
        if (value_.use_count() > 1) value_ = std::make_shared<T>(*value_);
        std::atomic_thread_fence(std::memory_order_acquire);  // what those read who have let go
        return *value_;
    }

 private:
    std::shared_ptr<T> value_ = std::make_shared<T>();
};

}  // namespace bearhug
