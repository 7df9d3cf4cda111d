#include "train_counts.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <queue>
#include <stdexcept>

#include "bytes.hpp"
#include "threads.hpp"

#ifndef _WIN32
#include <unistd.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace bearhug {

namespace fs = std::filesystem;

void WordTable::add(std::string_view word, std::uint64_t hash, std::uint64_t times) {
    if (2 * (times_.size() + 1) > slots_.size()) grow();
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    for (; slots_[at] != no_id; at = (at + 1) & mask)
        if (this->word(slots_[at]) == word) {
            times_[slots_[at]] += times;
            return;
        }
    if (block_.size() + word.size() >= no_id)
        throw std::length_error("the different words take more than 4 GiB in one part of the table; set max_memory.");
    slots_[at] = static_cast<std::uint32_t>(times_.size());
    block_.append(word);
    starts_.push_back(static_cast<std::uint32_t>(block_.size()));
    times_.push_back(times);
}

void WordTable::grow() {
    slots_.assign(std::max<std::size_t>(64, slots_.size() * 2), no_id);
    const std::size_t mask = slots_.size() - 1;
    for (std::uint32_t i = 0; i < times_.size(); ++i) {
        std::size_t at = hash_bytes(word(i)) & mask;
        while (slots_[at] != no_id) at = (at + 1) & mask;
        slots_[at] = i;
    }
}

void WordTable::clear() { *this = WordTable(); }

void WordTable::empty() {
    block_.clear();
    starts_.assign(1, 0);
    times_.clear();
    std::fill(slots_.begin(), slots_.end(), no_id);
}

std::size_t WordTable::bytes() const {
    return block_.capacity() + (starts_.capacity() + slots_.capacity()) * sizeof(std::uint32_t) +
           times_.capacity() * sizeof(std::uint64_t);
}

namespace {

std::size_t part_of(std::uint64_t hash) { return hash >> 58; }

// The first eight bytes as a number that sorts as they do.
std::uint64_t key_of(std::string_view word) {
    std::uint64_t key = 0;
    for (std::size_t i = 0; i < 8; ++i) key = key << 8 | (i < word.size() ? static_cast<unsigned char>(word[i]) : 0u);
    return key;
}

// A file of words in the order of their bytes, each with its length before it and its count behind it.
constexpr std::string_view run_head = "bearhug words 1\n";

class RunWriter {
 public:
    explicit RunWriter(std::string path) : path_(std::move(path)), file_(std::fopen((path_ + ".tmp").c_str(), "wb")) {
        if (!file_) fail();
        put(run_head);
    }
    RunWriter(const RunWriter&) = delete;
    RunWriter& operator=(const RunWriter&) = delete;
    ~RunWriter() {
        if (!file_) return;
        std::fclose(file_);
        std::remove((path_ + ".tmp").c_str());
    }
    void add(std::string_view word, std::uint64_t times) {
        number(word.size());
        put(word);
        number(times);
    }
    // Until then nothing has the run's name.
    void finish() {
        bool good = std::fflush(file_) == 0;
#ifndef _WIN32
        good = good && fsync(fileno(file_)) == 0;
#endif
        good = std::fclose(file_) == 0 && good;
        file_ = nullptr;
        if (!good || std::rename((path_ + ".tmp").c_str(), path_.c_str()) != 0) {
            std::remove((path_ + ".tmp").c_str());
            fail();
        }
    }

 private:
    [[noreturn]] void fail() const {
        throw std::runtime_error("the counted words cannot be written to '" + path_ + "'; is the disk full?");
    }
    void put(std::string_view bytes) {
        if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) fail();
    }
    void number(std::uint64_t value) {
        char bytes[10];
        std::size_t size = 0;
        for (; value >= 0x80; value >>= 7) bytes[size++] = static_cast<char>(value | 0x80);
        bytes[size++] = static_cast<char>(value);
        put({bytes, size});
    }
    std::string path_;
    std::FILE* file_;
};

class RunReader {
 public:
    RunReader(std::string path, std::size_t buffer)
        : path_(std::move(path)), file_(std::fopen(path_.c_str(), "rb"), &std::fclose), buffer_(buffer) {
        std::string head(run_head.size(), '\0');
        if (!file_ || !take(head.data(), head.size()) || head != run_head) fail();
        next();
    }
    bool done() const { return done_; }
    const std::string& word() const { return word_; }
    std::uint64_t times() const { return times_; }
    void next() {
        if (at_ == end_ && !fill()) {
            done_ = true;
            return;
        }
        word_.resize(number());
        if (!take(word_.data(), word_.size())) fail();
        times_ = number();
    }

 private:
    [[noreturn]] void fail() const {
        throw std::runtime_error("'" + path_ + "' does not hold the counted words that were written to it.");
    }
    bool fill() {
        at_ = 0;
        end_ = std::fread(buffer_.data(), 1, buffer_.size(), file_.get());
        return end_ > 0;
    }
    bool take(char* to, std::size_t size) {
        while (size > 0) {
            if (at_ == end_ && !fill()) return false;
            const std::size_t here = std::min(size, end_ - at_);
            std::copy_n(buffer_.data() + at_, here, to);
            at_ += here;
            to += here;
            size -= here;
        }
        return true;
    }
    std::uint64_t number() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            char byte;
            if (!take(&byte, 1)) fail();
            value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
            if (!(byte & 0x80)) return value;
        }
        fail();
    }
    std::string path_;
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
    std::vector<char> buffer_;
    std::size_t at_ = 0, end_ = 0;
    std::string word_;
    std::uint64_t times_ = 0;
    bool done_ = false;
};

constexpr std::size_t most_runs = 500;      // open at once
constexpr std::size_t own_words = 1 << 17;  // of a thread, before they go to the shared table

}  // namespace

void WordCounts::add(std::string_view word, std::uint64_t times) {
    const std::uint64_t hash = hash_bytes(word);
    Part& part = table_[part_of(hash)];
    const std::lock_guard lock(part.mutex);
    part.table.add(word, hash, times);
}

void WordCounts::feed(const std::vector<std::string_view>& texts, std::size_t threads) {
    std::size_t bytes = 0;
    for (const auto text : texts) bytes += text.size();
    if (threads == 0) threads = threads_for(bytes);
    threads = std::max<std::size_t>(1, std::min(threads, texts.size()));
    // A thread counts in a table of its own: most words of a text come again soon.
    struct Own {
        WordTable table;
        bool bytes = false;  // its words are raw bytes, which the model will see spelled out
    };
    std::vector<Own> own(threads);
    const std::size_t run = std::max<std::size_t>(1, texts.size() / (threads * 8));
    in_threads((texts.size() + run - 1) / run, threads, [&](std::size_t block, std::size_t thread) {
        Own& mine = own[thread];
        auto count = [&](std::string_view word, bool raw) {
            if (raw != mine.bytes) {
                flush(mine.table, mine.bytes);
                mine.bytes = raw;
            }
            mine.table.add(word, hash_bytes(word), 1);
        };
        for (std::size_t i = block * run; i < std::min(texts.size(), (block + 1) * run); ++i) {
            if (parts_) {
                parts_->each_piece(texts[i], count);
            } else {
                count(texts[i], false);
            }
            if (mine.table.size() > own_words) {
                flush(mine.table, mine.bytes);
                spill_if_full();
            }
        }
    });
    for (Own& mine : own) flush(mine.table, mine.bytes);
    spill_if_full();
}

void WordCounts::flush(WordTable& words, bool bytes) {
    std::string spelled;
    auto word = [&](std::size_t i) {
        if (!bytes) return words.word(i);
        spelled.clear();
        for (const char byte : words.word(i)) spelled += bytes::to_utf8(static_cast<unsigned char>(byte));
        return std::string_view(spelled);
    };
    // By the part of the shared table, so that each is locked once.
    std::vector<std::uint64_t> hashes(words.size());
    std::array<std::size_t, parts_of_table + 1> starts{};
    for (std::size_t i = 0; i < words.size(); ++i) {
        hashes[i] = hash_bytes(word(i));
        ++starts[part_of(hashes[i]) + 1];
    }
    for (std::size_t part = 0; part < parts_of_table; ++part) starts[part + 1] += starts[part];
    std::vector<std::uint32_t> order(words.size());
    auto ends = starts;
    for (std::uint32_t i = 0; i < words.size(); ++i) order[ends[part_of(hashes[i])]++] = i;
    for (std::size_t p = 0; p < parts_of_table; ++p) {
        if (starts[p] == starts[p + 1]) continue;
        Part& part = table_[p];
        const std::lock_guard lock(part.mutex);
        const std::size_t before = part.table.bytes();
        for (std::size_t at = starts[p]; at < starts[p + 1]; ++at)
            part.table.add(word(order[at]), hashes[order[at]], words.times(order[at]));
        bytes_ += part.table.bytes() - before;
    }
    words.empty();
}

void WordCounts::spill_if_full() {
    if (max_bytes_ == 0 || folder_.empty() || bytes_ <= max_bytes_) return;
    const std::lock_guard lock(spilling_);
    if (bytes_ <= max_bytes_) return;  // another thread was faster
    std::vector<std::unique_lock<std::mutex>> locks;
    for (Part& part : table_) locks.emplace_back(part.mutex);
    spill();
}

void WordCounts::each_in_memory(const Visit& visit) const {
    give_back_memory();
    struct Place {
        std::uint64_t key;
        std::uint32_t part, index;
    };
    std::vector<Place> order;
    std::size_t words = 0;
    for (const Part& part : table_) words += part.table.size();
    order.reserve(words);
    for (std::uint32_t part = 0; part < parts_of_table; ++part)
        for (std::uint32_t i = 0; i < table_[part].table.size(); ++i)
            order.push_back({key_of(table_[part].table.word(i)), part, i});
    auto word = [&](const Place& place) { return table_[place.part].table.word(place.index); };
    std::sort(order.begin(), order.end(),
              [&](const Place& a, const Place& b) { return a.key != b.key ? a.key < b.key : word(a) < word(b); });
    for (const Place& place : order) visit(word(place), table_[place.part].table.times(place.index));
}

void WordCounts::each_in_runs(const Visit& visit) const {
    const std::size_t buffer = std::clamp<std::size_t>((8 << 20) / runs_.size(), 1 << 12, 1 << 18);
    std::vector<std::unique_ptr<RunReader>> readers;
    for (const auto& name : runs_) readers.push_back(std::make_unique<RunReader>(folder_ + "/" + name, buffer));
    auto later = [&](std::size_t a, std::size_t b) { return readers[a]->word() > readers[b]->word(); };
    std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> queue(later);
    for (std::size_t i = 0; i < readers.size(); ++i)
        if (!readers[i]->done()) queue.push(i);
    std::string word;
    while (!queue.empty()) {
        word = readers[queue.top()]->word();
        std::uint64_t times = 0;
        while (!queue.empty() && readers[queue.top()]->word() == word) {
            const std::size_t i = queue.top();
            queue.pop();
            times += readers[i]->times();
            readers[i]->next();
            if (!readers[i]->done()) queue.push(i);
        }
        visit(word, times);
    }
}

std::string WordCounts::next_run() {
    char name[32];
    std::snprintf(name, sizeof name, "run-%08zu.words", ++run_number_);
    return name;
}

void WordCounts::clear() {
    for (Part& part : table_) part.table.clear();
    bytes_ = 0;
    give_back_memory();
}

void WordCounts::spill() {
    bool any = false;
    for (const Part& part : table_) any = any || part.table.size() > 0;
    if (any) {
        const std::string name = next_run();
        RunWriter run(folder_ + "/" + name);
        each_in_memory([&](std::string_view word, std::uint64_t times) { run.add(word, times); });
        run.finish();
        runs_.push_back(name);
        clear();
    }
    if (runs_.size() >= most_runs) merge_runs();
}

void WordCounts::merge_runs() {
    if (runs_.empty()) return;
    for (const Part& part : table_)
        if (part.table.size() > 0) return spill(), merge_runs();
    std::size_t words = 0;
    if (runs_.size() == 1) {
        if (size_of_run_ == 0) each_in_runs([&](std::string_view, std::uint64_t) { ++size_of_run_; });
        return;
    }
    const std::string name = next_run();
    RunWriter run(folder_ + "/" + name);
    each_in_runs([&](std::string_view word, std::uint64_t times) {
        run.add(word, times);
        ++words;
    });
    run.finish();
    merged_.insert(merged_.end(), runs_.begin(), runs_.end());
    runs_.assign(1, name);
    size_of_run_ = words;
}

void WordCounts::resume(std::vector<std::string> runs) {
    runs_ = std::move(runs);
    for (const auto& entry : fs::directory_iterator(folder_)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with("run-")) continue;
        if (std::find(runs_.begin(), runs_.end(), name) == runs_.end()) {
            fs::remove(entry.path());
        } else {
            run_number_ = std::max<std::size_t>(run_number_, std::stoul(name.substr(4)));
        }
    }
}

void WordCounts::remove_merged() {
    for (const auto& name : merged_) fs::remove(fs::path(folder_) / name);
    merged_.clear();
}

std::size_t WordCounts::size() {
    merge_runs();
    if (!runs_.empty()) return size_of_run_;
    std::size_t size = 0;
    for (const Part& part : table_) size += part.table.size();
    return size;
}

std::size_t WordCounts::bytes_of_words() {
    merge_runs();
    std::size_t bytes = 0;
    for (const auto& name : runs_) bytes += fs::file_size(fs::path(folder_) / name);
    for (const Part& part : table_) bytes += part.table.bytes_of_words();
    return bytes;
}

void WordCounts::each(const Visit& visit) {
    merge_runs();
    if (runs_.empty()) {
        each_in_memory(visit);
    } else {
        each_in_runs(visit);
    }
}

std::uint64_t WordCounts::least_that_fits(std::size_t bytes, std::size_t fixed, std::size_t per_byte) {
    constexpr std::uint64_t most = 1 << 20;
    std::map<std::uint64_t, std::size_t> by_count;  // what the words of a count take
    std::size_t all = 0;
    each([&](std::string_view word, std::uint64_t times) {
        const std::size_t own = fixed + per_byte * word.size();
        by_count[std::min(times, most)] += own;
        all += own;
    });
    std::uint64_t least = 0;
    for (const auto& [times, own] : by_count) {
        if (all <= bytes) break;
        all -= own;
        least = times + 1;
    }
    return least;
}

void give_back_memory() {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

std::uint64_t digest_texts(const std::vector<std::string_view>& texts, std::uint64_t before) {
    for (const auto text : texts) before = (before ^ hash_bytes(text)) * 0x9E3779B97F4A7C15u + text.size();
    return before;
}

}  // namespace bearhug
