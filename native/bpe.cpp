#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <queue>
#include <random>
#include <stdexcept>

#include "bytes.hpp"
#include "model.hpp"
#include "pages.hpp"
#include "unicode.hpp"

namespace bearhug {
namespace {

struct Merge {
    std::uint32_t rank = no_id, id = no_id;
};

// (left id, right id) -> the merge of the two.
class MergeTable {
 public:
    void reserve(std::size_t merges) {
        cells_.assign(std::bit_ceil(merges * 2 + 16), {});
        mask_ = cells_.size() - 1;
    }
    void set(std::uint32_t left, std::uint32_t right, Merge merge) { cells_[find(left, right)] = {left, right, merge}; }
    Merge get(std::uint32_t left, std::uint32_t right) const { return cells_[find(left, right)].merge; }

    void prefetch(std::uint32_t left, std::uint32_t right) const { __builtin_prefetch(&cells_[slot(left, right)]); }

    template <class Visit>
    void each(Visit visit) const {
        for (const auto& cell : cells_)
            if (cell.merge.rank != no_id) visit(cell.left, cell.right, cell.merge);
    }

 private:
    struct Cell {
        std::uint32_t left = no_id, right = no_id;
        Merge merge;
    };
    std::size_t slot(std::uint32_t left, std::uint32_t right) const {
        const std::uint64_t hash = (std::uint64_t{left} << 32 | right) * 0x9E3779B97F4A7C15u;
        return (hash ^ hash >> 32) & mask_;
    }
    std::size_t find(std::uint32_t left, std::uint32_t right) const {
        std::size_t at = slot(left, right);
        while (cells_[at].merge.rank != no_id && (cells_[at].left != left || cells_[at].right != right))
            at = (at + 1) & mask_;
        return at;
    }
    PagedVector<Cell> cells_;
    std::size_t mask_ = 0;
};

struct Symbol {
    std::uint32_t id, size;  // size in bytes of the piece; 0: merged into the one before
};

struct Link {
    std::int32_t before, behind;
};

struct Candidate {
    std::uint32_t rank, at, id;
    bool operator>(const Candidate& other) const { return rank != other.rank ? rank > other.rank : at > other.at; }
};

struct BpeWorkspace : Workspace {
    PieceCache cache;
    std::vector<Symbol> symbols;
    std::vector<Merge> pairs;
    std::vector<Link> links;
    std::vector<Candidate> heap, skipped;
    std::string spelled;
    Tokens found;  // of a piece that the cache did not have
    std::minstd_rand random{std::random_device{}()};
};

class Bpe : public Model {
 public:
    Bpe(Vocabulary given, const Merges& merges, BpeSettings settings) : settings_(std::move(settings)) {
        vocabulary = std::move(given);
        read_merges(merges);
        if (settings_.unk_token) unk_id_ = vocabulary.find(*settings_.unk_token);
        for (int byte = 0; byte < 256; ++byte) {
            char code[8];
            std::snprintf(code, sizeof code, "<0x%02X>", static_cast<unsigned>(byte));
            const auto at = static_cast<std::size_t>(byte);
            fallback_[at] = vocabulary.find(code);
            byte_ids_[at] = vocabulary.find(bytes::to_utf8(static_cast<unsigned char>(byte)));
            if (byte < 128) ascii_ids_[at] = vocabulary.find(std::string(1, static_cast<char>(byte)));
        }
        const bool plain = !settings_.continuing_subword_prefix && !settings_.end_of_word_suffix;
        affixes_ = !plain;
        drops_ = settings_.dropout.value_or(0) > 0;
        // Where unknown bytes are dropped, what follows gets the offsets of their spelled form: then it must be spelled.
        const bool drops_bytes = !settings_.unk_token && std::ranges::find(byte_ids_, no_id) != byte_ids_.end();
        reads_bytes_ = plain && !settings_.byte_fallback && !drops_bytes;
        if (settings_.ignore_merges && reads_bytes_) {
            std::string raw;
            spelled_.reserve(vocabulary.size(), 0);
            vocabulary.each([&](std::string_view token, std::uint32_t id) {
                if (bytes::unmap(token, raw)) spelled_.add(raw, id);
            });
        }
    }

    std::string_view kind() const override { return "BPE"; }
    bool reads_bytes() const override { return reads_bytes_; }
    std::uint32_t unk_id() const override { return unk_id_; }
    std::unique_ptr<Workspace> workspace() const override { return std::make_unique<BpeWorkspace>(); }

    std::vector<std::pair<std::string, std::string>> merges() const override {
        std::vector<std::pair<std::uint32_t, std::pair<std::string, std::string>>> ranked;
        table_.each([&](std::uint32_t left, std::uint32_t right, Merge merge) {
            ranked.push_back({merge.rank, {std::string(vocabulary.token(left)), std::string(vocabulary.token(right))}});
        });
        std::sort(ranked.begin(), ranked.end());
        std::vector<std::pair<std::string, std::string>> out;
        out.reserve(ranked.size());
        for (auto& [rank, pair] : ranked) out.push_back(std::move(pair));
        return out;
    }

    void tokenize(std::string_view piece, bool bytes, Tokens& out, Workspace& base) const override {
        auto& work = static_cast<BpeWorkspace&>(base);
        if (drops_) {
            read(piece, bytes, work);
            merge_by_heap(work);
            return put(work.symbols, out);
        }
        const bool remembers = piece.size() <= PieceCache::longest && !(affixes_ && out.tracking);
        PieceCache::Key key{};
        if (remembers) {
            key = PieceCache::key(piece);
            if (const std::uint32_t* ids = work.cache.find(key)) return put_remembered(ids, piece, bytes, out);
        }
        const std::size_t first = out.ids.size();
        const bool known = merge(piece, bytes, out, work);
        const std::size_t count = out.ids.size() - first;
        if (remembers && known && count <= PieceCache::most) work.cache.add(key, out.ids.data() + first, count);
    }

    // A group of pieces at a time: all their places in the cache are asked for before the first is read.
    void tokenize(std::string_view text, std::uint32_t start, std::span<const std::uint32_t> ends, bool bytes,
                  Tokens& out, Workspace& base) const override {
        if (drops_) return Model::tokenize(text, start, ends, bytes, out, base);
        constexpr std::size_t group = 32;
        auto& work = static_cast<BpeWorkspace&>(base);
        auto& cache = work.cache;
        cache.open();
        PieceCache::Key keys[group];
        std::uint32_t slots[group];
        std::size_t written = out.ids.size();
        out.ids.resize(written + ends.size() * PieceCache::most);
        for (std::size_t done = 0; done < ends.size(); done += group) {
            const std::size_t count = std::min(group, ends.size() - done);
            std::uint32_t from = start;
            for (std::size_t i = 0; i < count; ++i) {
                const std::uint32_t end = ends[done + i], size = end - from;
                if (size <= PieceCache::longest) {
                    keys[i] = from + PieceCache::reads <= text.size() ? PieceCache::wide_key(text.data() + from, size)
                                                                      : PieceCache::key(text.substr(from, size));
                    slots[i] = static_cast<std::uint32_t>(PieceCache::slot(keys[i]));
                    cache.prefetch(slots[i]);
                } else {
                    slots[i] = no_slot;
                }
                from = end;
            }
            for (std::size_t i = 0; i < count; ++i) {
                const std::uint32_t end = ends[done + i];
                const bool remembers = slots[i] != no_slot;
                if (const auto* ids = remembers ? cache.find(keys[i], slots[i]) : nullptr) {
                    std::memcpy(out.ids.data() + written, ids, sizeof(std::uint32_t) * PieceCache::most);
                    written += 1 + (ids[1] != no_id) + (ids[2] != no_id) + (ids[3] != no_id);
                } else {
                    Tokens& found = work.found;
                    found.ids.clear();
                    const bool known = merge(text.substr(start, end - start), bytes, found, work);
                    if (remembers && known && found.ids.size() <= PieceCache::most)
                        cache.add(keys[i], found.ids.data(), found.ids.size());
                    const std::size_t room = written + found.ids.size() + (ends.size() - done - i) * PieceCache::most;
                    if (room > out.ids.size()) out.ids.resize(room);
                    std::copy(found.ids.begin(), found.ids.end(),
                              out.ids.begin() + static_cast<std::ptrdiff_t>(written));
                    written += found.ids.size();
                }
                start = end;
            }
        }
        out.ids.resize(written);
    }

 private:
    static constexpr std::uint32_t no_slot = ~std::uint32_t{0};  // of a piece that is too long for the cache

    // Adds the tokens of a piece that is not remembered. False: some of it is unknown.
    bool merge(std::string_view piece, bool bytes, Tokens& out, BpeWorkspace& work) const {
        if (settings_.ignore_merges) {
            const std::uint32_t id = (bytes ? spelled_ : vocabulary).find(piece);
            if (id != no_id) {
                out.ids.push_back(id);
                if (out.tracking) out.ends.push_back(static_cast<std::uint32_t>(piece.size()));
                return true;
            }
        }
        const bool known = read(piece, bytes, work);
        if (work.symbols.size() <= 48) {
            merge_by_search(work);
        } else {
            merge_by_heap(work);
        }
        put(work.symbols, out);
        return known;
    }

    void read_merges(const Merges& merges) {
        table_.reserve(merges.size());
        if (merges.empty()) return;
        const std::size_t prefix =
            settings_.continuing_subword_prefix ? settings_.continuing_subword_prefix->size() : 0;
        std::string joined;
        auto known = [&](std::uint32_t id, std::string_view token, std::size_t rank) {
            if (id == no_id)
                throw std::invalid_argument("merge " + std::to_string(rank) + " of the BPE model needs the token '" +
                                            std::string(token) +
                                            "', which its vocabulary does not have; the vocabulary and the merges must "
                                            "come from the same tokenizer.");
            return id;
        };
        if (vocabulary.size() == 0) known(no_id, merges[0].first, 0);
        // Each merge is worked on five times, with others in between, while what it needs comes from memory.
        constexpr std::size_t steps = 8, first = steps, second = 2 * steps, third = 3 * steps, fourth = 4 * steps;
        Vocabulary::Search lefts[fourth], rights[fourth];
        struct Ready {
            std::uint32_t left, right, whole;
        } ready[fourth];
        std::uint32_t guess = 0;  // files name merges in the order of the tokens that they make
        for (std::size_t i = 0; i < merges.size() + fourth; ++i) {
            if (i >= fourth) {
                const std::size_t rank = i - fourth;
                const Ready& made = ready[rank % fourth];
                table_.set(made.left, made.right, {static_cast<std::uint32_t>(rank), made.whole});
            }
            if (i >= third && i - third < merges.size()) {
                const std::size_t rank = i - third;
                const auto [left, right] = merges[rank];
                Ready& made = ready[rank % fourth];
                if (right.size() < prefix)
                    throw std::invalid_argument("merge " + std::to_string(rank) + " of the BPE model, '" +
                                                std::string(left) + " " + std::string(right) +
                                                "', is shorter than continuing_subword_prefix '" +
                                                *settings_.continuing_subword_prefix + "'.");
                made.left = known(lefts[rank % fourth].finish(vocabulary), left, rank);
                made.right = known(rights[rank % fourth].finish(vocabulary), right, rank);
                const auto rest = right.substr(prefix);
                if (vocabulary.is(guess, left, rest)) {
                    made.whole = guess;
                } else if (vocabulary.is(guess + 1, left, rest)) {
                    made.whole = guess + 1;
                } else {
                    joined.assign(left);
                    joined += rest;
                    made.whole = known(vocabulary.find(joined), joined, rank);
                }
                guess = made.whole;
                table_.prefetch(made.left, made.right);
            }
            if (i >= second && i - second < merges.size()) {
                lefts[(i - second) % fourth].fetch_text(vocabulary);
                rights[(i - second) % fourth].fetch_text(vocabulary);
            }
            if (i >= first && i - first < merges.size()) {
                lefts[(i - first) % fourth].fetch_entry(vocabulary);
                rights[(i - first) % fourth].fetch_entry(vocabulary);
            }
            if (i < merges.size()) {
                lefts[i % fourth].start(vocabulary, merges[i].first);
                rights[i % fourth].start(vocabulary, merges[i].second);
            }
        }
    }

    // A piece -> its first symbols. False: some of it is unknown.
    bool read(std::string_view piece, bool bytes, BpeWorkspace& work) const {
        auto& symbols = work.symbols;
        symbols.clear();
        bool known = true;
        Symbol pending{no_id, 0};  // an unknown token that may still grow
        auto add = [&](std::uint32_t id, std::size_t size) {
            if (pending.id != no_id) symbols.push_back(pending);
            pending.id = no_id;
            symbols.push_back({id, static_cast<std::uint32_t>(size)});
        };
        auto unknown = [&](std::string_view text, std::size_t size) {
            known = false;
            if (settings_.byte_fallback && falls_back(text)) {
                for (const char byte : text) symbols.push_back({fallback_[static_cast<unsigned char>(byte)], 1});
                return;
            }
            if (!settings_.unk_token) return;
            if (unk_id_ == no_id)
                throw std::invalid_argument(
                    "'" + std::string(text) + "' is not in the vocabulary, and neither is the BPE model's unk_token '" +
                    *settings_.unk_token + "'; add that token to the vocabulary or set unk_token to one that it has.");
            if (pending.id != no_id && settings_.fuse_unk) {
                pending.size += static_cast<std::uint32_t>(size);
            } else {
                if (pending.id != no_id) symbols.push_back(pending);
                pending = {unk_id_, static_cast<std::uint32_t>(size)};
            }
        };
        if (bytes) {
            for (const char byte : piece) {
                const auto at = static_cast<unsigned char>(byte);
                if (byte_ids_[at] != no_id) {
                    add(byte_ids_[at], 1);
                } else {
                    unknown(bytes::to_utf8(at), 1);
                }
            }
        } else {
            const char* p = piece.data();
            const char* end = p + piece.size();
            while (p < end) {
                const char* start = p;
                p += unicode::length(static_cast<unsigned char>(*p));
                const auto size = static_cast<std::size_t>(p - start);
                std::string_view text(start, size);
                if (affixes_) {
                    work.spelled.clear();
                    if (start != piece.data() && settings_.continuing_subword_prefix)
                        work.spelled += *settings_.continuing_subword_prefix;
                    work.spelled += text;
                    if (p == end && settings_.end_of_word_suffix) work.spelled += *settings_.end_of_word_suffix;
                    text = work.spelled;
                }
                const bool ascii = !affixes_ && size == 1;
                const std::uint32_t id = ascii ? ascii_ids_[static_cast<unsigned char>(*start)] : vocabulary.find(text);
                if (id != no_id) {
                    add(id, size);
                } else {
                    unknown(text, size);
                }
            }
        }
        if (pending.id != no_id) symbols.push_back(pending);
        return known;
    }

    bool falls_back(std::string_view text) const {
        return std::all_of(text.begin(), text.end(),
                           [&](char byte) { return fallback_[static_cast<unsigned char>(byte)] != no_id; });
    }

    // Few symbols: look for the best pair again and again.
    void merge_by_search(BpeWorkspace& work) const {
        auto& symbols = work.symbols;
        auto& pairs = work.pairs;
        std::size_t count = symbols.size();
        if (count < 2) return;
        pairs.resize(count - 1);
        for (std::size_t i = 0; i + 1 < count; ++i) pairs[i] = table_.get(symbols[i].id, symbols[i + 1].id);
        while (count > 1) {
            std::size_t best = 0;
            for (std::size_t i = 1; i + 1 < count; ++i)
                if (pairs[i].rank < pairs[best].rank) best = i;
            if (pairs[best].rank == no_id) break;
            symbols[best] = {pairs[best].id, symbols[best].size + symbols[best + 1].size};
            symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
            pairs.erase(pairs.begin() + static_cast<std::ptrdiff_t>(best));
            --count;
            if (best > 0) pairs[best - 1] = table_.get(symbols[best - 1].id, symbols[best].id);
            if (best + 1 < count) pairs[best] = table_.get(symbols[best].id, symbols[best + 1].id);
        }
    }

    // Many symbols: the candidates in a heap, n log n. With dropout (Provilkov et al. 2020, arXiv:1910.13267) a
    // candidate is passed over by chance, until the next one that is not.
    void merge_by_heap(BpeWorkspace& work) const {
        auto& symbols = work.symbols;
        auto& links = work.links;
        auto& heap = work.heap;
        auto& skipped = work.skipped;
        const auto count = static_cast<std::int32_t>(symbols.size());
        heap.clear(), skipped.clear(), links.resize(symbols.size());
        for (std::int32_t i = 0; i < count; ++i)
            links[static_cast<std::size_t>(i)] = {i - 1, i + 1 < count ? i + 1 : -1};
        auto push = [&](std::int32_t left, std::int32_t right) {
            if (left < 0 || right < 0) return;
            const Merge merge =
                table_.get(symbols[static_cast<std::size_t>(left)].id, symbols[static_cast<std::size_t>(right)].id);
            if (merge.rank == no_id) return;
            heap.push_back({merge.rank, static_cast<std::uint32_t>(left), merge.id});
            std::push_heap(heap.begin(), heap.end(), std::greater<>());
        };
        for (std::int32_t i = 0; i + 1 < count; ++i) push(i, i + 1);
        std::uniform_real_distribution<float> chance(0, 1);
        while (!heap.empty()) {
            std::pop_heap(heap.begin(), heap.end(), std::greater<>());
            const Candidate top = heap.back();
            heap.pop_back();
            if (drops_ && chance(work.random) < *settings_.dropout) {
                skipped.push_back(top);
                continue;
            }
            for (const auto& candidate : skipped) {
                heap.push_back(candidate);
                std::push_heap(heap.begin(), heap.end(), std::greater<>());
            }
            skipped.clear();
            Symbol& left = symbols[top.at];
            const std::int32_t behind = links[top.at].behind;
            if (left.size == 0 || behind < 0) continue;
            Symbol& right = symbols[static_cast<std::size_t>(behind)];
            if (table_.get(left.id, right.id).id != top.id) continue;  // one of the two has been merged since
            left = {top.id, left.size + right.size};
            right.size = 0;
            links[top.at].behind = links[static_cast<std::size_t>(behind)].behind;
            if (links[top.at].behind >= 0)
                links[static_cast<std::size_t>(links[top.at].behind)].before = static_cast<std::int32_t>(top.at);
            push(links[top.at].before, static_cast<std::int32_t>(top.at));
            push(static_cast<std::int32_t>(top.at), links[top.at].behind);
        }
        std::erase_if(symbols, [](const Symbol& symbol) { return symbol.size == 0; });
    }

    static void put(const std::vector<Symbol>& symbols, Tokens& out) {
        std::uint32_t end = 0;
        for (const auto& symbol : symbols) {
            out.ids.push_back(symbol.id);
            end += symbol.size;
            if (out.tracking) out.ends.push_back(end);
        }
    }

    void put_remembered(const std::uint32_t* ids, std::string_view piece, bool bytes, Tokens& out) const {
        std::size_t end = 0;
        for (std::size_t i = 0; i < PieceCache::most && ids[i] != no_id; ++i) {
            out.ids.push_back(ids[i]);
            if (!out.tracking) continue;
            const auto token = vocabulary.token(ids[i]);
            end = std::min(piece.size(), end + (bytes ? unicode::count(token) : token.size()));
            out.ends.push_back(static_cast<std::uint32_t>(end));
        }
    }

    BpeSettings settings_;
    MergeTable table_;
    std::uint32_t unk_id_ = no_id;
    std::array<std::uint32_t, 256> fallback_{}, byte_ids_{};
    std::array<std::uint32_t, 128> ascii_ids_{};
    bool affixes_ = false, drops_ = false, reads_bytes_ = false;
    Vocabulary spelled_;  // with ignore_merges: the bytes that each byte-level token stands for -> its id
};

}  // namespace

std::shared_ptr<Model> make_bpe(Vocabulary vocabulary, const Merges& merges, BpeSettings settings) {
    if (settings.dropout && !(*settings.dropout >= 0 && *settings.dropout <= 1))
        throw std::invalid_argument("dropout is " + std::to_string(*settings.dropout) +
                                    "; it is a chance, from 0 to 1.");
    return std::make_shared<Bpe>(std::move(vocabulary), merges, std::move(settings));
}

}  // namespace bearhug
