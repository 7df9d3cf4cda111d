// Work shared among threads that live for one call: nothing to keep, nothing that a fork could break.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

namespace bearhug {

// The processors that this process may use.
inline std::size_t processors() {
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
#endif
    return std::max(1u, std::thread::hardware_concurrency());
}

// How many threads so many bytes of text are worth. TOKENIZERS_PARALLELISM=false (or 0, off, no) means one.
inline std::size_t threads_for(std::size_t bytes) {
    constexpr std::size_t worth_a_thread = 1 << 16;
    if (bytes < 2 * worth_a_thread) return 1;
    if (const char* setting = std::getenv("TOKENIZERS_PARALLELISM"))
        for (const std::string_view no : {"false", "False", "FALSE", "0", "off", "no", "n", "f"})
            if (no == setting) return 1;
    return std::min(processors(), bytes / worth_a_thread);
}

// Calls work(index, thread) for every index below count. The first exception is thrown again when all threads have
// ended.
template <class Work>
void in_threads(std::size_t count, std::size_t threads, Work work) {
    threads = std::min(threads, count);
    if (threads <= 1) {
        for (std::size_t i = 0; i < count; ++i) work(i, std::size_t{0});
        return;
    }
    std::atomic<std::size_t> next{0};
    std::exception_ptr problem;
    std::mutex mutex;
    auto run = [&](std::size_t thread) {
        try {
            for (std::size_t i; (i = next.fetch_add(1)) < count;) work(i, thread);
        } catch (...) {
            const std::lock_guard lock(mutex);
            if (!problem) problem = std::current_exception();
            next = count;
        }
    };
    std::vector<std::thread> others;
    for (std::size_t thread = 1; thread < threads; ++thread) {
        try {
            others.emplace_back(run, thread);
        } catch (const std::system_error&) {
            break;  // the system gives no more: fewer do it too
        }
    }
    run(0);
    for (auto& other : others) other.join();
    if (problem) std::rethrow_exception(problem);
}

}  // namespace bearhug
