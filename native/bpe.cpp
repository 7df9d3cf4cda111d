#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
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
        const std::size_t cells = std::bit_ceil(merges * 2 + 16);
        cells_ = ZeroedTable<Cell>(cells);
        shift_ = std::countl_zero(cells) + 1;
        known_.assign(cells / 8 + 1, 0);
    }
    // False: the pair had another merge, which counts no longer.
    bool set(std::uint32_t left, std::uint32_t right, Merge merge) {
        const std::uint64_t hash = hash_of(left, right);
        known_[hash >> (shift_ - 3) >> 6] |= std::uint64_t{1} << (hash >> (shift_ - 3) & 63);
        Cell& cell = cells_[find(hash, left, right)];
        const bool is_new = !cell.holds();
        cell = {left, right, ~merge.rank, merge.id};
        return is_new;
    }
    Merge get(std::uint32_t left, std::uint32_t right) const {
        const std::uint64_t hash = hash_of(left, right);
        // Most pairs have no merge: a few bits, which stay in the processor's cache, say so.
        if (!(known_[hash >> (shift_ - 3) >> 6] >> (hash >> (shift_ - 3) & 63) & 1)) return {};
        const Cell& cell = cells_[find(hash, left, right)];
        return {~cell.not_rank, cell.id};
    }

    void prefetch(std::uint32_t left, std::uint32_t right) const {
        __builtin_prefetch(&cells_[hash_of(left, right) >> shift_]);
    }
    void prefetch_get(std::uint32_t left, std::uint32_t right) const {
        const std::uint64_t hash = hash_of(left, right);
        __builtin_prefetch(&known_[hash >> (shift_ - 3) >> 6]);
        __builtin_prefetch(&cells_[hash >> shift_]);
    }

 private:
    struct Cell {
        std::uint32_t left, right;
        std::uint32_t not_rank, id;  // the rank's bits turned over, so that there is none in a new cell
        bool holds() const { return not_rank != 0; }
    };
    static std::uint64_t hash_of(std::uint32_t left, std::uint32_t right) {
        const std::uint64_t hash = (std::uint64_t{left} << 32 | right) * 0x9E3779B97F4A7C15u;
        return (hash ^ hash >> 32) * 0xD6E8FEB86659FD93u;
    }
    std::size_t find(std::uint64_t hash, std::uint32_t left, std::uint32_t right) const {
        std::size_t at = hash >> shift_;
        while (cells_[at].holds() && (cells_[at].left != left || cells_[at].right != right))
            at = (at + 1) & (cells_.size() - 1);
        return at;
    }
    ZeroedTable<Cell> cells_;
    std::vector<std::uint64_t> known_;  // eight bits a cell
    int shift_ = 0;
};

// The short pieces that are one token: a table made at once, which is never written to again.
class WholePieces {
 public:
    explicit WholePieces(std::size_t count) : cells_(std::bit_ceil(count + count / 2 + 16)) {
        shift_ = std::countl_zero(cells_.size()) + 1;
    }
    // Added some calls later, when its place has come from memory.
    void add_soon(PieceCache::Key key, std::uint32_t id) {
        Cell& soon = soon_[waiting_++ % std::size(soon_)];
        if (waiting_ > std::size(soon_)) add(soon);
        soon = {key, id};
        prefetch(key);
    }
    void finish() {
        for (std::size_t i = 0; i < std::min(waiting_, std::size(soon_)); ++i) add(soon_[i]);
        waiting_ = 0;
    }
    std::uint32_t find(PieceCache::Key key) const {
        for (std::size_t at = slot(key); cells_[at].key.high != 0; at = (at + 1) & (cells_.size() - 1))
            if (cells_[at].key == key) return cells_[at].id;
        return no_id;
    }
    void prefetch(PieceCache::Key key) const { __builtin_prefetch(&cells_[slot(key)]); }

 private:
    struct Cell {
        PieceCache::Key key{0, 0};
        std::uint32_t id = 0;
    };
    std::size_t slot(PieceCache::Key key) const { return PieceCache::hash(key) >> shift_; }
    void add(const Cell& cell) {
        std::size_t at = slot(cell.key);
        while (cells_[at].key.high != 0) at = (at + 1) & (cells_.size() - 1);
        cells_[at] = cell;
    }
    PagedVector<Cell> cells_;
    Cell soon_[16];
    std::size_t waiting_ = 0;
    int shift_;
};

struct Symbol {
    std::uint32_t id, size;  // size in bytes of the piece; 0: merged into the one before
};

struct Link {
    std::int32_t before, behind;
};

struct Candidate {
    std::uint32_t rank, at, id;
    std::uint64_t order() const { return std::uint64_t{rank} << 32 | at; }
    bool operator>(const Candidate& other) const { return order() > other.order(); }
};

// The first of all candidates, again and again. Those of a long run come in a few orders, each ascending: such need no
// heap, only the end of a lane.
class Candidates {
 public:
    void clear() {
        for (auto& lane : lanes_) lane.clear();
        heads_.fill(0);
        fronts_.fill(none);
        heap_.clear();
    }
    void push(const Candidate& candidate) {
        for (std::size_t i = 0; i < lanes; ++i) {
            if (fronts_[i] == none) {
                lanes_[i].assign(1, candidate);
                heads_[i] = 0;
                fronts_[i] = candidate.order();
                return;
            }
            if (lanes_[i].back().order() <= candidate.order()) return lanes_[i].push_back(candidate);
        }
        heap_.push_back(candidate);
        std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    }
    // False: there are no more.
    bool pop(Candidate& first) {
        std::size_t least = 0;
        for (std::size_t i = 1; i < lanes; ++i)
            if (fronts_[i] < fronts_[least]) least = i;
        if (!heap_.empty() && heap_.front().order() < fronts_[least]) {
            std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
            first = heap_.back();
            heap_.pop_back();
            return true;
        }
        if (fronts_[least] == none) return false;
        auto& lane = lanes_[least];
        first = lane[heads_[least]++];
        fronts_[least] = heads_[least] < lane.size() ? lane[heads_[least]].order() : none;
        return true;
    }

 private:
    static constexpr std::size_t lanes = 8;
    static constexpr std::uint64_t none = ~std::uint64_t{0};
    std::array<std::vector<Candidate>, lanes> lanes_;
    std::array<std::size_t, lanes> heads_{};
    std::array<std::uint64_t, lanes> fronts_ = {none, none, none, none};
    std::vector<Candidate> heap_;
};

constexpr std::size_t few = 64;

// Few symbols: look for the best pair again and again.
struct Few {
    // Of the pair that starts at a symbol: its rank and, below it, the symbol's number, so that the least key says
    // both, the first of equal pairs; `no_key`: no such merge.
    std::int32_t keys[few];
    std::uint32_t made[few];                // what that merge makes
    std::uint32_t ids[few], sizes[few];     // the size is 0 of what was merged into the symbol before
    std::uint8_t before[few], behind[few];  // `few`: none
    std::size_t count = 0, end = 0;
    std::size_t merged = few;  // a symbol whose pairs are not known yet; `few`: none

    static constexpr std::int32_t no_key = std::numeric_limits<std::int32_t>::max();
    static constexpr int bits = std::bit_width(few - 1);
    static constexpr std::uint32_t most_merges = no_key >> bits;

    void clear() { count = 0; }
    void put(std::uint32_t id, std::uint32_t size) {
        ids[count] = id;
        sizes[count] = size;
        ++count;
    }
    void pair(std::size_t at, Merge merge) {
        keys[at] = merge.rank == no_id ? no_key : static_cast<std::int32_t>(merge.rank << bits | at);
        made[at] = merge.id;
    }
    // All symbols are put, and all pairs but the last, which is none.
    void link() {
        end = (count + 7) / 8 * 8;
        for (std::size_t i = count == 0 ? 0 : count - 1; i < end; ++i) keys[i] = no_key;
        for (std::size_t i = 0; i < count; ++i) {
            before[i] = static_cast<std::uint8_t>(i == 0 ? few : i - 1);
            behind[i] = static_cast<std::uint8_t>(i + 1 == count ? few : i + 1);
        }
        merged = few;
    }
    // Makes the next merge, and asks for what the one behind it needs. False: there are no more.
    bool step(const MergeTable& table) {
        if (const std::size_t at = merged; at != few) {
            if (behind[at] != few) pair(at, table.get(ids[at], ids[behind[at]]));
            if (before[at] != few) pair(before[at], table.get(ids[before[at]], ids[at]));
        }
        std::int32_t least = no_key;
        for (std::size_t i = 0; i < end; ++i) least = std::min(least, keys[i]);
        if (least == no_key) return false;
        const std::size_t at = static_cast<std::size_t>(least) & (few - 1), gone = behind[at];
        ids[at] = made[at];
        sizes[at] += sizes[gone];
        sizes[gone] = 0;
        keys[gone] = no_key;
        const std::size_t next = behind[at] = behind[gone];
        if (next == few) {
            keys[at] = no_key;
        } else {
            before[next] = static_cast<std::uint8_t>(at);
            table.prefetch_get(ids[at], ids[next]);
        }
        if (before[at] != few) table.prefetch_get(ids[before[at]], ids[at]);
        merged = at;
        return true;
    }
    void read(const Symbol* symbols, std::size_t size, const MergeTable& table) {
        clear();
        for (std::size_t i = 0; i < size; ++i) {
            put(symbols[i].id, symbols[i].size);
            if (i + 1 < size) pair(i, table.get(symbols[i].id, symbols[i + 1].id));
        }
        link();
    }
    void merge(const MergeTable& table) {
        while (step(table)) {
        }
    }
    void give(Tokens& out) const {
        std::uint32_t end = 0;
        for (std::size_t i = 0; i < count; ++i) {
            if (sizes[i] == 0) continue;
            out.ids.push_back(ids[i]);
            if (out.tracking) out.ends.push_back(end += sizes[i]);
        }
    }
};

// A piece that the cache did not have.
struct Missed {
    std::string_view piece;
    PieceCache::Key key;   // of a long one only `low`, its hash
    std::uint32_t at;      // its number
    std::uint32_t found, count;  // its tokens, among those that were found
};

// Pieces that are merged in turn.
constexpr std::size_t lanes = 8;
struct Lane {
    Few symbols;
    Missed* miss;
    bool known;
};

struct BpeWorkspace : Workspace {
    PieceCache cache;
    LongPieceCache long_cache;
    std::vector<Symbol> symbols;
    std::vector<Link> links;
    Candidates candidates;
    std::vector<Candidate> skipped;
    std::vector<Symbol> window, done;  // of many symbols
    std::size_t misses = 0;            // pieces that the cache did not have
    std::string spelled;
    std::vector<Missed> missed;
    std::vector<Lane> lanes;
    Tokens found;  // of the pieces that were missed
    std::minstd_rand random{std::random_device{}()};
};

class Bpe : public Model {
 public:
    Bpe(Vocabulary given, Shared<MadeMerges> merges, BpeSettings settings)
        : settings_(std::move(settings)), made_(std::move(merges)) {
        vocabulary = std::move(given);
        make_table();
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
        if (reads_bytes_) read_byte_pairs();
    }

    ~Bpe() override {
        for (const auto& whole : whole_) delete whole.load();
    }

    std::string_view kind() const override { return "BPE"; }
    bool draws() const override { return drops_; }
    bool reads_bytes() const override { return reads_bytes_; }
    std::uint32_t unk_id() const override { return unk_id_; }
    Size size_of(std::uint32_t id, bool bytes) const override {
        if (affixes_ || drops_ || id == unk_id_) return {};
        if (settings_.byte_fallback && std::ranges::find(fallback_, id) != fallback_.end()) return {};
        const auto token = vocabulary.token(id);
        const std::size_t size = bytes ? unicode::count(token) : token.size();
        return {size, size};
    }
    std::unique_ptr<Workspace> workspace() const override { return std::make_unique<BpeWorkspace>(); }

    void each_merge(const std::function<void(std::string_view, std::string_view)>& visit) const override {
        for (std::uint32_t rank = 0; rank < made_->size(); ++rank)
            if (const auto& [left, right, whole] = (*made_)[rank]; !repeats_ || table_.get(left, right).rank == rank)
                visit(vocabulary.token(left), vocabulary.token(right));
    }

    void tokenize(std::string_view piece, bool bytes, Tokens& out, Workspace& base) const override {
        auto& work = static_cast<BpeWorkspace&>(base);
        if (drops_) {
            read(piece, bytes, work);
            merge_in_order(work.symbols, work);
            return put(work.symbols, out);
        }
        if (piece.size() > worth_cutting && !bytes)
            if (const auto& joined = cuts(); !joined.empty()) return tokenize_cut(piece, joined, out, work);
        tokenize_whole(piece, bytes, out, work);
    }

    // A group of pieces at a time: their places in the cache are asked for while the group before is read. What is not
    // there is put between the others at the end, so that what all of it needs comes from memory at the same time.
    void tokenize(std::string_view text, std::uint32_t start, std::span<const std::uint32_t> ends, bool bytes,
                  Tokens& out, Workspace& base, std::uint32_t* counts) const override {
        if (drops_) return Model::tokenize(text, start, ends, bytes, out, base, counts);
        constexpr std::size_t group = 32;
        auto& work = static_cast<BpeWorkspace&>(base);
        const PieceCache::Table table = work.cache.table();
        const WholePieces* const whole = whole_pieces(bytes, work);
        struct Asked {
            PieceCache::Key keys[group];
            const PieceCache::Entry* pairs[group];  // where a piece may be; null: it is too long
        } asked[2];
        const PieceCache::Entry* entries[group];
        std::uint32_t from = start;
        auto ask = [&](std::size_t done) {
            auto& [keys, pairs] = asked[done / group % 2];
            const std::size_t count = std::min(group, ends.size() - done);
            for (std::size_t i = 0; i < count; ++i) {
                const std::uint32_t end = ends[done + i], size = end - from;
                if (size <= PieceCache::longest) {
                    keys[i] = from + PieceCache::reads <= text.size() ? PieceCache::wide_key(text.data() + from, size)
                                                                      : PieceCache::key(text.substr(from, size));
                    pairs[i] = table.pair(keys[i]);
                    __builtin_prefetch(pairs[i]);
                } else {
                    pairs[i] = nullptr;
                    keys[i].low = LongPieceCache::hash(text.substr(from, size));
                    work.long_cache.prefetch(keys[i].low);
                }
                from = end;
            }
        };
        constexpr std::size_t room = PieceCache::most + 1;  // an entry is copied with its count
        std::size_t written = out.ids.size();
        const std::size_t before = written;
        out.ids.resize(written + ends.size() * room);
        std::uint32_t* first = out.ids.data();
        std::uint32_t* to = first + written;
        work.missed.clear();
        ask(0);
        for (std::size_t done = 0; done < ends.size(); done += group) {
            if (done + group < ends.size()) ask(done + group);
            const auto& [keys, pairs] = asked[done / group % 2];
            const std::size_t count = std::min(group, ends.size() - done);
            std::uint32_t unsure[group];
            std::size_t missing = 0;
            for (std::size_t i = 0; i < count; ++i) {
                entries[i] = pairs[i] ? PieceCache::find_at(pairs[i], keys[i]) : nullptr;
                if (entries[i] || !pairs[i]) continue;
                unsure[missing++] = static_cast<std::uint32_t>(i);
                __builtin_prefetch(table.beside(pairs[i]));
            }
            for (std::size_t which = 0; which < missing; ++which) {
                const std::size_t i = unsure[which];
                entries[i] = PieceCache::find_at(table.beside(pairs[i]), keys[i]);
            }
            for (std::size_t i = 0; i < count; ++i) {
                const auto* entry = entries[i];
                if (entry && entry->count <= PieceCache::most) [[likely]] {
                    std::memcpy(to, entry->ids, sizeof(std::uint32_t) * room);
                    to += entry->count;
                    counts[done + i] = static_cast<std::uint32_t>(to - first);
                    continue;
                }
                const std::size_t at = done + i;
                const std::uint32_t begin = at == 0 ? start : ends[at - 1];
                const std::string_view piece = text.substr(begin, ends[at] - begin);
                const std::span<const std::uint32_t> known =
                    !pairs[i] ? work.long_cache.find(piece, keys[i].low)
                    : entry   ? std::span(work.cache.row(*entry), entry->count)
                              : std::span<const std::uint32_t>{};
                written = static_cast<std::size_t>(to - first);
                if (known.data()) {
                    const std::size_t wanted = written + known.size() + (ends.size() - at) * room;
                    if (wanted > out.ids.size()) out.ids.resize(wanted);
                    first = out.ids.data();
                    to = std::copy_n(known.data(), known.size(), first + written);
                } else {
                    if (whole) whole->prefetch(keys[i]);
                    work.missed.push_back({piece, keys[i], static_cast<std::uint32_t>(at), 0, 0});
                }
                counts[at] = static_cast<std::uint32_t>(to - first);
            }
        }
        out.ids.resize(static_cast<std::size_t>(to - first));
        if (work.missed.empty()) return;
        settle(bytes, whole, work);
        put_between(work, before, ends.size(), out.ids, counts);
    }

 private:
    // Finds the tokens of pieces that the cache did not have. Several are merged in turn, a step of each: what its next
    // step reads comes from memory meanwhile.
    void settle(bool bytes, const WholePieces* whole, BpeWorkspace& work) const {
        work.misses += work.missed.size();
        work.found.ids.clear();
        const PieceCache::Table table = work.cache.table();
        auto keep = [&](Missed& miss, std::span<const std::uint32_t> ids) {
            miss.found = static_cast<std::uint32_t>(work.found.ids.size());
            miss.count = static_cast<std::uint32_t>(ids.size());
            work.found.ids.insert(work.found.ids.end(), ids.begin(), ids.end());
        };
        auto remember = [&](Missed& miss, bool known) {
            const auto ids = std::span(work.found.ids).subspan(miss.found, miss.count);
            if (!known) return;
            if (miss.piece.size() > PieceCache::longest) {
                work.long_cache.add(miss.piece, miss.key.low, ids);
            } else {
                work.cache.add(miss.key, ids);
            }
        };
        // False: there was nothing to merge.
        auto begin = [&](Missed& miss, Lane& lane) {
            const bool is_short = miss.piece.size() <= PieceCache::longest;
            if (is_short) {
                const auto* entry = table.find(table.pair(miss.key), miss.key);  // it was there twice
                const auto* ids = entry && entry->count > PieceCache::most ? work.cache.row(*entry) : nullptr;
                if (entry && entry->count <= PieceCache::most) ids = entry->ids;
                if (ids) return keep(miss, {ids, entry->count}), false;
            } else if (const auto ids = work.long_cache.find(miss.piece, miss.key.low); ids.data()) {
                return keep(miss, ids), false;
            }
            const std::uint32_t id = is_short && whole ? whole->find(miss.key) : find_whole(miss.piece, bytes, work);
            if (id != no_id) {
                keep(miss, std::span(&id, 1));
                remember(miss, true);
                return false;
            }
            lane.miss = &miss;
            const bool may_be_few = made_->size() < Few::most_merges;
            if (bytes && !byte_pairs_.empty() && miss.piece.size() <= few && may_be_few) {
                lane.known = true;
                read_few_bytes(miss.piece, lane.symbols);
                return true;
            }
            lane.known = read(miss.piece, bytes, work);
            if (work.symbols.size() <= few && may_be_few) {
                lane.symbols.read(work.symbols.data(), work.symbols.size(), table_);
                return true;
            }
            merge_many(work);
            miss.found = static_cast<std::uint32_t>(work.found.ids.size());
            put(work.symbols, work.found);
            miss.count = static_cast<std::uint32_t>(work.found.ids.size()) - miss.found;
            remember(miss, lane.known);
            return false;
        };
        auto& missed = work.missed;
        std::size_t next = 0, active = 0;
        std::array<Lane*, lanes> running;
        auto refill = [&](Lane& lane) {
            while (next < missed.size())
                if (begin(missed[next++], lane)) return true;
            return false;
        };
        if (work.lanes.empty()) work.lanes.resize(lanes);
        for (Lane& lane : work.lanes)
            if (refill(lane)) running[active++] = &lane;
        while (active > 0) {
            for (std::size_t i = 0; i < active;) {
                Lane& lane = *running[i];
                if (lane.symbols.step(table_)) {
                    ++i;
                    continue;
                }
                Missed& miss = *lane.miss;
                miss.found = static_cast<std::uint32_t>(work.found.ids.size());
                lane.symbols.give(work.found);
                miss.count = static_cast<std::uint32_t>(work.found.ids.size()) - miss.found;
                remember(miss, lane.known);
                if (!refill(lane)) running[i] = running[--active];
            }
        }
    }

    // What was missed takes its place between the tokens from `before` on, the last first.
    static void put_between(const BpeWorkspace& work, std::size_t before, std::size_t pieces,
                            std::vector<std::uint32_t>& ids, std::uint32_t* counts) {
        std::size_t shift = 0;
        for (const Missed& miss : work.missed) shift += miss.count;
        std::size_t from = ids.size(), piece = pieces;
        ids.resize(ids.size() + shift);
        for (auto miss = work.missed.rbegin(); miss != work.missed.rend(); ++miss) {
            const std::size_t at = miss->at == 0 ? before : counts[miss->at - 1];
            if (from > at)
                std::memmove(ids.data() + at + shift, ids.data() + at, (from - at) * sizeof(std::uint32_t));
            for (std::size_t i = miss->at; i < piece; ++i) counts[i] += static_cast<std::uint32_t>(shift);
            shift -= miss->count;
            std::copy_n(work.found.ids.data() + miss->found, miss->count, ids.data() + at + shift);
            from = at, piece = miss->at;
        }
    }

    void tokenize_whole(std::string_view piece, bool bytes, Tokens& out, BpeWorkspace& work) const {
        const bool remembers = piece.size() <= PieceCache::longest && !(affixes_ && out.tracking);
        PieceCache::Key key{};
        if (remembers) {
            key = PieceCache::key(piece);
            if (const auto ids = work.cache.find(key); ids.data()) return put_remembered(ids, piece, bytes, out);
        }
        const std::size_t first = out.ids.size();
        const bool known = merge(piece, bytes, out, work);
        if (remembers && known) work.cache.add(key, std::span(out.ids).subspan(first));
    }

    // Where no merge ever crosses, a long piece is cut, as whole texts are without a pre-tokenizer: the parts are
    // short, and known. Of the last byte before a place and the character behind it: whether some merge joins such.
    // Empty: a piece must not be cut.
    using Cuts = std::vector<bool>;
    static constexpr std::size_t worth_cutting = 2 * PieceCache::longest;
    static constexpr std::size_t starts = 130, mark = 128, other = 129;  // ASCII, SentencePiece's blank, the rest

    static std::size_t start_of(std::string_view text) {
        const auto first = static_cast<unsigned char>(text[0]);
        if (first < 0x80) return first;
        return text.starts_with("\xE2\x96\x81") ? mark : other;
    }
    static std::size_t place(char before, std::size_t start) {
        return static_cast<unsigned char>(before) * starts + start;
    }

    const Cuts& cuts() const {
        std::call_once(cuts_made_, [&] {
            // Where unknown characters are dropped, their neighbours meet.
            const bool drops_none = settings_.unk_token || (settings_.byte_fallback &&
                                                            std::ranges::find(fallback_, no_id) == fallback_.end());
            if (!affixes_ && !settings_.ignore_merges && drops_none) cuts_ = make_cuts();
        });
        return cuts_;
    }

    Cuts make_cuts() const {
        Cuts joined(256 * starts);
        // What is unknown may be joined with what is unknown, and stands as other texts.
        std::vector<bool> stands_for_another(vocabulary.id_limit());
        for (const auto id : fallback_)
            if (id != no_id) stands_for_another[id] = true;
        if (unk_id_ != no_id) stands_for_another[unk_id_] = true;
        for (std::size_t before = 0; before < 256; ++before) {
            joined[before * starts + other] = true;
            for (std::size_t start = 0; start < mark; ++start)
                if (ascii_ids_[start] == no_id) joined[before * starts + start] = true;
            if (vocabulary.find("\xE2\x96\x81") == no_id) joined[before * starts + mark] = true;
        }
        for (std::size_t rank = 0; rank < made_->size(); ++rank) {
            const auto& [left, right, whole] = (*made_)[rank];
            if (stands_for_another[left] || stands_for_another[right]) return {};
            const auto before = vocabulary.token(left), behind = vocabulary.token(right);
            if (!before.empty() && !behind.empty()) joined[place(before.back(), start_of(behind))] = true;
        }
        return joined;
    }

    void tokenize_cut(std::string_view piece, const Cuts& joined, Tokens& out, BpeWorkspace& work) const {
        std::uint32_t ends[256], counts[256], start = 0;
        std::uint32_t done = 0;  // bytes that have their tokens, as the reference counts them
        const std::size_t first = out.ends.size();
        for (std::size_t at = 1; start < piece.size();) {
            std::size_t count = 0;
            for (; at < piece.size() && count < std::size(ends); ++at)
                if (!unicode::continues(piece[at]) && !joined[place(piece[at - 1], start_of(piece.substr(at)))])
                    ends[count++] = static_cast<std::uint32_t>(at);
            if (count < std::size(ends)) ends[count++] = static_cast<std::uint32_t>(piece.size());
            if (!out.tracking) {
                tokenize(piece, start, {ends, count}, false, out, work, counts);
                start = ends[count - 1];
                continue;
            }
            for (std::size_t i = 0; i < count; start = ends[i++]) {
                const auto from = out.ends.size();
                tokenize_whole(piece.substr(start, ends[i] - start), false, out, work);
                for (auto k = from; k < out.ends.size(); ++k) out.ends[k] += done;
                if (out.ends.size() > first) done = out.ends.back();
            }
        }
    }

    // The token that a piece is, where that is certain without merging.
    std::uint32_t find_whole(std::string_view piece, bool bytes, BpeWorkspace& work) const {
        if (piece.size() <= PieceCache::longest)
            if (const auto* whole = whole_[bytes].load(std::memory_order_acquire))
                return whole->find(PieceCache::key(piece));
        if (!settings_.ignore_merges) return no_id;
        if (!bytes) return vocabulary.find(piece);
        work.spelled.clear();
        for (const char byte : piece) work.spelled += bytes::to_utf8(static_cast<unsigned char>(byte));
        return vocabulary.find(work.spelled);
    }

    // Null as long as too few pieces have been met to be worth it.
    const WholePieces* whole_pieces(bool bytes, BpeWorkspace& work) const {
        const std::size_t worth_it = 500 + vocabulary.size() / 64;
        auto& whole = whole_[bytes];
        if (work.misses >= worth_it)
            std::call_once(whole_made_[bytes], [&] { whole.store(make_whole_pieces(bytes).release()); });
        return whole.load(std::memory_order_acquire);
    }

    std::unique_ptr<WholePieces> make_whole_pieces(bool bytes) const {
        const bool all = settings_.ignore_merges;
        if (affixes_ || (!all && !order().builds_up)) return nullptr;
        auto whole = std::make_unique<WholePieces>(vocabulary.size());
        vocabulary.each([&](std::string_view token, std::uint32_t id) {
            if (!all && !order().reached[id]) return;
            char raw[PieceCache::longest];
            std::size_t size = 0;
            const char* const end = token.data() + token.size();
            for (const char* p = token.data(); p < end; ++size) {
                if (size == PieceCache::longest) return;
                const int byte = !bytes || (*p > ' ' && *p < '\x7F') ? static_cast<unsigned char>(*p++)
                                                                     : bytes::to_byte(unicode::next(p));
                if (byte < 0) return;
                raw[size] = static_cast<char>(byte);
            }
            if (size > 0) whole->add_soon(PieceCache::key({raw, size}), id);
        });
        whole->finish();
        return whole;
    }

    // What follows from the order of the merges, worked out when it is first asked for.
    struct Order {
        // Each merge that is ever made comes after those that make its parts. Then a row of tokens is right when each
        // two neighbours are (Berglund and van der Merwe 2023, arXiv:2309.08715).
        bool builds_up = false;
        std::vector<bool> reached;  // the tokens that their own characters are merged to
    };

    const Order& order() const {
        std::call_once(order_made_, [&] {
            if (!affixes_ && !repeats_ && vocabulary.id_limit() < 1u << 26) order_ = make_order();
            has_order_ = true;
        });
        return order_;
    }

    Order make_order() const {
        constexpr std::int64_t never = std::int64_t{1} << 40, from_the_start = -1;
        struct Last {
            std::int64_t rank = never;  // of the merge that makes the token
            std::uint32_t left = 0, right = 0;
        };
        std::vector<Last> last(vocabulary.id_limit());
        auto starts = [&](std::uint32_t id) {
            if (id != no_id) last[id].rank = from_the_start;
        };
        vocabulary.each([&](std::string_view token, std::uint32_t id) {
            if (token.empty() || unicode::length(static_cast<unsigned char>(token[0])) == static_cast<int>(token.size()))
                starts(id);
        });
        for (const auto id : fallback_) starts(id);
        starts(unk_id_);
        Order order;
        std::vector<std::uint32_t> early;  // merges of parts that do not exist yet
        for (std::uint32_t rank = 0; rank < made_->size(); ++rank) {
            const Made& merge = (*made_)[rank];
            if (last[merge.left].rank >= rank || last[merge.right].rank >= rank) {
                early.push_back(rank);
            } else if (last[merge.whole].rank == never && !is_crossed(merge, last)) {
                last[merge.whole] = {rank, merge.left, merge.right};
            }
        }
        // Such a merge could only be made when both parts exist; by then the whole must have been made another way.
        order.builds_up = std::ranges::all_of(early, [&](std::uint32_t rank) {
            const Made& merge = (*made_)[rank];
            const auto possible = std::max(last[merge.left].rank, last[merge.right].rank);
            return possible == never || last[merge.whole].rank < possible;
        });
        if (!order.builds_up) return order;
        order.reached.resize(last.size());
        for (std::size_t id = 0; id < last.size(); ++id) order.reached[id] = last[id].rank != never;
        return order;
    }

    // Whether something merges across the border of a merge's two parts while they are made: backwards through the
    // merges inside them, the latest first.
    template <class Lasts>
    bool is_crossed(const Made& merge, const Lasts& last) const {
        std::uint32_t left = merge.left, right = merge.right;
        for (;;) {
            const auto at_left = last[left].rank, at_right = last[right].rank;
            if (at_left < 0 && at_right < 0) return false;
            const bool undo_right = at_right >= at_left;  // of equal merges the left one is first
            if (undo_right) {
                right = last[right].left;
            } else {
                left = last[left].right;
            }
            const auto rank = table_.get(left, right).rank;
            if (rank != no_id && (undo_right ? rank <= at_right : rank < at_left)) return true;
        }
    }

    // Adds the tokens of a piece that the cache of short ones does not have. False: some of it is unknown.
    bool merge(std::string_view piece, bool bytes, Tokens& out, BpeWorkspace& work) const {
        const bool is_long = piece.size() > PieceCache::longest && !(affixes_ && out.tracking);
        const std::uint64_t hash = is_long ? LongPieceCache::hash(piece) : 0;
        if (is_long)
            if (const auto ids = work.long_cache.find(piece, hash); ids.data())
                return put_remembered(ids, piece, bytes, out), true;
        if (const std::uint32_t id = find_whole(piece, bytes, work); id != no_id) {
            out.ids.push_back(id);
            if (out.tracking) out.ends.push_back(static_cast<std::uint32_t>(piece.size()));
            return true;
        }
        const std::size_t first = out.ids.size();
        bool known = true;
        if (bytes && !byte_pairs_.empty() && piece.size() <= few && made_->size() < Few::most_merges) {
            Few symbols;
            read_few_bytes(piece, symbols);
            symbols.merge(table_);
            symbols.give(out);
        } else {
            known = read(piece, bytes, work);
            merge_many(work);
            put(work.symbols, out);
        }
        if (is_long && known) work.long_cache.add(piece, hash, std::span(out.ids).subspan(first));
        return known;
    }

    void make_table() {
        const auto& made = *made_;
        table_.reserve(made.size());
        constexpr std::size_t ahead = 16;
        for (std::size_t i = 0; i < std::min(ahead, made.size()); ++i) table_.prefetch(made[i].left, made[i].right);
        for (std::size_t rank = 0; rank < made.size(); ++rank) {
            if (rank + ahead < made.size()) table_.prefetch(made[rank + ahead].left, made[rank + ahead].right);
            const auto [left, right, whole] = made[rank];
            repeats_ |= !table_.set(left, right, {static_cast<std::uint32_t>(rank), whole});
        }
    }

    void read_byte_pairs() {
        if (std::count(byte_ids_.begin(), byte_ids_.end(), no_id) > 0) return;
        byte_pairs_.reserve(std::size_t{1} << 16);
        for (const auto left : byte_ids_)
            for (const auto right : byte_ids_) byte_pairs_.push_back(table_.get(left, right));
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

    // Straight from the bytes of a piece: the merges of two bytes are in a table of their own.
    void read_few_bytes(std::string_view piece, Few& symbols) const {
        symbols.clear();
        const auto* const bytes = reinterpret_cast<const unsigned char*>(piece.data());
        for (std::size_t i = 0; i < piece.size(); ++i) {
            symbols.put(byte_ids_[bytes[i]], 1);
            if (i + 1 < piece.size()) symbols.pair(i, byte_pairs_[bytes[i] * 256u + bytes[i + 1]]);
        }
        symbols.link();
    }

    // Many symbols: a window of them at a time. Where a window's last tokens may still change, the next one starts anew
    // from a token before them, and must find that token again. That is enough where merges build up (see Order).
    void merge_many(BpeWorkspace& work) const {
        auto& symbols = work.symbols;
        if (symbols.size() <= few && made_->size() < Few::most_merges) {
            Few all;
            all.read(symbols.data(), symbols.size(), table_);
            all.merge(table_);
            for (std::size_t i = 0; i < all.count; ++i) symbols[i] = {all.ids[i], all.sizes[i]};
            std::erase_if(symbols, [](const Symbol& symbol) { return symbol.size == 0; });
            return;
        }
        constexpr std::size_t worth_an_order = 512;
        if ((symbols.size() < worth_an_order && !has_order_) || !order().builds_up ||
            made_->size() >= Few::most_merges)
            return merge_in_order(symbols, work);
        auto& window = work.window;
        auto& done = work.done;
        done.clear();
        struct Start {
            std::size_t at = 0, done = 0, size = few;
            Symbol first{no_id, 0};  // what the window before found here
        } start, before;
        std::size_t large = 0;
        for (;;) {
            const std::size_t stop = std::min(start.at + start.size, symbols.size());
            const bool is_last = stop == symbols.size();
            window.assign(symbols.begin() + static_cast<std::ptrdiff_t>(start.at),
                          symbols.begin() + static_cast<std::ptrdiff_t>(stop));
            if (window.size() <= few) {
                Few some;
                some.read(window.data(), window.size(), table_);
                some.merge(table_);
                for (std::size_t i = 0; i < some.count; ++i) window[i] = {some.ids[i], some.sizes[i]};
            } else {
                merge_in_place(window, work);
            }
            if (start.first.id != no_id && (window[0].id != start.first.id || window[0].size != start.first.size)) {
                // This window is too small to see that token, or the one before was too small to see another.
                if (!is_last && start.size <= before.size) {
                    start.size *= 4;
                } else if (before.size < symbols.size()) {
                    before.size *= 4;
                    start = before;
                    done.resize(start.done);
                } else {
                    return merge_in_order(symbols, work);
                }
                continue;
            }
            std::size_t next = window.size();  // the token that the next window starts from
            if (!is_last) {
                next -= window.size() <= few ? few * 5 / 16 : window.size() * 3 / 16;
                while (next > 0 && window[next].size == 0) --next;
            }
            if (next == 0) {
                start.size *= 4;
                continue;
            }
            before = start;
            before.done = done.size();
            for (std::size_t i = 0; i < next; ++i)
                if (window[i].size > 0) done.push_back(window[i]);
            if (is_last) break;
            const bool stays = start.size > few && ++large % 16 != 0;  // what needed a large window is likely to again
            start = {start.at + next, done.size(), stays ? start.size : few, window[next]};
        }
        symbols.swap(done);
    }

    // Many symbols: the first of all candidates again and again, n log n. With dropout (Provilkov et al. 2020,
    // arXiv:1910.13267) a candidate is passed over by chance, until the next one that is not.
    void merge_in_order(std::vector<Symbol>& symbols, BpeWorkspace& work) const {
        merge_in_place(symbols, work);
        std::erase_if(symbols, [](const Symbol& symbol) { return symbol.size == 0; });
    }

    // What is merged into the symbol before has the size 0 then.
    void merge_in_place(std::vector<Symbol>& symbols, BpeWorkspace& work) const {
        auto& links = work.links;
        auto& candidates = work.candidates;
        auto& skipped = work.skipped;
        const auto count = static_cast<std::int32_t>(symbols.size());
        candidates.clear(), skipped.clear(), links.resize(symbols.size());
        for (std::int32_t i = 0; i < count; ++i)
            links[static_cast<std::size_t>(i)] = {i - 1, i + 1 < count ? i + 1 : -1};
        auto push = [&](std::int32_t left, std::int32_t right) {
            if (left < 0 || right < 0) return;
            const Merge merge =
                table_.get(symbols[static_cast<std::size_t>(left)].id, symbols[static_cast<std::size_t>(right)].id);
            if (merge.rank == no_id) return;
            candidates.push({merge.rank, static_cast<std::uint32_t>(left), merge.id});
        };
        for (std::int32_t i = 0; i + 1 < count; ++i) push(i, i + 1);
        std::uniform_real_distribution<float> chance(0, 1);
        for (Candidate top; candidates.pop(top);) {
            if (drops_ && chance(work.random) < *settings_.dropout) {
                skipped.push_back(top);
                continue;
            }
            for (const auto& candidate : skipped) candidates.push(candidate);
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
    }

    static void put(const std::vector<Symbol>& symbols, Tokens& out) {
        std::uint32_t end = 0;
        for (const auto& symbol : symbols) {
            out.ids.push_back(symbol.id);
            end += symbol.size;
            if (out.tracking) out.ends.push_back(end);
        }
    }

    void put_remembered(std::span<const std::uint32_t> ids, std::string_view piece, bool bytes, Tokens& out) const {
        std::size_t end = 0;
        for (const auto id : ids) {
            out.ids.push_back(id);
            if (!out.tracking) continue;
            const auto token = vocabulary.token(id);
            end = std::min(piece.size(), end + (bytes ? unicode::count(token) : token.size()));
            out.ends.push_back(static_cast<std::uint32_t>(end));
        }
    }

    BpeSettings settings_;
    MergeTable table_;
    Shared<MadeMerges> made_;  // by rank
    bool repeats_ = false;    // a pair comes twice among them
    mutable std::once_flag order_made_, cuts_made_;
    mutable Cuts cuts_;
    mutable Order order_;
    mutable std::atomic<bool> has_order_ = false;
    std::vector<Merge> byte_pairs_;  // of two bytes, 256 * left + right; empty where a byte has no token
    std::uint32_t unk_id_ = no_id;
    std::array<std::uint32_t, 256> fallback_{}, byte_ids_{};
    std::array<std::uint32_t, 128> ascii_ids_{};
    bool affixes_ = false, drops_ = false, reads_bytes_ = false;
    mutable std::array<std::once_flag, 2> whole_made_;
    mutable std::array<std::atomic<const WholePieces*>, 2> whole_{};  // of pieces of characters, and of bytes
};

}  // namespace

std::shared_ptr<Model> make_bpe(Vocabulary vocabulary, Shared<MadeMerges> merges, BpeSettings settings) {
    if (settings.dropout && !(*settings.dropout >= 0 && *settings.dropout <= 1))
        throw std::invalid_argument("dropout is " + std::to_string(*settings.dropout) +
                                    "; it is a chance, from 0 to 1.");
    return std::make_shared<Bpe>(std::move(vocabulary), merges, std::move(settings));
}

}  // namespace bearhug
