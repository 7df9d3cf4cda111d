// Counting words: a table in memory; where there are too many for it, sorted files on disk.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer.hpp"

namespace bearhug {

// Words and how often each was seen, their bytes one behind the other.
class WordTable {
 public:
    // hash: hash_bytes(word).
    void add(std::string_view word, std::uint64_t hash, std::uint64_t times);
    void clear();  // gives its memory back
    void empty();  // keeps it
    std::size_t size() const { return times_.size(); }
    std::size_t bytes() const;  // of memory
    std::size_t bytes_of_words() const { return block_.size(); }
    std::string_view word(std::size_t i) const {
        return std::string_view(block_).substr(starts_[i], starts_[i + 1] - starts_[i]);
    }
    std::uint64_t times(std::size_t i) const { return times_[i]; }

 private:
    void grow();
    std::string block_;
    std::vector<std::uint32_t> starts_{0};  // of the words, and the end of the last one
    std::vector<std::uint64_t> times_;
    std::vector<std::uint32_t> slots_;  // index of a word, no_id: free
};

class WordCounts {
 public:
    using Visit = std::function<void(std::string_view word, std::uint64_t times)>;

    // parts: its normalizer and pre-tokenizer cut what is fed; null: a text is one word.
    // folder: where files of sorted words (runs) may be written; empty: nowhere.
    // max_bytes: of memory, beyond which the words go to a run; 0: no limit.
    explicit WordCounts(std::shared_ptr<const Parts> parts, std::string folder = {}, std::size_t max_bytes = 0)
        : parts_(std::move(parts)), folder_(std::move(folder)), max_bytes_(max_bytes) {}

    // Any number of threads may feed and add at once; everything else is for one thread alone.
    void feed(const std::vector<std::string_view>& texts, std::size_t threads);
    void add(std::string_view word, std::uint64_t times);

    // Writes what is in memory to a run and forgets it. Throws std::runtime_error where the disk does not take it.
    void spill();
    // All runs, and what is in memory, as one run; nothing to do where there is no run.
    void merge_runs();
    const std::vector<std::string>& runs() const { return runs_; }  // file names
    // Goes on with the runs of an earlier count; all other files of the folder that look like runs are removed.
    void resume(std::vector<std::string> runs);
    void clear();  // forgets the words in memory
    // Removes the runs that merge_runs() has made useless.
    void remove_merged();

    std::size_t size();            // different words
    std::size_t bytes_of_words();  // of all of them together, at most
    // In the order of the words' bytes, so that training does not depend on the order of texts or threads.
    void each(const Visit& visit);

    // The least count of the words that together take no more than so many bytes, each `fixed` and `per_byte` for each
    // of its bytes.
    std::uint64_t least_that_fits(std::size_t bytes, std::size_t fixed, std::size_t per_byte);

 private:
    static constexpr std::size_t parts_of_table = 64;
    struct Part {
        std::mutex mutex;
        WordTable table;
    };
    void flush(WordTable& words, bool bytes);
    void spill_if_full();
    void each_in_memory(const Visit& visit) const;
    void each_in_runs(const Visit& visit) const;
    std::string next_run();

    std::shared_ptr<const Parts> parts_;
    std::string folder_;
    std::size_t max_bytes_;
    std::array<Part, parts_of_table> table_;
    std::atomic<std::size_t> bytes_ = 0;
    std::mutex spilling_;
    std::vector<std::string> runs_, merged_;
    std::size_t run_number_ = 0, size_of_run_ = 0;
};

// What other threads have freed goes back to the system, where its allocator would keep it for them.
void give_back_memory();

// A digest of texts, one after another, that does not depend on how they are cut into batches.
std::uint64_t digest_texts(const std::vector<std::string_view>& texts, std::uint64_t before);

}  // namespace bearhug
