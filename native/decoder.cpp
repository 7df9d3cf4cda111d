#include "decoder.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "bytes.hpp"

namespace bearhug {
namespace {

// An empty text is found before every character and at the end.
void replace_all(std::string& text, std::string_view from, std::string_view to) {
    if (from.empty()) {
        std::string out(to);
        for (std::size_t at = 0; at < text.size();) {
            const auto size = static_cast<std::size_t>(unicode::length(static_cast<unsigned char>(text[at])));
            out.append(text, at, size) += to;
            at += size;
        }
        text.swap(out);
        return;
    }
    auto at = text.find(from);
    if (at == text.npos) return;
    std::string out;
    std::size_t done = 0;
    for (; at != text.npos; at = text.find(from, done)) {
        out.append(text, done, at - done);
        out += to;
        done = at + from.size();
    }
    out.append(text, done);
    text.swap(out);
}

struct Rule {
    std::string_view from, to;  // `to` is not longer
    std::size_t rare;           // which of its characters a search looks for
};

void shorten_all(std::string& text, const Rule& rule) {
    const char* const first = text.data();
    const char* const last = first + text.size();
    char* out = text.data();
    const char* done = first;
    for (const char* p = first; p < last; ++p) {
        p = static_cast<const char*>(std::memchr(p, rule.from[rule.rare], static_cast<std::size_t>(last - p)));
        if (p == nullptr) break;
        if (static_cast<std::size_t>(p - done) < rule.rare) continue;
        const char* const start = p - rule.rare;
        if (std::string_view(start, static_cast<std::size_t>(last - start)).substr(0, rule.from.size()) != rule.from)
            continue;
        out = std::copy(done, start, out);
        out = std::copy(rule.to.begin(), rule.to.end(), out);
        done = start + rule.from.size();
        p = done - 1;
    }
    if (done == first) return;
    out = std::copy(done, last, out);
    text.resize(static_cast<std::size_t>(out - first));
}

class EachToken : public Decoder {
    void apply(std::vector<std::string>& tokens) const override {
        for (std::size_t i = 0; i < tokens.size(); ++i) change(tokens[i], i == 0, i + 1 == tokens.size());
    }
    Way way() const override { return Way::each; }
};

class Spaced : public EachToken {
    void change(std::string& token, bool is_first, bool) const override {
        if (!is_first) token.insert(0, 1, ' ');
    }
    bool heeds_first() const override { return true; }
};

void flatten(const DecoderPointer& decoder, std::vector<DecoderPointer>& out) {
    if (const auto* parts = decoder->parts()) {
        for (const auto& part : *parts) flatten(part, out);
    } else {
        out.push_back(decoder);
    }
}

}  // namespace

void clean_up(std::string& text) {
    static constexpr Rule rules[] = {{" .", ".", 1},   {" ?", "?", 1},     {" !", "!", 1},    {" ,", ",", 1},
                                     {" ' ", "'", 1},  {" n't", "n't", 2}, {" 'm", "'m", 1},  {" do not", " don't", 1},
                                     {" 's", "'s", 1}, {" 've", "'ve", 1}, {" 're", "'re", 1}};
    if (text.find(' ') == text.npos) return;  // with which all of them begin
    for (const auto& rule : rules) shorten_all(text, rule);
}

int fallback_byte(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
    unsigned byte = 0;
    const char* const first = token.data() + 3 + (token[3] == '+');  // the reference's numbers may have that sign
    return std::from_chars(first, token.data() + 5, byte, 16).ptr == token.data() + 5 ? static_cast<int>(byte) : -1;
}

std::optional<DecodingPlan> decoding_plan(const DecoderPointer& decoder) {
    std::vector<DecoderPointer> parts;
    flatten(decoder ? decoder : std::make_shared<Spaced>(), parts);
    DecodingPlan plan;
    std::size_t i = 0;
    for (; i < parts.size() && parts[i]->way() == Decoder::Way::each; ++i) {
        plan.each.push_back(parts[i]);
        plan.heeds_first |= parts[i]->heeds_first();
        plan.heeds_last |= parts[i]->heeds_last();
    }
    if (i == parts.size()) return plan;
    switch (parts[i]->way()) {
        case Decoder::Way::joins:
            break;
        case Decoder::Way::joins_bytes:
            plan.join = DecodingPlan::bytes;
            break;
        case Decoder::Way::joins_fallback:
            plan.join = DecodingPlan::fallback;
            if (++i < parts.size() && parts[i]->way() != Decoder::Way::joins) return std::nullopt;
            break;
        default:
            return std::nullopt;
    }
    if (plan.join != DecodingPlan::plain && (plan.heeds_first || plan.heeds_last)) return std::nullopt;
    if (i < parts.size()) plan.after.assign(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1, parts.end());
    return plan;
}

namespace decoders {
namespace {

class ByteLevel : public Decoder {
    void apply(std::vector<std::string>& tokens) const override {
        std::string all;
        for (const auto& token : tokens) bytes::append_raw(token, all);
        tokens.assign(1, unicode::lossy(all));
    }
    Way way() const override { return Way::joins_bytes; }
};

class WordPiece : public EachToken {
 public:
    WordPiece(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleans_(cleanup) {}
    void change(std::string& token, bool is_first, bool) const override {
        if (!is_first) {
            if (token.starts_with(prefix_)) {
                token.erase(0, prefix_.size());
            } else {
                token.insert(0, 1, ' ');
            }
        }
        if (cleans_) clean_up(token);
    }
    bool heeds_first() const override { return true; }

 private:
    std::string prefix_;
    bool cleans_;
};

class Bpe : public EachToken {
 public:
    explicit Bpe(std::string suffix) : suffix_(std::move(suffix)) {}
    void change(std::string& token, bool, bool is_last) const override {
        replace_all(token, suffix_, is_last ? "" : " ");
    }
    bool heeds_last() const override { return true; }

 private:
    std::string suffix_;
};

class ByteFallback : public Decoder {
    void apply(std::vector<std::string>& tokens) const override {
        std::vector<std::string> out;
        std::string run;  // bytes not yet put
        auto flush = [&] {
            if (run.empty()) return;
            if (unicode::is_valid(run)) {
                out.push_back(run);
            } else {
                out.insert(out.end(), run.size(), unicode::utf8(0xFFFD));
            }
            run.clear();
        };
        for (auto& token : tokens) {
            if (const int byte = fallback_byte(token); byte >= 0) {
                run += static_cast<char>(byte);
            } else {
                flush();
                out.push_back(std::move(token));
            }
        }
        flush();
        tokens.swap(out);
    }
    Way way() const override { return Way::joins_fallback; }
};

class Fuse : public Decoder {
    void apply(std::vector<std::string>& tokens) const override {
        std::string all;
        for (const auto& token : tokens) all += token;
        tokens.assign(1, std::move(all));
    }
    Way way() const override { return Way::joins; }
};

class Replace : public EachToken {
 public:
    Replace(Finder find, std::string content) : find_(std::move(find)), content_(std::move(content)) {}
    void change(std::string& token, bool, bool) const override {
        if (token.empty()) return;  // in which the reference finds nothing, whatever the pattern
        std::vector<Span> matches;
        find_(token, matches);
        if (matches.empty()) return;
        std::string out;
        std::size_t done = 0;
        for (const auto& match : matches) {
            out.append(token, done, match.start - done);
            out += content_;
            done = match.end;
        }
        out.append(token, done);
        token.swap(out);
    }

 private:
    Finder find_;
    std::string content_;
};

class Strip : public EachToken {
 public:
    Strip(char32_t content, std::size_t start, std::size_t stop)
        : content_(unicode::utf8(content)), start_(start), stop_(stop) {}
    void change(std::string& token, bool, bool) const override {
        std::string_view rest = token;
        for (std::size_t i = 0; i < start_ && rest.starts_with(content_); ++i) rest.remove_prefix(content_.size());
        for (std::size_t i = 0; i < stop_ && rest.ends_with(content_); ++i) rest.remove_suffix(content_.size());
        token = std::string(rest);
    }

 private:
    std::string content_;
    std::size_t start_, stop_;
};

class Metaspace : public EachToken {
 public:
    Metaspace(std::string replacement, bool prepends) : replacement_(std::move(replacement)), prepends_(prepends) {}
    void change(std::string& token, bool is_first, bool) const override {
        replace_all(token, replacement_, is_first && prepends_ ? "" : " ");
    }
    bool heeds_first() const override { return prepends_; }

 private:
    std::string replacement_;
    bool prepends_;
};

// Connectionist temporal classification (Graves et al. 2006): repeats count once, blanks not at all.
class Ctc : public Decoder {
 public:
    Ctc(std::string pad_token, std::string word_delimiter, bool cleanup)
        : pad_(std::move(pad_token)), delimiter_(std::move(word_delimiter)), cleans_(cleanup) {}
    void apply(std::vector<std::string>& tokens) const override {
        tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
        for (auto& token : tokens) {
            replace_all(token, pad_, "");
            if (!cleans_) continue;
            clean_up(token);
            replace_all(token, delimiter_, " ");
        }
        std::erase(tokens, "");
    }

 private:
    std::string pad_, delimiter_;
    bool cleans_;
};

class Sequence : public Decoder {
 public:
    explicit Sequence(std::vector<DecoderPointer> parts) : parts_(std::move(parts)) {}
    void apply(std::vector<std::string>& tokens) const override {
        for (const auto& part : parts_) part->apply(tokens);
    }
    const std::vector<DecoderPointer>* parts() const override { return &parts_; }

 private:
    std::vector<DecoderPointer> parts_;
};

}  // namespace

std::shared_ptr<Decoder> byte_level() { return std::make_shared<ByteLevel>(); }
std::shared_ptr<Decoder> wordpiece(std::string prefix, bool cleanup) {
    return std::make_shared<WordPiece>(std::move(prefix), cleanup);
}
std::shared_ptr<Decoder> bpe(std::string suffix) { return std::make_shared<Bpe>(std::move(suffix)); }
std::shared_ptr<Decoder> byte_fallback() { return std::make_shared<ByteFallback>(); }
std::shared_ptr<Decoder> fuse() { return std::make_shared<Fuse>(); }
std::shared_ptr<Decoder> replace(Finder find, std::string content) {
    return std::make_shared<Replace>(std::move(find), std::move(content));
}
std::shared_ptr<Decoder> strip(char32_t content, std::size_t start, std::size_t stop) {
    return std::make_shared<Strip>(content, start, stop);
}
std::shared_ptr<Decoder> metaspace(std::string replacement, bool prepends) {
    return std::make_shared<Metaspace>(std::move(replacement), prepends);
}
std::shared_ptr<Decoder> ctc(std::string pad_token, std::string word_delimiter, bool cleanup) {
    return std::make_shared<Ctc>(std::move(pad_token), std::move(word_delimiter), cleanup);
}
std::shared_ptr<Decoder> sequence(std::vector<DecoderPointer> parts) {
    return std::make_shared<Sequence>(std::move(parts));
}

}  // namespace decoders
}  // namespace bearhug
