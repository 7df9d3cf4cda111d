#include "tokenizer_file.hpp"

#include "json.hpp"

namespace bearhug {
namespace {

bool read(JsonReader& json, Vocabulary& out) {
    out.make_room(json.left() / 16, json.left() / 2);
    return json.object([&](std::string_view word) {
        std::uint32_t id = 0;
        if (!json.number(id)) return false;
        out.put(word, id);
        return true;
    }) && out.finish();
}

// Calls add with each pair of texts. Whether they are UTF-8 is seen when the vocabulary is found to have them.
template <class Add>
bool read_pairs(JsonReader& json, Add add) {
    return json.array([&] {
        std::string_view left, right;
        if (json.peek() == '"') {
            if (!json.string_as_it_is(left)) return false;
            const auto space = left.find(' ');
            if (space == left.npos || left.find(' ', space + 1) != left.npos) return false;
            right = left.substr(space + 1);
            left = left.substr(0, space);
        } else if (!json.take('[') || !json.string_as_it_is(left) || !json.take(',') || !json.string_as_it_is(right) ||
                   !json.take(']')) {
            return false;
        }
        return add(left, right);
    });
}

bool read(JsonReader& json, const std::optional<Vocabulary>& vocabulary, std::string_view file, FileMerges& out) {
    const JsonReader again = json;
    if (vocabulary) {
        auto& made = out.made.emplace().own();
        made.reserve(json.left() / 16);
        MergeReader reader(*vocabulary, 0, file, made);
        const bool is_read =
            read_pairs(json, [&](std::string_view left, std::string_view right) { return reader.add(left, right); });
        if (is_read && reader.finish()) return true;
        out.made.reset();
        json.back_to(again);
    }
    out.texts.reserve(json.left() / 16);
    return read_pairs(json, [&](std::string_view left, std::string_view right) {
        out.texts.emplace_back(left, right);
        return true;
    });
}

bool read(JsonReader& json, std::vector<std::pair<std::uint32_t, AddedToken>>& out) {
    return json.array([&] {
        AddedToken token;
        std::optional<std::uint32_t> id;
        std::optional<bool> normalized;
        bool has_content = false;
        const bool read = json.object([&](std::string_view name) {
            if (name == "id") return json.number(id.emplace());
            if (name == "content") {
                std::string_view content;
                has_content = json.string(content);
                token.content = content;
                return has_content;
            }
            if (name == "normalized") return json.boolean(normalized.emplace());
            bool* const flag = name == "single_word" ? &token.single_word
                               : name == "lstrip"    ? &token.lstrip
                               : name == "rstrip"    ? &token.rstrip
                               : name == "special"   ? &token.special
                                                     : nullptr;
            return flag != nullptr && json.boolean(*flag);
        });
        token.normalized = normalized.value_or(!token.special);
        if (!read || !id || !has_content) return false;
        out.emplace_back(*id, std::move(token));
        return true;
    });
}

}  // namespace

std::optional<TokenizerFile> read_tokenizer_file(std::string_view text) {
    TokenizerFile out;
    std::deque<std::string> own;
    JsonReader json(text, own);
    const char* done = text.data();
    // Takes the next value out of the text, if `read` can read it and it was not there before.
    auto take_out = [&](bool is_first, std::string_view instead, auto read) {
        const char* const start = json.at();
        if (!is_first || !read()) return false;
        out.rest.append(done, start).append(instead);
        done = json.here();
        return true;
    };
    bool has_model = false;
    const bool read_all = json.object([&](std::string_view name) {
        if (name == "added_tokens" && json.peek() == '[')
            return take_out(!out.added, "[]", [&] { return read(json, out.added.emplace()); });
        if (name != "model") return json.skip();
        if (std::exchange(has_model, true)) return false;
        if (json.peek() != '{') return json.skip();
        return json.object([&](std::string_view part) {
            if (part == "vocab" && json.peek() == '{')
                return take_out(!out.vocabulary, "{}", [&] { return read(json, out.vocabulary.emplace()); });
            if (part == "merges" && json.peek() == '[')
                return take_out(!out.merges, "[]",
                                [&] { return read(json, out.vocabulary, text, out.merges.emplace()); });
            return json.skip();
        });
    });
    if (!read_all || !json.is_at_end()) return std::nullopt;
    out.rest.append(done, text.data() + text.size());
    if (out.merges && !out.merges->made) out.merges->own = std::move(own);
    return out;
}

std::optional<Vocabulary> read_vocabulary(std::string_view text) {
    std::deque<std::string> own;
    JsonReader json(text, own);
    Vocabulary out;
    if (!read(json, out) || !json.is_at_end()) return std::nullopt;
    return out;
}

std::optional<FileMerges> read_merges(std::string_view text) {
    FileMerges out;
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line.starts_with("#version")) continue;
        const auto space = line.find(' ');
        if (space == line.npos || line.find(' ', space + 1) != line.npos || line.find('\r') != line.npos ||
            !unicode::is_valid(line))
            return std::nullopt;
        out.texts.emplace_back(line.substr(0, space), line.substr(space + 1));
    }
    return out;
}

}  // namespace bearhug
