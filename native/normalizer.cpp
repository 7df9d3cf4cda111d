#include "normalizer.hpp"

#include <array>
#include <utility>

#include "bytes.hpp"

namespace bearhug {

Finder literal(std::string pattern) {
    return [pattern = std::move(pattern)](std::string_view text, std::vector<Span>& matches) {
        matches.clear();
        if (pattern.empty()) {
            for (std::size_t at = 0; at <= text.size(); ++at)
                if (at == text.size() || !unicode::continues(text[at]))
                    matches.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at)});
            return;
        }
        for (auto at = text.find(pattern); at != text.npos; at = text.find(pattern, at + pattern.size()))
            matches.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + pattern.size())});
    };
}

Finder repeated(char character, std::size_t least) {
    return [least, several = std::string(least, character)](std::string_view text, std::vector<Span>& matches) {
        matches.clear();
        for (auto at = text.find(several); at != text.npos;) {
            auto end = at + least;
            while (end < text.size() && text[end] == several[0]) ++end;
            matches.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end)});
            at = text.find(several, end);
        }
    };
}

namespace normalizers {
namespace {

using namespace unicode;

// Calls visit(point, byte) for every character of the draft's text.
template <class Visit>
void each(const Draft& draft, Visit visit) {
    const char* const first = draft.text().data();
    const char* const last = first + draft.text().size();
    for (const char* p = first; p < last;) {
        const auto at = static_cast<std::size_t>(p - first);
        visit(unicode::next(p), at);
    }
}

void put_lowercased(Draft& draft, char32_t point, std::size_t at) {
    if (point < 0x80) {
        draft.put_ascii(static_cast<char>(point >= 'A' && point <= 'Z' ? point + 32 : point), at);
    } else if (const auto lower = lowercased(point); !lower.empty()) {
        for (const char32_t part : lower) draft.put(part, at);
    } else {
        draft.put(point, at);
    }
}

// BERT's basic cleaning (Devlin et al. 2019): control characters go, blanks become spaces, Chinese characters stand
// alone, accents go, capitals become small. In the reference these are four passes; here they are one over each
// character.
class Bert : public Normalizer {
 public:
    explicit Bert(BertSettings settings)
        : settings_(settings), strips_(settings.strip_accents.value_or(settings.lowercase)) {
        for (int byte = 0; byte < 128; ++byte) {
            const auto properties = unicode::properties(static_cast<char32_t>(byte));
            int to = byte;
            if (settings.clean_text && properties & blank) to = ' ';
            if (settings.clean_text && properties & control) to = gone;
            if (settings.lowercase && to >= 'A' && to <= 'Z') to += 32;
            ascii_[static_cast<std::size_t>(byte)] = static_cast<unsigned char>(to);
        }
    }

    void apply(Draft& draft) const override {
        if (in_place(draft)) return;
        if (strips_ && has_marks_that_stay(draft.text())) return apply_in_passes(draft);
        std::vector<Changed> parts;
        each(draft, [&](char32_t point, std::size_t at) {
            if (point < 0x80) {
                if (ascii_[point] != gone) draft.put_ascii(static_cast<char>(ascii_[point]), at);
                return;
            }
            const auto properties = unicode::properties(point);
            if (settings_.clean_text) {
                if (properties & control) return;
                if (properties & blank) return draft.put_ascii(' ', at);
            }
            const bool alone = settings_.handle_chinese_chars && properties & cjk;
            if (alone) draft.put_ascii(' ', at);
            if (strips_ && properties & (moves_nfd | nonspacing)) {
                const auto character = unicode::utf8(point);
                if (!unicode::normal_form(character, Form::nfd, parts)) parts.assign(1, {point, 0});
                for (const auto& part : parts)
                    if (!unicode::is(part.point, nonspacing)) finish(draft, part.point, at);
            } else {
                finish(draft, point, at);
            }
            if (alone) draft.put_ascii(' ', at);
        });
        draft.commit();
    }

 private:
    static constexpr unsigned char gone = 0xFF;

    bool in_place(Draft& draft) const {
        const auto text = draft.text();
        if (!is_ascii(text)) return false;
        std::string& changed = draft.buffer();
        changed.resize(text.size());
        unsigned char all = 0;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const auto to = ascii_[static_cast<unsigned char>(text[i])];
            all |= to;
            changed[i] = static_cast<char>(to);
        }
        if (all & 0x80) return changed.clear(), false;  // some character goes
        draft.commit_in_place();
        return true;
    }

    // Marks that are put in order but not stripped (a few spacing ones): then the order of the passes shows in the
    // origins.
    static bool has_marks_that_stay(std::string_view text) {
        bool found = false;
        const char* end = text.data() + text.size();
        for (const char* p = text.data(); p < end && !found;) {
            const auto properties = unicode::properties(unicode::next(p));
            found = (properties & (moves_nfd | combining | nonspacing)) == (moves_nfd | combining);
        }
        return found;
    }

    void apply_in_passes(Draft& draft) const {
        each(draft, [&](char32_t point, std::size_t at) {
            const auto properties = unicode::properties(point);
            if (settings_.clean_text && properties & control) return;
            if (settings_.clean_text && properties & blank) return draft.put_ascii(' ', at);
            const bool alone = settings_.handle_chinese_chars && properties & cjk;
            if (alone) draft.put_ascii(' ', at);
            draft.put(point, at);
            if (alone) draft.put_ascii(' ', at);
        });
        draft.commit();
        std::vector<Changed> parts;
        if (unicode::normal_form(draft.text(), Form::nfd, parts)) draft.transform(parts);
        each(draft, [&](char32_t point, std::size_t at) {
            if (!unicode::is(point, nonspacing)) finish(draft, point, at);
        });
        draft.commit();
    }

    void finish(Draft& draft, char32_t point, std::size_t at) const {
        if (settings_.lowercase) {
            put_lowercased(draft, point, at);
        } else {
            draft.put(point, at);
        }
    }

    BertSettings settings_;
    bool strips_;
    std::array<unsigned char, 128> ascii_{};
};

class NormalForm : public Normalizer {
 public:
    explicit NormalForm(Form form) : form_(form) {}
    void apply(Draft& draft) const override {
        std::vector<Changed> changes;
        if (unicode::normal_form(draft.text(), form_, changes)) draft.transform(changes);
    }

 private:
    Form form_;
};

class Lowercase : public Normalizer {
    void apply(Draft& draft) const override {
        if (is_ascii(draft.text())) {
            std::string& changed = draft.buffer();
            changed = draft.text();
            for (char& byte : changed)
                if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte + 32);
            return draft.commit_in_place();
        }
        each(draft, [&](char32_t point, std::size_t at) { put_lowercased(draft, point, at); });
        draft.commit();
    }
};

class StripAccents : public Normalizer {
    void apply(Draft& draft) const override {
        if (is_ascii(draft.text())) return;
        each(draft, [&](char32_t point, std::size_t at) {
            if (!unicode::is(point, combining)) draft.put(point, at);
        });
        draft.commit();
    }
};

class Strip : public Normalizer {
 public:
    Strip(bool left, bool right) : left_(left), right_(right) {}
    void apply(Draft& draft) const override {
        const auto text = draft.text();
        const char* first = text.data();
        const char* last = first + text.size();
        if (left_)
            for (const char* p = first; p < last && unicode::is(unicode::next(p), space);) first = p;
        if (right_)
            for (const char* p = last; p > first && unicode::is(unicode::previous(p), space);) last = p;
        if (first == text.data() && last == first + text.size()) return;
        draft.keep(static_cast<std::size_t>(first - text.data()), static_cast<std::size_t>(last - text.data()));
        draft.commit();
    }

 private:
    bool left_, right_;
};

class Replace : public Normalizer {
 public:
    Replace(Finder find, std::string content) : find_(std::move(find)), content_(std::move(content)) {}
    void apply(Draft& draft) const override {
        std::vector<Span> matches;
        find_(draft.text(), matches);
        if (matches.empty() || draft.text().empty()) return;
        std::size_t done = 0;
        for (const auto& match : matches) {
            draft.keep(done, match.start);
            if (match.end > 0) {
                draft.put(content_, match.end - 1);
            } else {
                draft.put(content_, Span{draft.base(), draft.base()});  // before the first character: from no place
            }
            done = match.end;
        }
        draft.keep(done, draft.text().size());
        draft.commit();
    }

 private:
    Finder find_;
    std::string content_;
};

class Prepend : public Normalizer {
 public:
    explicit Prepend(std::string text) : text_(std::move(text)) {}
    void apply(Draft& draft) const override {
        const auto text = draft.text();
        if (text.empty()) return;
        std::size_t start = 0;
        if (text_.empty()) {
            // The first character is written anew behind nothing, so the reference knows no place that it comes from.
            const char* p = text.data();
            draft.put(unicode::next(p), Span{draft.base(), draft.base()});
            start = static_cast<std::size_t>(p - text.data());
        }
        draft.put(text_, 0);
        draft.keep(start, text.size());
        draft.commit();
    }

 private:
    std::string text_;
};

class ByteLevel : public Normalizer {
    void apply(Draft& draft) const override {
        const auto text = draft.text();
        for (std::size_t i = 0; i < text.size(); ++i) draft.put(bytes::to_utf8(static_cast<unsigned char>(text[i])), i);
        draft.commit();
    }
};

// What SentencePiece cleans before it trains translation models: control characters go, blanks become spaces.
class Nmt : public Normalizer {
    void apply(Draft& draft) const override {
        each(draft, [&](char32_t point, std::size_t at) {
            if (is_control(point)) return;
            if (is_blank(point)) return draft.put_ascii(' ', at);
            draft.put(point, at);
        });
        draft.commit();
    }

    static bool is_control(char32_t point) {
        return (point >= 0x01 && point <= 0x08) || point == 0x0B || (point >= 0x0E && point <= 0x1F) || point == 0x7F ||
               point == 0x8F || point == 0x9F;
    }
    static bool is_blank(char32_t point) {
        return point == 0x09 || point == 0x0A || point == 0x0C || point == 0x0D || point == 0x1680 ||
               (point >= 0x200B && point <= 0x200F) || point == 0x2028 || point == 0x2029 || point == 0x2581 ||
               point == 0xFEFF || point == 0xFFFD;
    }
};

class Sequence : public Normalizer {
 public:
    explicit Sequence(std::vector<NormalizerPointer> parts) : parts_(std::move(parts)) {}
    void apply(Draft& draft) const override {
        for (const auto& part : parts_) part->apply(draft);
    }
    bool reads_origins() const override {
        for (const auto& part : parts_)
            if (part->reads_origins()) return true;
        return false;
    }

 private:
    std::vector<NormalizerPointer> parts_;
};

}  // namespace

std::shared_ptr<Normalizer> bert(BertSettings settings) { return std::make_shared<Bert>(settings); }
std::shared_ptr<Normalizer> normal_form(Form form) { return std::make_shared<NormalForm>(form); }
std::shared_ptr<Normalizer> lowercase() { return std::make_shared<Lowercase>(); }
std::shared_ptr<Normalizer> strip_accents() { return std::make_shared<StripAccents>(); }
std::shared_ptr<Normalizer> strip(bool left, bool right) { return std::make_shared<Strip>(left, right); }
std::shared_ptr<Normalizer> replace(Finder find, std::string content) {
    return std::make_shared<Replace>(std::move(find), std::move(content));
}
std::shared_ptr<Normalizer> prepend(std::string text) { return std::make_shared<Prepend>(std::move(text)); }
std::shared_ptr<Normalizer> byte_level() { return std::make_shared<ByteLevel>(); }
std::shared_ptr<Normalizer> nmt() { return std::make_shared<Nmt>(); }
std::shared_ptr<Normalizer> sequence(std::vector<NormalizerPointer> parts) {
    return std::make_shared<Sequence>(std::move(parts));
}

}  // namespace normalizers
}  // namespace bearhug
