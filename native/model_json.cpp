#include "model_json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace bearhug {
namespace {

// Text that grows; there is room before it is written to.
class Writer {
 public:
    explicit Writer(const JsonStyle& style) : style_(style) {}

    void add(std::string_view text) {
        std::memcpy(room(text.size()), text.data(), text.size());
        size_ += text.size();
    }
    // A token of the vocabulary, behind which there is slack.
    void string(std::string_view token) {
        char* const to = room(token.size() + 2 + Vocabulary::slack);
        *to = '"';
#ifdef __SSE2__
        static_assert(Vocabulary::slack >= 16);
        if (!token.empty() && token.size() <= 16) {
            const auto block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(token.data()));
            const auto is = [&](char c) { return _mm_cmpeq_epi8(block, _mm_set1_epi8(c)); };
            const auto control = _mm_cmpeq_epi8(_mm_max_epu8(block, _mm_set1_epi8(0x1F)), _mm_set1_epi8(0x1F));
            const auto special = _mm_or_si128(_mm_or_si128(is('"'), is('\\')), control);
            if ((static_cast<unsigned>(_mm_movemask_epi8(special)) & ((1u << token.size()) - 1)) == 0) {
                _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 1), block);
                to[token.size() + 1] = '"';
                size_ += token.size() + 2;
                return;
            }
        }
#endif
        ++size_;
        for (std::size_t at = 0; at < token.size();) {
            const std::size_t start = at;
            while (at < token.size() && static_cast<unsigned char>(token[at]) > 0x1F && token[at] != '"' &&
                   token[at] != '\\')
                ++at;
            add(token.substr(start, at - start));
            if (at < token.size()) escaped(token[at++]);
        }
        add("\"");
    }
    void number(std::uint32_t value) {
        char* const to = room(16);
        size_ += static_cast<std::size_t>(std::to_chars(to, to + 16, value).ptr - to);
    }
    // The shortest digits that mean the number, as Python writes them; small exponents as the reference does.
    void number(double value) {
        if (!std::isfinite(value)) return add(std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
        char shortest[40];
        const char* const end =
            std::to_chars(shortest, shortest + sizeof shortest, value, std::chars_format::scientific).ptr;
        const char* const e = std::find(static_cast<const char*>(shortest), end, 'e');
        int exponent = 0;
        std::from_chars(e + 1 + (e[1] == '+'), end, exponent);
        if (exponent < -5 || exponent >= 16) {
            add({shortest, static_cast<std::size_t>(e - shortest)});
            add(exponent < 0 ? "e-" : "e+");
            return number(static_cast<std::uint32_t>(std::abs(exponent)));
        }
        char* const to = room(64);
        const char* const stop = std::to_chars(to, to + 64, value, std::chars_format::fixed).ptr;
        size_ += static_cast<std::size_t>(stop - to);
        if (std::find(to, const_cast<char*>(stop), '.') == stop) add(".0");
    }
    // What stands before an item and behind the last one; depth: of the item, in the model.
    void before(bool is_first, std::size_t depth) {
        if (!is_first) add(style_.comma);
        if (style_.lines) line(depth);
    }
    void line(std::size_t depth) {
        add("\n");
        add(std::string_view("            ").substr(0, 4 + 2 * depth));
    }
    void colon() { add(style_.colon); }
    bool lines() const { return style_.lines; }
    JsonText take() {
        text_.resize(size_);
        return std::move(text_);
    }

 private:
    char* room(std::size_t more) {
        if (text_.size() - size_ < more) text_.resize((size_ + more) * 2 + 1024);
        return text_.data() + size_;
    }
    void escaped(char byte) {
        static constexpr std::string_view names = "\"\\bfnrt", values = "\"\\\b\f\n\r\t";
        if (const auto simple = values.find(byte); simple != values.npos) {
            const char text[] = {'\\', names[simple]};
            return add({text, 2});
        }
        static constexpr std::string_view digits = "0123456789abcdef";
        const auto value = static_cast<unsigned char>(byte);
        const char text[] = {'\\', 'u', '0', '0', digits[value >> 4], digits[value & 15]};
        add({text, 6});
    }

    const JsonStyle& style_;
    JsonText text_;
    std::size_t size_ = 0;
};

// `items` writes what stands between the brackets, and says whether there was something.
template <class Items>
JsonText bracketed(const JsonStyle& style, std::string_view open, std::string_view close, Items items) {
    Writer out(style);
    out.add(open);
    if (items(out) && style.lines) out.line(0);
    out.add(close);
    return out.take();
}

}  // namespace

JsonText vocabulary_json(const Model& model, const JsonStyle& style) {
    if (const auto* scores = model.scores())
        return bracketed(style, "[", "]", [&](Writer& out) {
            for (std::size_t id = 0; id < scores->size(); ++id) {
                out.before(id == 0, 1);
                out.add("[");
                out.before(true, 2);
                out.string(model.vocabulary.token(static_cast<std::uint32_t>(id)));
                out.before(false, 2);
                out.number((*scores)[id]);
                if (style.lines) out.line(1);
                out.add("]");
            }
            return !scores->empty();
        });
    std::vector<std::pair<std::string_view, std::uint32_t>> words;
    words.reserve(model.vocabulary.size());
    model.vocabulary.each([&](std::string_view token, std::uint32_t id) { words.emplace_back(token, id); });
    auto by_id = [](const auto& one, const auto& other) { return one.second < other.second; };
    if (!std::ranges::is_sorted(words, by_id)) std::ranges::stable_sort(words, by_id);
    return bracketed(style, "{", "}", [&](Writer& out) {
        bool is_first = true;
        for (const auto& [token, id] : words) {
            out.before(std::exchange(is_first, false), 1);
            out.string(token);
            out.colon();
            out.number(id);
        }
        return !words.empty();
    });
}

JsonText merges_json(const Model& model, const JsonStyle& style) {
    // Half a million items: what stands around their texts is put together once.
    const std::string line = style.lines ? "\n      " : "", inner_line = style.lines ? "\n        " : "";
    const std::string open = line + "[" + inner_line, close = line + "]";
    const std::string next = std::string(style.comma) + open, middle = std::string(style.comma) + inner_line;
    return bracketed(style, "[", "]", [&](Writer& out) {
        bool is_first = true;
        model.each_merge([&](std::string_view left, std::string_view right) {
            out.add(std::exchange(is_first, false) ? open : next);
            out.string(left);
            out.add(middle);
            out.string(right);
            out.add(close);
        });
        return !is_first;
    });
}

}  // namespace bearhug
