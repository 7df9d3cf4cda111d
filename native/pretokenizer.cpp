#include "pretokenizer.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <utility>

#include "bytes.hpp"
#include "graphemes.hpp"

namespace bearhug {

void spell_bytes(Draft& draft, Pieces& pieces) {
    if (!pieces.bytes) return;
    pieces.bytes = false;
    const auto text = draft.text();
    for (auto& span : pieces.spans) {
        const auto start = static_cast<std::uint32_t>(draft.written());
        for (auto i = span.start; i < span.end; ++i) draft.put(bytes::to_utf8(static_cast<unsigned char>(text[i])), i);
        span = {start, static_cast<std::uint32_t>(draft.written())};
    }
    draft.commit();
}

namespace pre_tokenizers {
namespace {

using namespace unicode;

struct Part {
    Span span;
    bool match;
};

// A text cut at its matches -> pieces.
void merge(std::vector<Part>& parts, Behavior behavior, std::vector<Span>& out) {
    auto push = [&](Span span) {
        if (span.start < span.end) out.push_back(span);
    };
    std::vector<Span> merged;
    bool previous = false;
    switch (behavior) {
        case Behavior::removed:
            for (const auto& part : parts)
                if (!part.match) push(part.span);
            return;
        case Behavior::isolated:
            for (const auto& part : parts) push(part.span);
            return;
        case Behavior::contiguous:
            for (const auto& part : parts) {
                if (part.match == previous && !merged.empty()) {
                    merged.back().end = part.span.end;
                } else {
                    merged.push_back(part.span);
                }
                previous = part.match;
            }
            break;
        case Behavior::merged_with_previous:
            for (const auto& part : parts) {
                if (part.match && !previous && !merged.empty()) {
                    merged.back().end = part.span.end;
                } else {
                    merged.push_back(part.span);
                }
                previous = part.match;
            }
            break;
        case Behavior::merged_with_next:
            for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
                if (part->match && !previous && !merged.empty()) {
                    merged.back().start = part->span.start;
                } else {
                    merged.push_back(part->span);
                }
                previous = part->match;
            }
            for (auto span = merged.rbegin(); span != merged.rend(); ++span) push(*span);
            return;
    }
    for (const auto& span : merged) push(span);
}

// The matches in text[within], which `matches` counts from the start of `within` -> the whole of it, part by part.
void cut(Span within, const std::vector<Span>& matches, bool invert, std::vector<Part>& parts) {
    parts.clear();
    std::uint32_t done = within.start;
    for (const auto& match : matches) {
        const Span found{within.start + match.start, within.start + match.end};
        if (found.start > done) parts.push_back({{done, found.start}, invert});
        parts.push_back({found, !invert});
        done = found.end;
    }
    if (done < within.end) parts.push_back({{done, within.end}, invert});
}

// Every character with the property is a match of its own.
void cut_at(std::string_view text, Span within, int property, std::vector<Part>& parts) {
    parts.clear();
    const char* const first = text.data();
    const char* const last = first + within.end;
    std::uint32_t done = within.start;
    for (const char* p = first + within.start; p < last;) {
        const auto start = static_cast<std::uint32_t>(p - first);
        if (!unicode::is(unicode::next(p), property)) continue;
        const auto end = static_cast<std::uint32_t>(p - first);
        if (start > done) parts.push_back({{done, start}, false});
        parts.push_back({{start, end}, true});
        done = end;
    }
    if (done < within.end) parts.push_back({{done, within.end}, false});
}

void cut_all(const Cutter& cutter, std::string_view text, Span within, std::vector<Span>& out) {
    const char* const first = text.data();
    const char* const piece = first + within.start;
    std::uint32_t ends[256];
    for (auto done = within.start; done < within.end;) {
        const auto count = cutter.block(first, piece, first + done, first + within.end, ends, std::size(ends));
        for (std::size_t i = 0; i < count; ++i) {
            out.push_back({done, ends[i]});
            done = ends[i];
        }
    }
}

// One of the patterns that are compiled by hand.
class KnownPattern : public Cutter {
 public:
    explicit KnownPattern(const scan::Pattern* pattern) : pattern_(pattern) {}
    bool is_gpt2() const { return pattern_ == scan::by_name("gpt2"); }
    const char* next(const char*, const char* p, const char* end) const override { return pattern_->next(p, end); }
    std::size_t block(const char* begin, const char*, const char* p, const char* end, std::uint32_t* ends,
                      std::size_t most) const override {
        return pattern_->block(begin, p, end, ends, most);
    }

 private:
    const scan::Pattern* pattern_;
};

// The matches of an expression, and what is between them.
class Matches : public Cutter {
 public:
    explicit Matches(std::shared_ptr<const Expression> expression) : expression_(std::move(expression)) {}
    bool is_gpt2() const { return false; }
    const char* next(const char* piece, const char* p, const char* end) const override {
        const char *start = p, *match_end = nullptr;
        if (!expression_->find(piece, start, match_end, end)) return end;
        return start == p ? match_end : start;
    }
    std::size_t block(const char* begin, const char* piece, const char* p, const char* end, std::uint32_t* ends,
                      std::size_t most) const override {
        std::size_t count = 0;
        auto put = [&](const char* at) { ends[count++] = static_cast<std::uint32_t>(at - begin); };
        while (p < end && count + 2 <= most) {
            const char *start = p, *match_end = nullptr;
            if (!expression_->find(piece, start, match_end, end)) return put(end), count;
            if (start > p) put(start);
            put(match_end);
            p = match_end;
        }
        return count;
    }

 private:
    std::shared_ptr<const Expression> expression_;
};

class ByteLevel : public PreTokenizer {
 public:
    ByteLevel(bool add_prefix_space, bool use_regex) : adds_(add_prefix_space), scans_(use_regex) {}

    bool rewrites() const override { return true; }
    void split(Draft& draft, Pieces& pieces) const override {
        if (adds_) add_spaces(draft, pieces.spans);
        if (scans_) {
            auto& cut = pieces.spare;
            cut.clear();
            for (const auto& span : pieces.spans) cut_all(gpt2_, draft.text(), span, cut);
            pieces.spans.swap(cut);
        }
        pieces.bytes = true;
    }
    Scan only_scans() const override { return {scans_ && !adds_ ? Cutters(&cutter_, 1) : Cutters(), true}; }
    bool spells_bytes() const override { return !adds_ && !scans_; }
    bool scans_gpt2() const override { return scans_ && !adds_; }

 private:
    static void add_spaces(Draft& draft, std::vector<Span>& spans) {
        const auto text = draft.text();
        bool all = true;
        for (const auto& span : spans) all = all && text[span.start] == ' ';
        if (all) return;
        for (auto& span : spans) {
            const auto start = static_cast<std::uint32_t>(draft.written());
            if (text[span.start] != ' ') draft.put_ascii(' ', span.start);
            draft.keep(span.start, span.end);
            span = {start, static_cast<std::uint32_t>(draft.written())};
        }
        draft.commit();
    }

    bool adds_, scans_;
    const KnownPattern gpt2_{scan::by_name("gpt2")};
    const Cutter* const cutter_ = &gpt2_;
};

// Of each byte: whether it is an ASCII character that is neither white space nor punctuation.
const std::array<bool, 256> joins_ascii = [] {
    std::array<bool, 256> made{};
    for (char32_t point = 0; point < 128; ++point) made[point] = !unicode::is(point, space | unicode::punctuation);
    return made;
}();

// White space goes, punctuation stands alone.
class Bert : public PreTokenizer {
    void split(Draft& draft, Pieces& pieces) const override {
        const char* const first = draft.text().data();
        auto& cut = pieces.spare;
        cut.clear();
        for (const auto& span : pieces.spans) {
            const char* const last = first + span.end;
            auto done = span.start;
            for (const char* p = first + span.start; p < last;) {
                while (p < last && joins_ascii[static_cast<unsigned char>(*p)]) ++p;
                if (p == last) break;
                const auto start = static_cast<std::uint32_t>(p - first);
                const auto properties = unicode::properties(unicode::next(p));
                if (!(properties & (space | unicode::punctuation))) continue;
                const auto end = static_cast<std::uint32_t>(p - first);
                if (start > done) cut.push_back({done, start});
                if (properties & unicode::punctuation) cut.push_back({start, end});
                done = end;
            }
            if (done < span.end) cut.push_back({done, span.end});
        }
        pieces.spans.swap(cut);
    }
};

// \w+|[^\w\s]+
class Whitespace : public PreTokenizer {
    void split(Draft& draft, Pieces& pieces) const override {
        const char* const first = draft.text().data();
        auto& cut = pieces.spare;
        cut.clear();
        for (const auto& span : pieces.spans) {
            const char* const last = first + span.end;
            int before = space;  // what the piece that has been started is made of; space: none is
            std::uint32_t done = span.start;
            for (const char* p = first + span.start; p < last;) {
                const auto start = static_cast<std::uint32_t>(p - first);
                const auto properties = unicode::properties(unicode::next(p));
                const int now = properties & word ? word : properties & space ? space : 0;
                if (now == before) continue;
                if (before != space) cut.push_back({done, start});
                done = start, before = now;
            }
            if (before != space) cut.push_back({done, span.end});
        }
        pieces.spans.swap(cut);
    }
};

class Property : public PreTokenizer, public Cutter {
 public:
    Property(int property, Behavior behavior) : property_(property), behavior_(behavior) {
        for (char32_t byte = 0; byte < 256; ++byte) may_[byte] = byte >= 128 || unicode::is(byte, property);
    }
    void split(Draft& draft, Pieces& pieces) const override {
        auto& cut = pieces.spare;
        cut.clear();
        std::vector<Part> parts;
        for (const auto& span : pieces.spans) {
            if (behavior_ == Behavior::removed) {
                cut_between(draft.text(), span, cut);
            } else {
                cut_at(draft.text(), span, property_, parts);
                merge(parts, behavior_, cut);
            }
        }
        pieces.spans.swap(cut);
    }
    Scan only_scans() const override {
        const bool loses_nothing = behavior_ == Behavior::isolated || behavior_ == Behavior::contiguous;
        return {loses_nothing ? Cutters(&cutter_, 1) : Cutters(), false};
    }
    const char* next(const char*, const char* p, const char* end) const override {
        const bool has = unicode::is(unicode::next(p), property_);
        if (has && behavior_ == Behavior::isolated) return p;
        for (const char* after = p; p < end; p = after) {
            if (!has && !may_[static_cast<unsigned char>(*p)]) {
                ++after;
            } else if (unicode::is(unicode::next(after), property_) != has) {
                break;
            }
        }
        return p;
    }
    bool isolates_digits() const override { return property_ == digit && behavior_ == Behavior::isolated; }

 private:
    void cut_between(std::string_view text, Span within, std::vector<Span>& out) const {
        const char* const first = text.data();
        const char* const last = first + within.end;
        std::uint32_t done = within.start;
        for (const char* p = first + within.start; p < last;) {
            if (!may_[static_cast<unsigned char>(*p)]) {
                ++p;
                continue;
            }
            const auto start = static_cast<std::uint32_t>(p - first);
            if (!unicode::is(unicode::next(p), property_)) continue;
            if (start > done) out.push_back({done, start});
            done = static_cast<std::uint32_t>(p - first);
        }
        if (done < within.end) out.push_back({done, within.end});
    }

    int property_;
    Behavior behavior_;
    const Cutter* const cutter_ = this;
    std::array<bool, 256> may_{};  // of each byte: whether a character that starts with it may have the property
};

class Metaspace : public PreTokenizer {
 public:
    Metaspace(std::string replacement, Prepend scheme, bool split)
        : replacement_(std::move(replacement)), scheme_(scheme), splits_(split) {}

    bool reads_origins() const override { return scheme_ == Prepend::first; }
    bool rewrites() const override { return true; }

    void split(Draft& draft, Pieces& pieces) const override {
        const auto text = draft.text();
        auto& cut = pieces.spare;
        cut.clear();
        const bool has_any = text.find(replacement_) != text.npos;
        if (!draft.tracking() && scheme_ != Prepend::first && !has_any) return rewrite(draft, pieces);
        for (const auto& span : pieces.spans) {
            auto start = static_cast<std::uint32_t>(draft.written());
            const auto here = text.substr(span.start, span.size());
            const bool has_one = here[0] == ' ' || here.starts_with(replacement_);
            const bool wants_one =
                scheme_ == Prepend::always || (scheme_ == Prepend::first && draft.origin(span.start).start == 0);
            if (wants_one && !has_one) draft.put(replacement_, span.start);
            // A replacement starts a new piece, and is the first of its piece (merged_with_next).
            for (auto at = span.start; at < span.end;) {
                auto plain = at;
                while (plain < span.end && text[plain] != ' ' &&
                       !(has_any && text.substr(plain, span.end - plain).starts_with(replacement_)))
                    ++plain;
                draft.keep(at, plain);
                if (plain == span.end) break;
                const auto written = static_cast<std::uint32_t>(draft.written());
                if (splits_ && written > start) {
                    cut.push_back({start, written});
                    start = written;
                }
                draft.put(replacement_, plain);
                at = plain + static_cast<std::uint32_t>(text[plain] == ' ' ? 1 : replacement_.size());
            }
            const auto written = static_cast<std::uint32_t>(draft.written());
            if (written > start) cut.push_back({start, written});
        }
        draft.commit();
        pieces.spans.swap(cut);
    }

 private:
    // The same for a text without a replacement in it, and without origins: at once.
    void rewrite(Draft& draft, Pieces& pieces) const {
        const auto text = draft.text();
        const auto spaces = static_cast<std::size_t>(std::count(text.begin(), text.end(), ' '));
        const std::size_t size = replacement_.size();
        std::string& out = draft.buffer();
        out.resize(text.size() + (spaces + pieces.spans.size()) * size);
        auto& cut = pieces.spare;
        char* const begin = out.data();
        char* to = begin;
        std::uint32_t start = 0;
        auto mark = [&] {
            const auto written = static_cast<std::uint32_t>(to - begin);
            if (splits_ && written > start) {
                cut.push_back({start, written});
                start = written;
            }
            std::memcpy(to, replacement_.data(), size);
            to += size;
        };
        for (const auto& span : pieces.spans) {
            if (scheme_ == Prepend::always && text[span.start] != ' ') mark();
            for (const char byte : text.substr(span.start, span.size())) {
                if (byte == ' ') {
                    mark();
                } else {
                    *to++ = byte;
                }
            }
            const auto written = static_cast<std::uint32_t>(to - begin);
            if (written > start) cut.push_back({start, written});
            start = written;
        }
        out.resize(start);
        draft.commit();
        pieces.spans.swap(cut);
    }

    std::string replacement_;
    Prepend scheme_;
    bool splits_;
};

class Found : public PreTokenizer {
 public:
    Found(Finder find, Behavior behavior, bool invert) : find_(std::move(find)), behavior_(behavior), invert_(invert) {}
    void split(Draft& draft, Pieces& pieces) const override {
        std::vector<Span> matches;
        auto& cut_pieces = pieces.spare;
        cut_pieces.clear();
        std::vector<Part> parts;
        for (const auto& span : pieces.spans) {
            find_(draft.text().substr(span.start, span.size()), matches);
            cut(span, matches, invert_, parts);
            merge(parts, behavior_, cut_pieces);
        }
        pieces.spans.swap(cut_pieces);
    }

 private:
    Finder find_;
    Behavior behavior_;
    bool invert_;
};

// A Split that keeps everything.
template <class Cutting>
class Isolating : public PreTokenizer {
 public:
    explicit Isolating(Cutting cutting) : cutting_(std::move(cutting)) {}
    void split(Draft& draft, Pieces& pieces) const override {
        auto& cut = pieces.spare;
        cut.clear();
        for (const auto& span : pieces.spans) cut_all(cutting_, draft.text(), span, cut);
        pieces.spans.swap(cut);
    }
    Scan only_scans() const override { return {Cutters(&cutter_, 1), false}; }
    bool scans_gpt2() const override { return cutting_.is_gpt2(); }

 private:
    const Cutting cutting_;
    const Cutter* const cutter_ = &cutting_;
};

class FixedLength : public PreTokenizer {
 public:
    explicit FixedLength(std::size_t characters) : characters_(characters) {}
    void split(Draft& draft, Pieces& pieces) const override {
        const char* const first = draft.text().data();
        auto& cut = pieces.spare;
        cut.clear();
        for (const auto& span : pieces.spans) {
            const char* const last = first + span.end;
            for (const char* p = first + span.start; p < last;) {
                const auto start = static_cast<std::uint32_t>(p - first);
                for (std::size_t i = 0; i < characters_ && p < last; ++i)
                    p += unicode::length(static_cast<unsigned char>(*p));
                cut.push_back({start, static_cast<std::uint32_t>(p - first)});
            }
        }
        pieces.spans.swap(cut);
    }

 private:
    std::size_t characters_;
};

// As SentencePiece cuts: where the script changes. What belongs to no script before the first that does is lost, as in
// the reference.
class UnicodeScripts : public PreTokenizer {
    void split(Draft& draft, Pieces& pieces) const override {
        const char* const first = draft.text().data();
        auto& cut = pieces.spare;
        cut.clear();
        for (const auto& span : pieces.spans) {
            const char* const last = first + span.end;
            std::uint32_t start = span.end;
            std::uint8_t before = 0;
            for (const char* p = first + span.start; p < last;) {
                const auto at = static_cast<std::uint32_t>(p - first);
                const std::uint8_t now = unicode::script(unicode::next(p));
                if (now == 0 || now == before) continue;
                if (start < at) cut.push_back({start, at});
                start = at, before = now;
            }
            if (start < span.end) cut.push_back({start, span.end});
        }
        pieces.spans.swap(cut);
    }
};

class Sequence : public PreTokenizer {
 public:
    explicit Sequence(std::vector<PreTokenizerPointer> parts) : parts_(std::move(parts)) { gather_cutters(); }
    void split(Draft& draft, Pieces& pieces) const override {
        for (const auto& part : parts_) {
            spell_bytes(draft, pieces);
            part->split(draft, pieces);
        }
    }
    bool reads_origins() const override {
        for (const auto& part : parts_)
            if (part->reads_origins()) return true;
        return false;
    }
    bool rewrites() const override {
        return std::ranges::any_of(parts_, [](const auto& part) { return part->rewrites(); });
    }
    bool reads_origins_of_rewritten() const override {
        bool rewritten = false;
        for (const auto& part : parts_) {
            if (part->reads_origins_of_rewritten() || (rewritten && part->reads_origins())) return true;
            rewritten |= part->rewrites();
        }
        return false;
    }
    bool is_nothing() const override {
        return std::ranges::all_of(parts_, [](const auto& part) { return part->is_nothing(); });
    }
    Scan only_scans() const override { return {cutters_, bytes_}; }

 private:
    void gather_cutters() {
        if (parts_.size() == 2 && parts_[0]->isolates_digits() && parts_[1]->scans_gpt2()) {
            cutters_.push_back(&starcoder_);
            bytes_ = parts_[1]->only_scans().bytes;
            return;
        }
        for (const auto& part : parts_) {
            const auto scan = part->only_scans();
            const bool goes_on = !bytes_ && (part->spells_bytes() || !scan.cutters.empty()) &&
                                 cutters_.size() + scan.cutters.size() <= Cut::most_cutters;
            if (!goes_on) return cutters_.clear();
            cutters_.insert(cutters_.end(), scan.cutters.begin(), scan.cutters.end());
            bytes_ = scan.bytes || part->spells_bytes();
        }
    }

    std::vector<PreTokenizerPointer> parts_;
    const KnownPattern starcoder_{scan::by_name("starcoder")};
    std::vector<const Cutter*> cutters_;
    bool bytes_ = false;
};

}  // namespace

std::shared_ptr<PreTokenizer> byte_level(bool add_prefix_space, bool use_regex) {
    return std::make_shared<ByteLevel>(add_prefix_space, use_regex);
}
std::shared_ptr<PreTokenizer> bert() { return std::make_shared<Bert>(); }
std::shared_ptr<PreTokenizer> whitespace() { return std::make_shared<Whitespace>(); }
std::shared_ptr<PreTokenizer> whitespace_split() { return std::make_shared<Property>(space, Behavior::removed); }
std::shared_ptr<PreTokenizer> punctuation(Behavior behavior) {
    return std::make_shared<Property>(unicode::punctuation, behavior);
}
std::shared_ptr<PreTokenizer> digits(bool individual) {
    return std::make_shared<Property>(digit, individual ? Behavior::isolated : Behavior::contiguous);
}
std::shared_ptr<PreTokenizer> metaspace(std::string replacement, Prepend scheme, bool split) {
    return std::make_shared<Metaspace>(std::move(replacement), scheme, split);
}
std::shared_ptr<PreTokenizer> split(Finder find, Behavior behavior, bool invert) {
    return std::make_shared<Found>(std::move(find), behavior, invert);
}
std::shared_ptr<PreTokenizer> split(const scan::Pattern* pattern, Behavior behavior, bool invert) {
    // Nothing is between the matches.
    if (behavior == Behavior::isolated || (behavior == Behavior::removed && invert))
        return std::make_shared<Isolating<KnownPattern>>(KnownPattern(pattern));
    return split(
        [cutter = KnownPattern(pattern)](std::string_view text, std::vector<Span>& matches) {
            matches.clear();
            cut_all(cutter, text, {0, static_cast<std::uint32_t>(text.size())}, matches);
        },
        behavior, invert);
}
std::shared_ptr<PreTokenizer> split(std::shared_ptr<const Expression> expression, Behavior behavior, bool invert) {
    if (behavior == Behavior::isolated) return std::make_shared<Isolating<Matches>>(Matches(std::move(expression)));
    return split([expression = std::move(expression)](
                     std::string_view text, std::vector<Span>& matches) { expression->find_all(text, matches); },
                 behavior, invert);
}
std::shared_ptr<PreTokenizer> fixed_length(std::size_t characters) { return std::make_shared<FixedLength>(characters); }
std::shared_ptr<PreTokenizer> unicode_scripts() { return std::make_shared<UnicodeScripts>(); }
std::shared_ptr<PreTokenizer> sequence(std::vector<PreTokenizerPointer> parts) {
    return std::make_shared<Sequence>(std::move(parts));
}

}  // namespace pre_tokenizers
}  // namespace bearhug
