// Bounded memories of pieces and their ids.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <vector>

#include "draft.hpp"
#include "pages.hpp"
#include "tokens.hpp"
#include "vocabulary.hpp"

namespace bearhug {

// Zeros. They cost nothing until they are touched where they are few, and come in large pages where they are many.
template <class T>
class Zeros {
 public:
    explicit operator bool() const { return data() != nullptr; }
    void make(std::size_t count) {
        if (count * sizeof(T) >= LargePages<T>::page) {
            many_ = ZeroedTable<T>(count);
            return;
        }
        constexpr std::size_t line = 128;  // two lines of memory, which start together
        few_.reset(std::calloc(count * sizeof(T) + line, 1));
        if (!few_) throw std::bad_alloc();
        const auto at = reinterpret_cast<std::uintptr_t>(few_.get());
        start_ = reinterpret_cast<T*>((at + line - 1) / line * line);
    }
    T* data() const { return few_ ? start_ : const_cast<T*>(many_.data()); }

 private:
    struct Free {
        void operator()(void* items) const { std::free(items); }
    };
    std::unique_ptr<void, Free> few_;
    T* start_ = nullptr;
    ZeroedTable<T> many_;
};

inline std::uint64_t load8(const char* from) {
    std::uint64_t word;
    std::memcpy(&word, from, 8);
    return word;
}

// Short pieces: 16 bytes of text and length as the key, up to three ids beside it; more are in a row elsewhere.
class PieceCache {
 public:
    static constexpr std::size_t longest = 15;  // bytes of a piece
    static constexpr std::size_t most = 3;      // ids beside the key
    static constexpr std::size_t reads = 16;    // bytes that wide_key looks at, whatever the length of the piece

    struct Key {
        std::uint64_t low, high;
        bool operator==(const Key& other) const { return ((low ^ other.low) | (high ^ other.high)) == 0; }
    };
    // Of more than `most` ids: the number of their row, and of the time when it was written.
    struct Entry {
        Key key;
        std::uint32_t ids[most], count;
    };

    // The bytes of a piece of 1 to 15 bytes, and its length in the last one. Reads nothing beyond the piece.
    static Key key(std::string_view piece) {
        const char* p = piece.data();
        const std::size_t size = piece.size();
        auto load4 = [](const char* from) {
            std::uint32_t word;
            std::memcpy(&word, from, 4);
            return std::uint64_t{word};
        };
        auto byte = [&](std::size_t at) { return std::uint64_t{static_cast<unsigned char>(p[at])} << (8 * at); };
        Key key{0, std::uint64_t{size} << 56};
        if (size > 8) {
            key.low = load8(p);
            key.high |= load8(p + size - 8) >> (8 * (16 - size));
        } else if (size >= 4) {
            key.low = load4(p) | load4(p + size - 4) << (8 * (size - 4));
        } else {
            key.low = byte(0) | byte(size / 2) | byte(size - 1);
        }
        return key;
    }

    // The same without a branch; `reads` bytes from `p` on can be read.
    static Key wide_key(const char* p, std::size_t size) {
        return {load8(p) & masks[size].low, (load8(p + 8) & masks[size].high) | std::uint64_t{size} << 56};
    }

    static std::uint64_t hash(Key key) {  // its highest bits are the best
        return (key.low ^ (key.high * 0x9E3779B97F4A7C15u)) * 0xD6E8FEB86659FD93u;
    }
    // Where a piece is, if it is anywhere: one of two entries that follow one another, a line of memory; where both are
    // others', one of the two in the line beside it, which processors fetch together.
    struct Table {
        Entry* entries;
        int shift;
        Entry* pair(Key key) const { return entries + (hash(key) >> shift << 1); }
        Entry* beside(const Entry* pair) const { return entries + ((pair - entries) ^ 2); }
        // Null: not remembered.
        const Entry* find(const Entry* pair, Key key) const {
            const Entry* found = find_at(pair, key);
            return found ? found : find_at(beside(pair), key);
        }
    };
    // It is larger now if much has been added since the last time.
    Table table() {
        if (added_ >= std::size_t{1} << bits_ >> 1 && bits_ < most_bits) grow();
        return made_table();
    }
    static const Entry* find_at(const Entry* pair, Key key) {
        const bool first = pair[0].key == key, second = pair[1].key == key;
        return first | second ? pair + second : nullptr;  // which of the two is anybody's guess: no branch
    }
    // The ids of a piece; their pointer is null where it is not remembered.
    std::span<const std::uint32_t> find(Key key) {
        const Table in = table();
        const Entry* entry = in.find(in.pair(key), key);
        if (!entry) return {};
        return {entry->count <= most ? entry->ids : row(*entry), entry->count};
    }
    // Of an entry with many ids: `longest` of them can be read. Null: they are forgotten.
    const std::uint32_t* row(const Entry& entry) const {
        return entry.ids[1] == time_ ? rows_.data() + entry.ids[0] * row_size : nullptr;
    }

    void add(Key key, std::span<const std::uint32_t> ids) {
        if (ids.size() > longest) return;
        Entry entry{key, {}, static_cast<std::uint32_t>(ids.size())};
        if (ids.size() <= most) {
            std::copy(ids.begin(), ids.end(), entry.ids);
        } else {
            if (rows_.size() == most_rows * row_size) rows_.clear(), ++time_;
            entry.ids[0] = static_cast<std::uint32_t>(rows_.size() / row_size), entry.ids[1] = time_;
            rows_.insert(rows_.end(), ids.begin(), ids.end());
            rows_.resize((entry.ids[0] + 1) * row_size);
        }
        put(entry, made_table());
        ++added_;
    }

 private:
    Table made_table() const { return {table_.data(), 65 - bits_}; }
    // An entry is in the line beside its own only where its own is full.
    static void put(const Entry& entry, Table table) {
        Entry* const pair = table.pair(entry.key);
        Entry* const beside = table.beside(pair);
        for (Entry* free : {pair, pair + 1, beside, beside + 1})
            if (free->key.high == 0 || free->key == entry.key) {
                *free = entry;
                return;
            }
        beside[1] = pair[1];  // the newest stands first, the oldest is forgotten
        pair[1] = pair[0];
        pair[0] = entry;
    }
    void grow() {
        const Zeros<Entry> old = std::move(table_);
        const std::size_t size = std::size_t{1} << bits_;
        bits_ = bits_ == 0 ? first_bits : bits_ + 1;
        table_.make(std::size_t{1} << bits_);
        for (std::size_t i = 0; old && i < size; ++i)
            if (const Entry& entry = old.data()[i]; entry.key.high != 0) put(entry, made_table());
    }
    static constexpr int first_bits = 12, most_bits = 18;        // 128 KiB, 8 MiB
    static constexpr std::size_t row_size = 16, most_rows = 4096;  // 256 KiB
    int bits_ = 0;
    std::size_t added_ = 0;
    static constexpr auto masks = [] {
        std::array<Key, longest + 1> made{};
        for (std::size_t size = 0; size <= longest; ++size)
            for (std::size_t i = 0; i < size; ++i)
                (i < 8 ? made[size].low : made[size].high) |= std::uint64_t{0xFF} << (8 * (i % 8));
        return made;
    }();
    Zeros<Entry> table_;
    std::vector<std::uint32_t> rows_;
    std::uint32_t time_ = 0;
};

// Pieces that are too long for the other: texts and ids lie one behind the other, and all is forgotten when that is full.
class LongPieceCache {
 public:
    static constexpr std::size_t longest = 255, most = 255;

    static std::uint64_t hash(std::string_view piece) { return hash_bytes(piece) | 1; }
    void prefetch(std::uint64_t hash) const {
        if (table_) __builtin_prefetch(table_.data() + slot(hash));
    }

    // Its ids; their pointer is null where it is not remembered.
    std::span<const std::uint32_t> find(std::string_view piece, std::uint64_t hash) const {
        if (!table_) return {};
        const Entry* const pair = table_.data() + slot(hash);
        for (const Entry& entry : {pair[0], pair[1]}) {
            if (entry.hash != hash || entry.size != piece.size()) continue;
            const std::uint32_t* const text = held_.data() + entry.at;
            if (std::memcmp(text, piece.data(), piece.size()) == 0) return {text + words(piece.size()), entry.count};
        }
        return {};
    }

    void add(std::string_view piece, std::uint64_t hash, std::span<const std::uint32_t> ids) {
        if (piece.size() > longest || ids.size() > most) return;
        const std::size_t at = held_.size(), text = words(piece.size());
        if (!table_ || at + text + ids.size() > most_held) {
            held_.clear();
            table_.make(std::size_t{1} << bits);
            return add(piece, hash, ids);
        }
        held_.resize(at + text + ids.size());
        std::memcpy(held_.data() + at, piece.data(), piece.size());
        std::copy(ids.begin(), ids.end(), held_.begin() + static_cast<std::ptrdiff_t>(at + text));
        Entry* const pair = table_.data() + slot(hash);
        pair[1] = pair[0];  // the newest stands first, the older one is forgotten
        pair[0] = {hash, static_cast<std::uint32_t>(at), static_cast<std::uint16_t>(piece.size()),
                   static_cast<std::uint16_t>(ids.size())};
    }

 private:
    struct Entry {
        std::uint64_t hash;  // 0: none
        std::uint32_t at;
        std::uint16_t size, count;
    };
    static std::size_t words(std::size_t bytes) { return (bytes + 3) / 4; }
    static std::size_t slot(std::uint64_t hash) { return (hash >> 20) & ((std::size_t{1} << bits) - 2); }
    static constexpr int bits = 13;                            // 128 KiB
    static constexpr std::size_t most_held = std::size_t{1} << 18;  // 1 MiB
    Zeros<Entry> table_;
    std::vector<std::uint32_t> held_;
};

// Adds the ids of pieces of a text. miss(piece, found) puts those of a piece that is not remembered; false: not to be
// remembered.
template <class Miss>
void look_up(std::string_view text, std::span<const Span> pieces, PieceCache& cache, std::vector<std::uint32_t>& ids,
             Tokens& found, Miss miss) {
    constexpr std::size_t group = 32, room = PieceCache::most + 1;  // an entry is copied with its count
    const PieceCache::Table table = cache.table();
    PieceCache::Key keys[group];
    const PieceCache::Entry* pairs[group];  // where a piece may be; null: it is too long
    std::size_t written = ids.size();
    ids.resize(written + pieces.size() * room);
    for (std::size_t done = 0; done < pieces.size(); done += group) {
        const std::size_t count = std::min(group, pieces.size() - done);
        auto put = [&](const std::uint32_t* made, std::size_t size, std::size_t i) {
            const std::size_t wanted = written + size + (pieces.size() - done - i) * room;
            if (wanted > ids.size()) ids.resize(wanted);
            std::copy_n(made, size, ids.begin() + static_cast<std::ptrdiff_t>(written));
            written += size;
        };
        for (std::size_t i = 0; i < count; ++i) {
            const Span piece = pieces[done + i];
            pairs[i] = nullptr;
            if (piece.size() > PieceCache::longest) continue;
            keys[i] = piece.start + PieceCache::reads <= text.size()
                          ? PieceCache::wide_key(text.data() + piece.start, piece.size())
                          : PieceCache::key(text.substr(piece.start, piece.size()));
            pairs[i] = table.pair(keys[i]);
            __builtin_prefetch(pairs[i]);
        }
        for (std::size_t i = 0; i < count; ++i) {
            if (const auto* known = pairs[i] ? table.find(pairs[i], keys[i]) : nullptr) {
                if (known->count <= PieceCache::most) {
                    std::memcpy(ids.data() + written, known->ids, sizeof(std::uint32_t) * room);
                    written += known->count;
                    continue;
                }
                if (const auto* row = cache.row(*known)) {
                    put(row, known->count, i);
                    continue;
                }
            }
            const Span piece = pieces[done + i];
            found.ids.clear();
            const bool plain = miss(text.substr(piece.start, piece.size()), found);
            const auto& made = found.ids;
            if (pairs[i] && plain) cache.add(keys[i], made);
            put(made.data(), made.size(), i);
        }
    }
    ids.resize(written);
}

}  // namespace bearhug
