#include "tokenizer.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <stdexcept>

#include "bytes.hpp"
#include "threads.hpp"

namespace bearhug {

namespace {

// What one thread has encoded: tokens of sequences, one after another.
struct Stream {
    Tokens tokens;
    PagedVector<Span> offsets;
    PagedVector<std::int32_t> words;
    std::vector<std::pair<std::size_t, std::string>>
        texts;  // of added tokens that stand in the text otherwise than in the vocabulary

    void clear() { tokens.ids.clear(), offsets.clear(), words.clear(), texts.clear(); }
    void forget() {
        constexpr std::size_t most = 1 << 20;  // tokens that room is kept for
        if (tokens.ids.capacity() > most || offsets.capacity() > most) *this = {};
    }
};

}  // namespace

// Pieces of short texts that wait for their tokens, so that those of many texts are looked up together.
struct Waiting {
    static constexpr std::size_t enough = 1024;  // pieces that are worth it
    static constexpr std::size_t longest = 2048;  // bytes of a text
    static constexpr std::size_t room = enough + longest + 128;

    std::string text;
    std::size_t pieces = 0;
    std::unique_ptr<std::uint32_t[]> ends = std::make_unique_for_overwrite<std::uint32_t[]>(room);
    std::unique_ptr<std::uint32_t[]> counts = std::make_unique_for_overwrite<std::uint32_t[]>(room);
};

class Bench {
 public:
    explicit Bench(const Model& model) : workspace(model.workspace()) {}
    Waiting waiting;
    std::vector<std::size_t> word_ends;  // in tokens
    std::unique_ptr<Workspace> workspace;
    Draft draft, part;
    Pieces pieces;
    Tokens found;  // of pieces that are tracked
    std::vector<AddedVocabulary::Part> raw_parts, normalized_parts;
    Stream stream;  // of a call that needs only one
};

// What is made when it is first needed. Lazy wait here between calls. Nobody ever waits for the lock: who does not get
// it makes a new bench.
struct Parts::Lazy {
    static constexpr std::size_t most = 16;
    std::mutex mutex;
    std::vector<std::unique_ptr<Bench>> free;
    std::atomic<const DecodingTable*> table = nullptr;
    std::atomic<std::size_t> decoded = 0;
    std::atomic<bool> no_table = false;
    std::atomic<const std::vector<TokenSize>*> sizes[2] = {};  // of pieces of characters, and of bytes
    std::atomic<std::size_t> tracked = 0;                      // bytes of text
    ~Lazy() {
        delete table.load();
        for (const auto& made : sizes) delete made.load();
    }
};

Parts::Parts() : lazy_(std::make_unique<Lazy>()) {}
Parts::~Parts() = default;
Parts::Parts(const Parts& other)
    : model(other.model),
      normalizer(other.normalizer),
      pre_tokenizer(other.pre_tokenizer),
      post_processor(other.post_processor),
      decoder(other.decoder),
      added(other.added),
      lazy_(std::make_unique<Lazy>()) {}

void Parts::forget() {
    delete lazy_->table.exchange(nullptr);
    for (auto& made : lazy_->sizes) delete made.exchange(nullptr);
    lazy_->decoded = 0;
    lazy_->no_table = false;
}

std::unique_ptr<Bench> Parts::take_bench() const {
    const std::unique_lock lock(lazy_->mutex, std::try_to_lock);
    if (lock.owns_lock() && !lazy_->free.empty()) {
        auto bench = std::move(lazy_->free.back());
        lazy_->free.pop_back();
        return bench;
    }
    return std::make_unique<Bench>(*model);
}

void Parts::put_back(std::unique_ptr<Bench> bench) const {
    bench->stream.forget();
    const std::unique_lock lock(lazy_->mutex, std::try_to_lock);
    if (lock.owns_lock() && lazy_->free.size() < Lazy::most) lazy_->free.push_back(std::move(bench));
}

std::pair<std::size_t, std::size_t> share(std::size_t first, std::size_t second, bool is_pair, std::size_t limit,
                                          const Truncation& truncation) {
    const std::size_t total = first + second;
    if (total <= limit) return {first, second};
    if (limit == 0) return {0, 0};
    const std::size_t excess = total - limit;
    auto too_short = [&](const char* which, std::size_t size) {
        return std::invalid_argument(
            "truncation " +
            std::string(truncation.strategy == Truncation::only_first ? "'only_first'" : "'only_second'") +
            " has to take " + std::to_string(excess) + " tokens from the " + which + " sequence, which has " +
            std::to_string(size) + ", to reach max_length=" + std::to_string(truncation.max_length) +
            ".\nUse truncation='longest_first', or a larger max_length.");
    };
    switch (truncation.strategy) {
        case Truncation::only_first:
            if (first <= excess) throw too_short("first", first);
            return {first - excess, second};
        case Truncation::only_second:
            if (!is_pair)
                throw std::invalid_argument(
                    "truncation 'only_second' needs a second sequence, and a text of " + std::to_string(first) +
                    " tokens has none.\nUse truncation=True ('longest_first') for single texts.");
            if (second <= excess) throw too_short("second", second);
            return {first, second - excess};
        case Truncation::longest_first:
            break;
    }
    if (!is_pair) return {limit, 0};
    std::size_t shorter = std::min(first, second);
    std::size_t longer = shorter > limit ? shorter : std::max(shorter, limit - shorter);
    if (shorter + longer > limit) {
        shorter = limit / 2;
        longer = shorter + limit % 2;
    }
    return first > second ? std::pair{longer, shorter} : std::pair{shorter, longer};
}

namespace {

// White space at both ends of a token, in characters; the character for a space in a byte-level vocabulary counts as
// one.
std::pair<std::uint32_t, std::uint32_t> blanks(std::string_view token) {
    auto blank = [](char32_t point) { return point == bytes::to_char(' ') || unicode::is(point, unicode::space); };
    const char* const first = token.data();
    const char* const last = first + token.size();
    std::uint32_t leading = 0, trailing = 0;
    for (const char* p = first; p < last && blank(unicode::next(p));) ++leading;
    for (const char* p = last; p > first && blank(unicode::previous(p));) ++trailing;
    return {leading, trailing};
}

}  // namespace

const std::vector<TokenSize>* Parts::token_sizes(bool bytes, std::size_t met) const {
    auto& sizes = lazy_->sizes[bytes];
    if (const auto* made = sizes.load(std::memory_order_acquire)) return made;
    if (lazy_->tracked.fetch_add(met, std::memory_order_relaxed) + met < id_limit()) return nullptr;
    auto made = std::make_unique<std::vector<TokenSize>>(std::min<std::size_t>(id_limit(), std::size_t{1} << 22));
    for (std::uint32_t id = 0; id < made->size(); ++id) {
        const auto text = token(id);
        if (!text) continue;
        TokenSize& size = (*made)[id];
        const auto [leading, trailing] = blanks(*text);
        if (leading < 255 && trailing < 255)
            size.leading = static_cast<std::uint8_t>(leading), size.trailing = static_cast<std::uint8_t>(trailing);
        if (!model->vocabulary.has(id) || added.shows_otherwise(id)) continue;
        const auto [first, later] = model->size_of(id, bytes);
        size.first = static_cast<std::uint8_t>(first < 256 ? first : 0);
        size.later = static_cast<std::uint8_t>(later < 256 ? later : 0);
    }
    const std::vector<TokenSize>* other = nullptr;  // another thread may have been first
    if (sizes.compare_exchange_strong(other, made.get())) return made.release();
    return other;
}

namespace {

class Encoder {
 public:
    Encoder(const Parts& parts, const Options& options, Bench& bench, Stream& out)
        : parts_(parts), options_(options), bench_(bench), out_(out) {
        out.tokens.tracking = options.tracking;
        if (parts.pre_tokenizer) {
            const auto scan = parts.pre_tokenizer->only_scans();
            if (!scan.cutters.empty() && (!scan.bytes || parts.model->reads_bytes())) scan_ = scan;
        }
        // Metaspace may ask whether a piece stands at the very start of the input.
        draft_tracks_ = options.tracking || parts.reads_origins();
    }

    // Texts may wait for one another from now on: word_ends gets where each that was marked ends, until finish().
    void let_wait() {
        waits_ = !scan_.cutters.empty() && !options_.tracking;
        bench_.word_ends.clear();
        settled_ = 0;
    }
    bool wants_more() const {
        const Waiting& waiting = bench_.waiting;
        return waits_ && waiting.pieces < Waiting::enough && bench_.word_ends.size() < Waiting::enough &&
               out_.tokens.ids.size() < Waiting::enough;
    }
    void mark() {
        bench_.word_ends.push_back(bench_.waiting.pieces > 0 ? bench_.waiting.pieces : out_.tokens.ids.size());
        if (bench_.waiting.pieces == 0) settled_ = bench_.word_ends.size();
    }
    void finish() {
        Waiting& waiting = bench_.waiting;
        if (waiting.pieces == 0) return;
        parts_.model->tokenize(waiting.text, 0, {waiting.ends.get(), waiting.pieces}, scan_.bytes, out_.tokens,
                               *bench_.workspace, waiting.counts.get());
        for (; settled_ < bench_.word_ends.size(); ++settled_)
            bench_.word_ends[settled_] = waiting.counts[bench_.word_ends[settled_] - 1];
        waiting.text.clear();
        waiting.pieces = 0;
    }

    // The tokens that the next texts have: where they tell how much of the text they take, nothing is looked up.
    void know(std::span<const std::uint32_t> ids) {
        known_ = ids;
        known_from_ = out_.tokens.ids.size();
    }

    // Encodes one text; word: the number of the pre-split word that it is, -1: it is no such word.
    void encode(std::string_view text, std::int32_t word) {
        if (text.size() >= no_id) throw std::invalid_argument("a text of 4 GiB or more; split it into smaller ones.");
        unicode::CodePoints points(options_.tracking ? text : std::string_view{});
        points_ = &points;
        fixed_word_ = word;
        word_ = 0;
        if (!parts_.added.cut(text, false, options_.split_special_tokens, bench_.raw_parts)) {
            segment(text, 0);
            return;
        }
        for (std::size_t i = 0; i < bench_.raw_parts.size(); ++i) {
            const auto part = bench_.raw_parts[i];
            const auto here = text.substr(part.span.start, part.span.size());
            if (part.id == no_id) {
                segment(here, part.span.start);
            } else {
                put_added(part.id, here, part.span);
            }
        }
    }

 private:
    void segment(std::string_view text, std::uint32_t base) {
        if (text.empty()) return;
        Draft& draft = bench_.draft;
        draft.start(text, base, draft_tracks_);
        if (parts_.normalizer) parts_.normalizer->apply(draft);
        if (!parts_.added.cut(draft.text(), true, options_.split_special_tokens, bench_.normalized_parts)) {
            pieces(draft);
            return;
        }
        for (std::size_t i = 0; i < bench_.normalized_parts.size(); ++i) {
            const auto part = bench_.normalized_parts[i];
            if (part.id == no_id) {
                bench_.part.start(draft, part.span);
                pieces(bench_.part);
            } else {
                put_added(part.id, draft.text().substr(part.span.start, part.span.size()),
                          options_.tracking ? draft.origin(part.span) : Span{});
            }
        }
    }

    void pieces(Draft& draft) {
        const auto size = static_cast<std::uint32_t>(draft.text().size());
        if (size == 0) return;
        if (!scan_.cutters.empty()) {
            Waiting& waiting = bench_.waiting;
            std::uint32_t* const ends = waiting.ends.get();
            if (waits_ && size <= Waiting::longest) {
                if (waiting.pieces >= Waiting::enough) finish();
                const auto start = waiting.text.size();
                waiting.text += draft.text();
                const char* const first = waiting.text.data();
                Cut cut(scan_.cutters, first, first + start, first + waiting.text.size());
                while (const auto count = cut.next(ends + waiting.pieces, Waiting::room - waiting.pieces))
                    waiting.pieces += count;
                return;
            }
            finish();
            const char* const first = draft.text().data();
            std::uint32_t start = 0;
            Cut cut(scan_.cutters, first, first, first + size);
            while (const auto count = cut.next(ends, Waiting::enough)) {
                if (!options_.tracking) {
                    parts_.model->tokenize(draft.text(), start, {ends, count}, scan_.bytes, out_.tokens,
                                           *bench_.workspace, waiting.counts.get());
                    start = ends[count - 1];
                    continue;
                }
                auto& spans = bench_.pieces.spans;
                spans.resize(count);
                const std::uint32_t begin = start;
                for (std::size_t i = 0; i < count; start = ends[i++]) spans[i] = {start, ends[i]};
                track(draft, spans, scan_.bytes, [&](Tokens& out, Workspace& work) {
                    parts_.model->tokenize(draft.text(), begin, {ends, count}, scan_.bytes, out, work,
                                           waiting.counts.get());
                });
            }
            return;
        }
        Pieces& pieces = bench_.pieces;
        pieces.spans.assign(1, {0, size});
        pieces.bytes = false;
        if (parts_.pre_tokenizer) parts_.pre_tokenizer->split(draft, pieces);
        if (pieces.bytes && !parts_.model->reads_bytes()) spell_bytes(draft, pieces);
        if (!options_.tracking)
            return parts_.model->tokenize(draft.text(), std::span<const Span>(pieces.spans), pieces.bytes, out_.tokens,
                                          *bench_.workspace);
        constexpr std::size_t group = 128;
        for (std::size_t done = 0; done < pieces.spans.size(); done += group) {
            const std::span<const Span> spans(pieces.spans.data() + done, std::min(group, pieces.spans.size() - done));
            track(draft, spans, pieces.bytes, [&](Tokens& out, Workspace& work) {
                parts_.model->tokenize(draft.text(), spans, pieces.bytes, out, work);
            });
        }
    }

    // The tokens of many pieces at once; of a piece whose tokens do not say how much of the text they take, by itself.
    template <class Tokenize>
    void track(const Draft& draft, std::span<const Span> spans, bool bytes, Tokenize tokenize) {
        if (spans.empty()) return;
        const auto* sizes = parts_.token_sizes(bytes, spans.back().end - spans.front().start);
        if (sizes && !parts_.model->draws()) {
            const bool may_drop = parts_.model->may_drop(bytes);
            auto& ids = out_.tokens.ids;
            std::span<const std::uint32_t> given = known_;
            if (const std::size_t passed = ids.size() - known_from_; passed < known_.size() && !may_drop) {
                given = known_.subspan(passed);
            } else {
                bench_.found.ids.clear();
                tokenize(bench_.found, *bench_.workspace);
                given = bench_.found.ids;
            }
            while (!spans.empty()) {
                const std::size_t first = ids.size();
                const std::size_t measured = measure(spans, *sizes, given);
                const std::size_t count = out_.offsets.size() - first;
                if (may_drop && (measured < spans.size() || count < given.size())) {
                    out_.offsets.resize(first), out_.words.resize(first);
                    break;
                }
                ids.insert(ids.end(), given.begin(), given.begin() + static_cast<std::ptrdiff_t>(count));
                if (measured > 0) place(draft, first, spans.first(measured));
                word_ += static_cast<std::int32_t>(measured);
                spans = spans.subspan(measured);
                given = given.subspan(count);
                if (spans.empty()) return;
                piece(draft, spans[0], bytes);
                spans = spans.subspan(1);
                given = given.subspan(std::min(given.size(), ids.size() - first - count));
            }
        }
        for (const auto& span : spans) piece(draft, span, bytes);
    }

    // Which bytes of the draft the tokens take, and of which word they are, of as many pieces as say it.
    std::size_t measure(std::span<const Span> spans, const std::vector<TokenSize>& sizes,
                        std::span<const std::uint32_t> ids) {
        const std::size_t first = out_.offsets.size();
        const std::size_t most = std::min<std::size_t>(ids.size(), spans.back().end - spans.front().start);
        out_.offsets.resize(first + most), out_.words.resize(first + most);
        Span* const offsets = out_.offsets.data() + first;
        std::int32_t* const words = out_.words.data() + first;
        std::size_t done = 0, pieces = 0;
        for (std::int32_t word = word_; pieces < spans.size(); ++pieces, ++word) {
            const Span span = spans[pieces];
            const std::int32_t number = fixed_word_ >= 0 ? fixed_word_ : word;
            std::size_t i = done;
            for (std::uint32_t at = span.start; at < span.end; ++i) {
                if (i == most || ids[i] >= sizes.size()) break;
                const TokenSize& size = sizes[ids[i]];
                const std::uint32_t taken = at == span.start ? size.first : size.later;
                if (taken == 0 || taken > span.end - at) break;
                offsets[i] = {at, at + taken};
                words[i] = number;
                at += taken;
            }
            if (i == done || offsets[i - 1].end != span.end) break;
            done = i;
        }
        out_.offsets.resize(first + done), out_.words.resize(first + done);
        return pieces;
    }

    // Offsets in the draft's bytes -> in the text's code points.
    void place(const Draft& draft, std::size_t first, std::span<const Span> spans) {
        Span* offset = out_.offsets.data() + first;
        Span* const end = out_.offsets.data() + out_.offsets.size();
        if (!draft.plain()) {
            for (; offset < end; ++offset) *offset = at(draft.origin(*offset));
            return;
        }
        const std::uint32_t start = spans.front().start;
        const auto here = draft.text().substr(start, spans.back().end - start);
        if (points_->ascii() || unicode::is_ascii(here)) {
            const std::uint32_t shift = points_->at(draft.base() + start) - start;
            for (; offset < end; ++offset) offset->start += shift, offset->end += shift;
            return;
        }
        for (; offset < end; ++offset) {
            // A token that starts inside of a character has all of it.
            const std::uint32_t inside = unicode::continues(draft.text()[offset->start]);
            const auto from = points_->at(draft.base() + offset->start) - inside;
            *offset = {from, points_->at(draft.base() + offset->end)};
        }
    }

    void piece(const Draft& draft, Span span, bool bytes) {
        Tokens& tokens = out_.tokens;
        const std::string_view text(draft.text().data() + span.start, span.size());
        if (!options_.tracking) {
            parts_.model->tokenize(text, bytes, tokens, *bench_.workspace);
            return;
        }
        tokens.ends.clear(), tokens.odd.clear();
        const std::size_t first = tokens.ids.size();
        parts_.model->tokenize(text, bytes, tokens, *bench_.workspace);
        std::uint32_t start = span.start;
        for (const auto size : tokens.ends) {
            const std::uint32_t end = std::min(span.start + size, span.end);
            if (end > start) {
                out_.offsets.push_back(at(draft.origin(Span{start, end})));
            } else {
                const auto at = points_->at(draft.origin(std::size_t{span.end} - 1).end);
                out_.offsets.push_back({at, at});
            }
            start = end;
        }
        const std::size_t texts = out_.texts.size();
        for (std::size_t i = first; i < tokens.ids.size(); ++i)
            if (parts_.added.shows_otherwise(tokens.ids[i]))
                out_.texts.emplace_back(i, parts_.model->vocabulary.token(tokens.ids[i]));
        for (const auto& odd : tokens.odd) {
            const Span here{span.start + odd.start, span.start + odd.end};
            out_.offsets[out_.offsets.size() - tokens.ends.size() + odd.at - first] = at(draft.origin(here));
            if (odd.own_text) out_.texts.emplace_back(odd.at, draft.text().substr(here.start, here.size()));
        }
        std::stable_sort(out_.texts.begin() + static_cast<std::ptrdiff_t>(texts), out_.texts.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
        put_words(tokens.ends.size());
    }

    void put_added(std::uint32_t id, std::string_view text, Span origin) {
        finish();
        if (options_.tracking) {
            if (parts_.token(id) != text) out_.texts.emplace_back(out_.tokens.ids.size(), text);
            out_.offsets.push_back(at(origin));
            put_words(1);
        }
        out_.tokens.ids.push_back(id);
    }

    Span at(Span bytes) {
        const auto start = points_->at(bytes.start);
        return {start, points_->at(bytes.end)};
    }

    void put_words(std::size_t count) {
        out_.words.insert(out_.words.end(), count, fixed_word_ >= 0 ? fixed_word_ : word_);
        ++word_;
    }

    const Parts& parts_;
    const Options& options_;
    Bench& bench_;
    Stream& out_;
    PreTokenizer::Scan scan_;
    bool draft_tracks_ = false;
    bool waits_ = false;
    std::size_t settled_ = 0;  // word ends that are counted in tokens, not in pieces that wait
    std::span<const std::uint32_t> known_;
    std::size_t known_from_ = 0;  // where the first of them is or will be
    unicode::CodePoints* points_ = nullptr;
    std::int32_t fixed_word_ = -1, word_ = 0;
};

struct Extent {
    std::size_t begin = 0, end = 0;
    std::size_t size() const { return end - begin; }
};

struct Sequences {
    Extent first, second;
};

// The extent cut to windows of at most `most` tokens: first the one that is kept, then those that overflow.
void windows(Extent whole, std::size_t most, const Truncation& truncation, std::vector<Extent>& out) {
    out.clear();
    const std::size_t size = whole.size();
    if (size <= most) {
        out.push_back(whole);
        return;
    }
    if (most == 0) {
        out.push_back({whole.begin, whole.begin});
        out.push_back(whole);
        return;
    }
    if (truncation.stride >= most)
        throw std::invalid_argument("stride=" + std::to_string(truncation.stride) +
                                    " tokens would be repeated in rows that hold only " + std::to_string(most) +
                                    " tokens of the text (max_length=" + std::to_string(truncation.max_length) +
                                    " counts the special tokens too); make stride smaller or max_length larger.");
    const std::size_t step = most - truncation.stride;
    if (truncation.left) {
        for (std::size_t stop = size;; stop -= step) {
            const std::size_t start = stop < most ? 0 : stop - most;
            out.push_back({whole.begin + start, whole.begin + stop});
            if (start == 0) break;
        }
    } else {
        for (std::size_t start = 0;; start += step) {
            const std::size_t stop = std::min(start + most, size);
            out.push_back({whole.begin + start, whole.begin + stop});
            if (stop == size) break;
        }
    }
}

// One row: which window of its sequence each item of the layout holds (item -> index of a window).
using Choice = std::vector<std::size_t>;

constexpr std::size_t most_rows = std::size_t{1} << 22;  // of one sample: more is a mistake, and fills the memory

// The rows of a sample in the reference's order: the kept windows together, then every combination with an overflowing
// one.
void choices(const Layout& layout, std::size_t firsts, std::size_t seconds, bool overflow, std::vector<Choice>& out) {
    Choice main;
    std::vector<Choice> others;
    for (const auto& item : layout.items) {
        const std::size_t count = item.kind == Item::special || !overflow ? 1
                                  : item.kind == Item::first              ? firsts
                                                                          : seconds;
        if (others.size() >= most_rows / std::max<std::size_t>(count, 1))
            throw std::invalid_argument("truncating this text to rows and putting each part of one sequence with each "
                                        "part of the other gives more than " + std::to_string(most_rows) +
                                        " rows; use a larger max_length, or no overflowing tokens.");
        std::vector<Choice> next;
        auto extended = [](Choice choice, std::size_t window) {
            choice.push_back(window);
            return choice;
        };
        for (const auto& other : others)
            for (std::size_t window = 0; window < count; ++window) next.push_back(extended(other, window));
        for (std::size_t window = 1; window < count; ++window) next.push_back(extended(main, window));
        main.push_back(0);
        others.swap(next);
    }
    out.assign(1, main);
    out.insert(out.end(), others.begin(), others.end());
}

void trim(Span& offsets, std::uint32_t leading, std::uint32_t trailing, bool is_first, bool add_prefix_space) {
    if (leading > 0) {
        // A single space before the first word is one that was added, and takes no room in the text.
        if ((is_first || offsets.start == 0) && add_prefix_space && leading == 1) leading = 0;
        offsets.start = std::min(offsets.start + leading, offsets.end);
    }
    if (trailing > 0 && offsets.end >= trailing) offsets.end = std::max(offsets.end - trailing, offsets.start);
}

Run::Kind kind_of(const Item& item) { return item.kind == Item::special && item.masked ? Run::special : Run::text; }

// Puts the rows together out of what the threads have encoded.
class Assembler {
 public:
    Assembler(const Parts& parts, const Options& options)
        : parts_(parts),
          options_(options),
          post_(parts.post_processor ? *parts.post_processor : post_processors::none()) {
        out_.tracked = options.tracking;
        if (options.tracking && post_.trims) sizes_ = parts.token_sizes(parts.model->reads_bytes(), 0);
    }

    void add(std::size_t sample, const Sequences& sequences, bool is_pair, const Stream& stream) {
        const Layout& layout = post_.layout(is_pair, options_.add_special_tokens);
        if (layout.items.size() == 1 && layout.items[0].kind == Item::first && !options_.truncation && !out_.tracked)
            return put_text(layout, sequences.first, sample, stream);
        firsts_.assign(1, sequences.first);
        seconds_.assign(1, sequences.second);
        if (options_.truncation) {
            const auto& truncation = *options_.truncation;
            const std::size_t special = options_.add_special_tokens ? post_.added[is_pair] : 0;
            if (truncation.max_length < special)
                throw std::invalid_argument("max_length=" + std::to_string(truncation.max_length) +
                                            " leaves no room for the " + std::to_string(special) +
                                            " special tokens; use max_length=" + std::to_string(special + 1) +
                                            " or more, or add_special_tokens=False.");
            const auto [first, second] = share(sequences.first.size(), sequences.second.size(), is_pair,
                                               truncation.max_length - special, truncation);
            windows(sequences.first, first, truncation, firsts_);
            windows(sequences.second, second, truncation, seconds_);
        }
        if (!options_.overflow || (firsts_.size() == 1 && seconds_.size() == 1)) {
            put_row(layout, nullptr, sample, stream);
        } else {
            choices(layout, firsts_.size(), seconds_.size(), options_.overflow, choices_);
            for (const auto& choice : choices_) put_row(layout, &choice, sample, stream);
        }
        longest_ = std::max(longest_, main_size_);
    }

    Encoded take() { return std::move(out_); }

    void reserve(std::size_t tokens, std::size_t samples) {
        const std::size_t special = options_.add_special_tokens ? std::max(post_.added[0], post_.added[1]) : 0;
        tokens += samples * special;
        out_.ids.reserve(tokens);
        if (out_.tracked) out_.offsets.reserve(tokens), out_.words.reserve(tokens);
        out_.starts.reserve(samples + 1), out_.samples.reserve(samples), out_.run_starts.reserve(samples + 1);
        out_.runs.reserve(samples * post_.layout(false, options_.add_special_tokens).items.size());
    }

 private:
    // A row that is one text and nothing else.
    void put_text(const Layout& layout, const Extent& text, std::size_t sample, const Stream& stream) {
        const Item& item = layout.items[0];
        const std::size_t size = text.size();
        const std::uint32_t* const ids = stream.tokens.ids.data() + text.begin;
        out_.ids.insert(out_.ids.end(), ids, ids + size);
        out_.runs.push_back({Run::text, layout.unmarked ? std::int8_t{0} : item.sequence, item.type,
                             static_cast<std::uint32_t>(size), 1});
        unmarked_.push_back(layout.unmarked);
        longest_ = std::max(longest_, size);
        end_row(sample);
    }

    void end_row(std::size_t sample) {
        out_.samples.push_back(static_cast<std::int64_t>(sample));
        out_.starts.push_back(static_cast<std::int64_t>(out_.ids.size()));
        out_.run_starts.push_back(static_cast<std::int64_t>(out_.runs.size()));
    }

    void put_row(const Layout& layout, const Choice* choice, std::size_t sample, const Stream& stream) {
        std::size_t size = 0;
        const bool unmarked = layout.unmarked || (layout.overflow_unmarked && choice && (*choice)[0] > 0);
        for (std::size_t i = 0; i < layout.items.size(); ++i) {
            const Item& item = layout.items[i];
            if (item.kind == Item::special) {
                const std::int8_t sequence =
                    choice && (*choice)[item.leader] > 0 ? item.overflow_sequence : item.sequence;
                put_special(item, unmarked ? std::int8_t{0} : sequence);
                size += item.ids.size();
                continue;
            }
            const std::size_t window = choice ? (*choice)[i] : 0;
            const Extent extent = (item.kind == Item::first ? firsts_ : seconds_)[window];
            put_tokens(extent, item.trims, stream);
            size += extent.size();
            const std::int8_t sequence = window == 0 ? item.sequence : item.overflow_sequence;
            out_.runs.push_back({Run::text, unmarked ? std::int8_t{0} : sequence,
                                 window == 0 ? item.type : item.overflow_type,
                                 static_cast<std::uint32_t>(extent.size()),
                                 static_cast<std::uint8_t>(item.kind == Item::first ? 1 : 2)});
        }
        unmarked_.push_back(unmarked);
        const bool is_main = out_.samples.empty() || out_.samples.back() != static_cast<std::int64_t>(sample);
        if (is_main) main_size_ = size;
        end_row(sample);
    }

    void put_special(const Item& item, std::int8_t sequence) {
        for (std::size_t i = 0; i < item.ids.size(); ++i) {
            if (out_.tracked) {
                const auto text = parts_.token(item.ids[i]);
                if (!text || *text != item.tokens[i]) out_.texts[out_.ids.size()] = item.tokens[i];
                out_.offsets.push_back({0, 0});
                out_.words.push_back(-1);
            }
            out_.ids.push_back(item.ids[i]);
        }
        out_.runs.push_back({kind_of(item), sequence, item.type, static_cast<std::uint32_t>(item.ids.size())});
    }

    void put_tokens(Extent extent, const std::vector<Trim>& trims, const Stream& stream) {
        const auto begin = static_cast<std::ptrdiff_t>(extent.begin), end = static_cast<std::ptrdiff_t>(extent.end);
        const std::size_t before = out_.ids.size();
        out_.ids.insert(out_.ids.end(), stream.tokens.ids.begin() + begin, stream.tokens.ids.begin() + end);
        if (!out_.tracked) return;
        out_.offsets.insert(out_.offsets.end(), stream.offsets.begin() + begin, stream.offsets.begin() + end);
        out_.words.insert(out_.words.end(), stream.words.begin() + begin, stream.words.begin() + end);
        auto text = std::lower_bound(stream.texts.begin(), stream.texts.end(), extent.begin,
                                     [](const auto& entry, std::size_t at) { return entry.first < at; });
        for (; text != stream.texts.end() && text->first < extent.end; ++text)
            out_.texts[before + text->first - extent.begin] = text->second;
        for (const auto& [add_prefix_space, leads] : trims) {
            for (std::size_t i = 0; i < extent.size(); ++i) {
                const std::uint32_t id = out_.ids[before + i];
                Span& offsets = out_.offsets[before + i];
                if (sizes_ && out_.texts.empty() && id < sizes_->size() && (*sizes_)[id].leading < 255) {
                    const TokenSize& size = (*sizes_)[id];
                    trim(offsets, size.leading, size.trailing, leads && i == 0, add_prefix_space);
                    continue;
                }
                const auto own = out_.texts.find(before + i);
                const auto [leading, trailing] =
                    blanks(own != out_.texts.end() ? std::string_view(own->second) : parts_.token(id).value_or(""));
                trim(offsets, leading, trailing, leads && i == 0, add_prefix_space);
            }
        }
    }

    const Parts& parts_;
    const Options& options_;
    const PostProcessor& post_;
    Encoded out_;
    std::vector<Extent> firsts_, seconds_;
    std::vector<Choice> choices_;
    std::vector<bool> unmarked_;  // of each row: whether nothing says how far its sequences go
    std::size_t longest_ = 0, main_size_ = 0;
    const std::vector<TokenSize>* sizes_ = nullptr;

    friend class Joiner;
};

// Puts the rows of all threads one behind the other, padded where that is wanted: each thread writes its own.
class Joiner {
 public:
    Joiner(const Parts& parts, const Options& options, std::vector<std::optional<Assembler>>& made)
        : options_(options), made_(made) {
        if (!options.padding) return;
        const Padding& padding = *options.padding;
        for (const auto& one : made) length_ = std::max(length_, one->longest_);
        length_ = padding.length.value_or(length_);
        if (const std::size_t multiple = padding.multiple.value_or(0); multiple > 0)
            length_ = (length_ + multiple - 1) / multiple * multiple;
        own_text_ = options.tracking && parts.token(padding.id) != padding.token;
    }

    Encoded join(std::size_t threads) {
        if (made_.size() == 1 && !options_.padding) return made_[0]->take();
        std::vector<Place> places(1);
        for (const auto& one : made_) {
            Place next = places.back();
            const Encoded& rows = one->out_;
            next.rows += rows.rows(), next.tokens += rows.ids.size(), next.runs += rows.runs.size();
            for (std::size_t row = 0; length_ > 0 && row < rows.rows(); ++row) {
                const std::size_t missing = missing_in(rows, row);
                next.tokens += missing, next.runs += missing > 0;
            }
            places.push_back(next);
        }
        const Place all = places.back();
        out_.tracked = options_.tracking;
        out_.ids.resize(all.tokens);
        if (out_.tracked) out_.offsets.resize(all.tokens), out_.words.resize(all.tokens);
        out_.samples.resize(all.rows), out_.starts.resize(all.rows + 1), out_.run_starts.resize(all.rows + 1);
        out_.runs.resize(all.runs);
        in_threads(made_.size(), threads, [&](std::size_t i, std::size_t) { write(*made_[i], places[i]); });
        for (std::size_t i = 0; out_.tracked && i < made_.size(); ++i) put_texts(*made_[i], places[i]);
        return std::move(out_);
    }

 private:
    struct Place {
        std::size_t rows = 0, tokens = 0, runs = 0;
    };

    std::size_t missing_in(const Encoded& rows, std::size_t row) const {
        const auto size = static_cast<std::size_t>(rows.starts[row + 1] - rows.starts[row]);
        return length_ > size ? length_ - size : 0;
    }

    void write(const Assembler& one, Place at) {
        const Encoded& rows = one.out_;
        auto ids = out_.ids.begin() + static_cast<std::ptrdiff_t>(at.tokens);
        auto runs = out_.runs.begin() + static_cast<std::ptrdiff_t>(at.runs);
        auto offsets = out_.offsets.begin() + static_cast<std::ptrdiff_t>(out_.tracked ? at.tokens : 0);
        auto words = out_.words.begin() + static_cast<std::ptrdiff_t>(out_.tracked ? at.tokens : 0);
        const Padding padding = options_.padding.value_or(Padding{});
        for (std::size_t row = 0; row < rows.rows(); ++row) {
            const std::size_t missing = missing_in(rows, row);
            auto fill = [&] {
                if (missing == 0) return;
                ids = std::fill_n(ids, missing, padding.id);
                if (out_.tracked) {
                    offsets = std::fill_n(offsets, missing, Span{0, 0});
                    words = std::fill_n(words, missing, -1);
                }
                *runs++ = {Run::padding, static_cast<std::int8_t>(one.unmarked_[row] ? 0 : -1), padding.type,
                           static_cast<std::uint32_t>(missing)};
            };
            if (padding.left) fill();
            const auto start = rows.starts[row], end = rows.starts[row + 1];
            ids = std::copy(rows.ids.begin() + start, rows.ids.begin() + end, ids);
            if (out_.tracked) {
                offsets = std::copy(rows.offsets.begin() + start, rows.offsets.begin() + end, offsets);
                words = std::copy(rows.words.begin() + start, rows.words.begin() + end, words);
            }
            runs =
                std::copy(rows.runs.begin() + rows.run_starts[row], rows.runs.begin() + rows.run_starts[row + 1], runs);
            if (!padding.left) fill();
            out_.samples[at.rows + row] = rows.samples[row];
            out_.starts[at.rows + row + 1] = ids - out_.ids.begin();
            out_.run_starts[at.rows + row + 1] = runs - out_.runs.begin();
        }
    }

    void put_texts(const Assembler& one, Place at) {
        const Encoded& rows = one.out_;
        for (std::size_t row = 0; row < rows.rows() && (own_text_ || !rows.texts.empty()); ++row) {
            const std::size_t missing = missing_in(rows, row);
            const bool left = options_.padding && options_.padding->left;
            const auto begin = static_cast<std::size_t>(out_.starts[at.rows + row]);
            const auto start = static_cast<std::size_t>(rows.starts[row]);
            const auto end = static_cast<std::size_t>(rows.starts[row + 1]);
            const std::size_t fill = left ? begin : begin + end - start;
            for (std::size_t i = 0; own_text_ && i < missing; ++i) out_.texts[fill + i] = options_.padding->token;
            const std::size_t tokens = left ? begin + missing : begin;
            for (auto text = rows.texts.lower_bound(start); text != rows.texts.end() && text->first < end; ++text)
                out_.texts[tokens + text->first - start] = text->second;
        }
    }

    const Options& options_;
    std::vector<std::optional<Assembler>>& made_;
    Encoded out_;
    std::size_t length_ = 0;  // of padded rows
    bool own_text_ = false;   // the padding's text is not the vocabulary's
};

// The tokens of a row that were read in its first or second text.
std::span<const std::uint32_t> tokens_of(const Encoded& rows, std::size_t row, std::uint8_t source) {
    auto at = static_cast<std::size_t>(rows.starts[row]);
    for (auto i = rows.run_starts[row]; i < rows.run_starts[row + 1]; ++i) {
        const Run& run = rows.runs[static_cast<std::size_t>(i)];
        if (run.source == source) return {rows.ids.data() + at, run.count};
        at += run.count;
    }
    return {};
}

}  // namespace

Encoded Parts::encode(const Batch& batch, const Options& given, const Encoded* known) const {
    Options options = given;
    options.tracking |= model->draws();       // offsets could not be worked out later
    if (options.truncation) known = nullptr;  // tokens may be missing, or there twice
    std::size_t bytes = 0;
    for (const auto& word : batch.words) bytes += word.size();
    const std::size_t threads = options.threads > 0 ? options.threads : threads_for(bytes);

    // Chunks of samples of about the same size, more than there are threads, so that none waits long for the last.
    std::vector<std::size_t> chunks = {0};
    const std::size_t chunk_bytes = threads > 1 ? bytes / (threads * 4) + 1 : bytes + 1;
    std::size_t filled = 0;
    for (std::size_t i = 0; i < batch.samples.size(); ++i) {
        const auto& sample = batch.samples[i];
        for (auto word = sample.first_begin; word < sample.first_end; ++word) filled += batch.words[word].size();
        for (auto word = sample.second_begin; word < sample.second_end; ++word) filled += batch.words[word].size();
        if (filled >= chunk_bytes) {
            chunks.push_back(i + 1);
            filled = 0;
        }
    }
    if (chunks.back() != batch.samples.size()) chunks.push_back(batch.samples.size());

    const std::size_t count = chunks.size() - 1;
    std::vector<std::optional<Assembler>> assemblers(count);
    in_threads(count, threads, [&](std::size_t chunk, std::size_t) {
        auto bench = take_bench();
        Stream& stream = bench->stream;
        stream.clear();
        Encoder encoder(*this, options, *bench, stream);
        auto encode_words = [&](std::size_t begin, std::size_t end) {
            for (std::size_t word = begin; word < end; ++word) {
                constexpr std::size_t ahead = 8;
                if (word + ahead < batch.words.size()) __builtin_prefetch(batch.words[word + ahead].data());
                encoder.encode(batch.words[word],
                               batch.split_into_words ? static_cast<std::int32_t>(word - begin) : -1);
                encoder.mark();
            }
        };
        Assembler& assembler = assemblers[chunk].emplace(*this, options);
        // Two to four bytes of text make a token; memory that is not used costs nothing.
        assembler.reserve(bytes / 2 / count + 16, chunks[chunk + 1] - chunks[chunk]);
        for (std::size_t i = chunks[chunk]; i < chunks[chunk + 1];) {
            const std::size_t first = i;
            encoder.let_wait();
            do {
                const auto& sample = batch.samples[i];
                if (known) encoder.know(tokens_of(*known, i, 1));
                encode_words(sample.first_begin, sample.first_end);
                if (known) encoder.know(tokens_of(*known, i, 2));
                encode_words(sample.second_begin, sample.second_end);
                ++i;
            } while (i < chunks[chunk + 1] && encoder.wants_more());
            encoder.finish();
            auto word_end = bench->word_ends.begin();
            std::size_t done = 0;
            auto extent = [&](std::size_t words) {
                const std::size_t begin = done;
                if (words > 0) done = *(word_end += static_cast<std::ptrdiff_t>(words) - 1)++;
                return Extent{begin, done};
            };
            for (std::size_t at = first; at < i; ++at) {
                const auto& sample = batch.samples[at];
                Sequences sequences;
                sequences.first = extent(sample.first_end - sample.first_begin);
                sequences.second = extent(sample.second_end - sample.second_begin);
                assembler.add(at, sequences, sample.is_pair, stream);
            }
            stream.clear();
        }
        put_back(std::move(bench));
    });
    if (count == 0) assemblers.emplace_back().emplace(*this, options);
    return Joiner(*this, options, assemblers).join(threads);
}

template <class Put>
void Parts::encode_row(std::string_view text, const Options& options, Bench& bench, Put put) const {
    const auto& post = post_processor ? *post_processor : post_processors::none();
    auto& ids = bench.stream.tokens.ids;
    bench.stream.clear();
    for (const Item& item : post.layout(false, options.add_special_tokens).items) {
        const std::size_t before = ids.size();
        if (item.kind == Item::special) {
            ids.insert(ids.end(), item.ids.begin(), item.ids.end());
        } else {
            Encoder(*this, options, bench, bench.stream).encode(text, -1);
        }
        put(item, static_cast<std::uint32_t>(ids.size() - before));
    }
}

Encoded Parts::encode_one(std::string_view text, const Options& options) const {
    if (model->draws()) return encode({{text}, {{0, 1, 1, 1, false}}}, options);
    auto bench = take_bench();
    Encoded out;
    out.runs.reserve(4);
    encode_row(text, options, *bench, [&](const Item& item, std::uint32_t count) {
        const std::uint8_t source = item.kind == Item::special ? 0 : 1;
        out.runs.push_back({kind_of(item), item.sequence, item.type, count, source});
    });
    const auto& ids = bench->stream.tokens.ids;
    out.ids.assign(ids.begin(), ids.end());
    out.starts = {0, static_cast<std::int64_t>(ids.size())};
    out.run_starts = {0, static_cast<std::int64_t>(out.runs.size())};
    out.samples = {0};
    put_back(std::move(bench));
    return out;
}

Encoded Parts::track_one(std::string_view text, const Options& given, const Encoded& known) const {
    Options options = given;
    options.tracking = true;
    auto bench = take_bench();
    Stream& stream = bench->stream;
    stream.clear();
    Encoder encoder(*this, options, *bench, stream);
    encoder.know(tokens_of(known, 0, 1));
    encoder.encode(text, -1);
    Assembler assembler(*this, options);
    assembler.add(0, {{0, stream.tokens.ids.size()}, {}}, false, stream);
    put_back(std::move(bench));
    return assembler.take();
}

void Parts::encode_ids(std::string_view text, const Options& options,
                       const std::function<void(const std::uint32_t*, std::size_t)>& visit) const {
    auto bench = take_bench();
    encode_row(text, options, *bench, [](const Item&, std::uint32_t) {});
    visit(bench->stream.tokens.ids.data(), bench->stream.tokens.ids.size());
    put_back(std::move(bench));
}

void Parts::each_piece(std::string_view text,
                       const std::function<void(std::string_view piece, bool bytes)>& visit) const {
    if (text.size() >= no_id) throw std::invalid_argument("a text of 4 GiB or more; split it into smaller ones.");
    if (const auto scan = pre_tokenizer ? pre_tokenizer->only_scans() : PreTokenizer::Scan{};
        !scan.cutters.empty() && !normalizer) {
        std::uint32_t ends[256], start = 0;
        Cut cut(scan.cutters, text.data(), text.data(), text.data() + text.size());
        while (const auto count = cut.next(ends, std::size(ends)))
            for (std::size_t i = 0; i < count; start = ends[i++])
                visit(text.substr(start, ends[i] - start), scan.bytes);
        return;
    }
    auto bench = take_bench();
    Draft& draft = bench->draft;
    draft.start(text, 0, reads_origins());
    if (normalizer) normalizer->apply(draft);
    if (!draft.text().empty()) {
        Pieces& pieces = bench->pieces;
        pieces.spans.assign(1, {0, static_cast<std::uint32_t>(draft.text().size())});
        pieces.bytes = false;
        if (pre_tokenizer) pre_tokenizer->split(draft, pieces);
        for (const auto& span : pieces.spans) visit(draft.text().substr(span.start, span.size()), pieces.bytes);
    }
    put_back(std::move(bench));
}

bool Parts::reads_origins() const {
    if (pre_tokenizer && pre_tokenizer->reads_origins_of_rewritten()) return true;
    return normalizer && (normalizer->reads_origins() || (pre_tokenizer && pre_tokenizer->reads_origins()));
}

std::optional<std::string_view> Parts::token(std::uint32_t id) const {
    if (const auto* token = added.token(id)) return added.shown(*token, id);
    if (model->vocabulary.has(id)) return model->vocabulary.token(id);
    return std::nullopt;
}

std::uint32_t Parts::find(std::string_view token) const {
    const std::uint32_t id = added.find(token);
    return id != no_id ? id : model->vocabulary.find(token);
}

std::size_t Parts::size(bool with_added) const { return model->size() + (with_added ? added.outside(*model) : 0); }

std::uint32_t Parts::id_limit() const {
    return std::max(model->vocabulary.id_limit(), added.tokens().empty() ? 0 : added.tokens().rbegin()->first + 1);
}

void Parts::refuse(std::uint32_t id) const {
    throw std::invalid_argument("the id " + std::to_string(id) +
                                " belongs to no token of this vocabulary, whose ids run from 0 to " +
                                std::to_string(id_limit() - 1) + "; decode ids that came from this tokenizer.");
}

// The table is made when as much has been decoded as its making is worth. Null: not yet, or there is none.
const DecodingTable* Parts::decoding_table(std::size_t count) const {
    constexpr std::size_t worth = 256;  // ids
    auto& lazy = *lazy_;
    if (const auto* made = lazy.table.load(std::memory_order_acquire)) return made;
    if (lazy.decoded.fetch_add(count, std::memory_order_relaxed) + count < worth || lazy.no_table) return nullptr;
    const auto& all = added.tokens();
    auto next = all.begin();
    auto made =
        DecodingTable::make(decoder, id_limit(), size(true), [&](std::uint32_t id) -> std::optional<DecodingTable::Known> {
            if (next != all.end() && next->first == id) {
                const auto& token = (next++)->second;
                const auto shown = added.shown(token, id);
                return DecodingTable::Known{shown, token.special && shown == token.content};
            }
            if (!model->vocabulary.has(id)) return std::nullopt;
            return DecodingTable::Known{model->vocabulary.token(id), false};
        });
    if (!made) {
        lazy.no_table = true;
        return nullptr;
    }
    const DecodingTable* other = nullptr;  // another thread may have been first
    if (lazy.table.compare_exchange_strong(other, made.get())) return made.release();
    return other;
}

bool Parts::decode(const std::uint32_t* ids, std::size_t count, bool skip_special_tokens, TextBuffer& out) const {
    const auto* table = decoding_table(count);
    if (!table) return decode_one_by_one(ids, count, skip_special_tokens, out);
    std::uint32_t unknown = no_id;
    bool is_ascii = false;
    if (!table->decode(ids, count, skip_special_tokens, out, is_ascii, unknown)) refuse(unknown);
    return is_ascii;
}

bool Parts::decode_one_by_one(const std::uint32_t* ids, std::size_t count, bool skip_special_tokens,
                              TextBuffer& out) const {
    std::vector<std::string> tokens;
    for (std::size_t i = 0; i < count; ++i) {
        const auto* known = added.token(ids[i]);
        const auto token = this->token(ids[i]);
        // Where the normalizer changes a special token, the reference does not know it again.
        if (known && known->special && skip_special_tokens && *token == known->content) continue;
        if (!token) refuse(ids[i]);
        tokens.emplace_back(*token);
    }
    if (decoder) decoder->apply(tokens);
    const std::size_t start = out.size();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (!decoder && i > 0) out.append(" ");
        out.append(tokens[i]);
    }
    return unicode::is_ascii(out.from(start));
}

}  // namespace bearhug
