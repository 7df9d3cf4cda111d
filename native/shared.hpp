// A value that copies share, until one of them changes its own.
#pragma once
#include <memory>

namespace bearhug {

template <class T>
class Shared {
 public:
    const T& operator*() const { return *value_; }
    const T* operator->() const { return value_.get(); }
    T& own() {
        if (value_.use_count() > 1) value_ = std::make_shared<T>(*value_);
        return *value_;
    }

 private:
    std::shared_ptr<T> value_ = std::make_shared<T>();
};

}  // namespace bearhug
