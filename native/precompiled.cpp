// SentencePiece's normalization (Kudo and Richardson 2018): a charsmap of replacements in one block of bytes.
#include <array>
#include <cstring>
#include <stdexcept>

#include "graphemes.hpp"
#include "normalizer.hpp"

namespace bearhug::normalizers {
namespace {

[[noreturn]] void damaged() {
    throw std::invalid_argument(
        "the precompiled_charsmap of the normalizer is damaged: its replacements are not where it says. Take it from "
        "the tokenizer's own files again.");
}

// The size of the trie in bytes, a double array in darts-clone's units, and the replacements, each with a 0 behind it.
class Charsmap {
 public:
    explicit Charsmap(std::string_view block) {
        std::uint32_t size = 0;
        if (block.size() >= 4) std::memcpy(&size, block.data(), 4);
        if (block.size() < 4 || size > block.size() - 4 || size < 4)
            throw std::invalid_argument(
                "the precompiled_charsmap of the normalizer holds " + std::to_string(block.size()) +
                " bytes and no charsmap: its first four bytes are the size of the trie that follows them.");
        units_.resize(size / 4);
        std::memcpy(units_.data(), block.data() + 4, units_.size() * 4);
        replacements_ = block.substr(4 + units_.size() * 4);
        if (!unicode::is_valid(replacements_))
            throw std::invalid_argument(
                "the replacements of the normalizer's precompiled_charsmap are not UTF-8; it may have been cut short.");
    }

    // What takes the place of a text: the replacement of the shortest text that it starts with. False: nothing does.
    bool find(std::string_view text, std::string_view& replacement) const {
        std::size_t at = offset(units_[0]);
        for (const char byte : text) {
            const auto label = static_cast<unsigned char>(byte);
            if (label == 0) return false;
            at ^= label;
            if (at >= units_.size()) damaged();
            const std::uint32_t unit = units_[at];
            if ((unit & (1u << 31 | 0xFFu)) != label) return false;
            at ^= offset(unit);
            if (unit >> 8 & 1) {
                if (at >= units_.size()) damaged();
                replacement = replacement_at(units_[at] & 0x7FFFFFFFu);
                return true;
            }
        }
        return false;
    }

 private:
    static std::size_t offset(std::uint32_t unit) { return std::size_t{unit >> 10} << ((unit & 1u << 9) >> 6); }

    std::string_view replacement_at(std::size_t start) const {
        if (start == replacements_.size()) return {};
        if (start > replacements_.size() || unicode::continues(replacements_[start])) damaged();
        const auto end = replacements_.find('\0', start);
        return std::string_view(replacements_).substr(start, end == std::string::npos ? end : end - start);
    }

    std::vector<std::uint32_t> units_;
    std::string replacements_;
};

// The reference looks at whole clusters first, but only at those of less than six bytes, and takes the replacement of
// any text that they start with for all of it. Models were trained on other libraries' ways; this is what they meet.
class Precompiled : public Normalizer {
 public:
    explicit Precompiled(std::string_view block) : charsmap_(block) {
        std::string_view replacement;
        for (int byte = 0; byte < 128; ++byte) {
            const char character = static_cast<char>(byte);
            stays_[static_cast<std::size_t>(byte)] = !charsmap_.find({&character, 1}, replacement);
        }
        stays_['\r'] = false;  // \r\n is one cluster
    }

    void apply(Draft& draft) const override {
        const auto text = draft.text();
        const std::size_t first = unchanged(text, 0);
        if (first == text.size()) return;
        if (draft.tracking()) return apply_tracking(draft, first);
        bool changes = false;
        std::string_view replacement;
        auto change = [&](std::string_view part, std::size_t at) {
            if (!charsmap_.find(part, replacement)) return false;
            changes = true;
            draft.put(replacement, at);
            return true;
        };
        draft.keep(0, first);
        for (std::size_t at = first; at < text.size();) {
            const std::size_t end = unicode::cluster_end(text, at);
            if (end - at >= 6 || !change(text.substr(at, end - at), at)) {
                while (at < end) {
                    const auto size = static_cast<std::size_t>(unicode::length(static_cast<unsigned char>(text[at])));
                    if (!change(text.substr(at, size), at)) draft.keep(at, at + size);
                    at += size;
                }
            }
            at = unchanged(text, end);
            draft.keep(end, at);
        }
        draft.commit();
    }

 private:
    // Where the first cluster begins that may change, or that is not ASCII.
    std::size_t unchanged(std::string_view text, std::size_t at) const {
        const std::size_t start = at;
        while (at < text.size()) {
            const auto byte = static_cast<unsigned char>(text[at]);
            if (byte < 0x80 && stays_[byte]) {
                ++at;
                continue;
            }
            if (byte < 0x80 || at == start) return at;
            // A mark takes the character before it along.
            const char* p = text.data() + at;
            return unicode::stands_alone(unicode::next(p)) ? at : at - 1;
        }
        return at;
    }

    // Characters take one another's places; those that are more come from the place before the next.
    void apply_tracking(Draft& draft, std::size_t first) const {
        const auto text = draft.text();
        bool any = false;
        std::string_view replacement;
        auto change = [&](std::size_t start, std::size_t end) {
            if (!charsmap_.find(text.substr(start, end - start), replacement)) return false;
            any = true;
            std::size_t from = start;
            for (const char *p = replacement.data(), *last = p + replacement.size(); p < last;) {
                const char32_t point = unicode::next(p);
                if (from == end) {
                    draft.put(point, end - 1);
                } else {
                    draft.put(point, from);
                    from += static_cast<std::size_t>(unicode::length(static_cast<unsigned char>(text[from])));
                }
            }
            return true;
        };
        draft.keep(0, first);
        for (std::size_t at = first; at < text.size();) {
            const std::size_t end = unicode::cluster_end(text, at);
            if (end - at >= 6 || !change(at, end)) {
                while (at < end) {
                    const auto next = at + static_cast<std::size_t>(unicode::length(static_cast<unsigned char>(text[at])));
                    if (!change(at, next)) draft.keep(at, next);
                    if (any && replacement.empty()) return draft.drop(), apply_in_turn(draft);
                    at = next;
                }
            }
            if (any && replacement.empty()) return draft.drop(), apply_in_turn(draft);
            at = unchanged(text, end);
            draft.keep(end, at);
        }
        if (any) return draft.commit();
        draft.drop();
    }

    // The same where characters go.
    void apply_in_turn(Draft& draft) const {
        const auto text = draft.text();
        std::vector<unicode::Changed> changes;
        changes.reserve(text.size());
        bool any = false;
        std::string_view replacement;
        auto change = [&](std::string_view part) {
            if (!charsmap_.find(part, replacement)) return false;
            any = true;
            // Characters take one another's places. What is left over of the old ones goes with the last one written;
            // before the first the reference forgets it, and origins stay behind.
            int left = static_cast<int>(unicode::count(part));
            const char* const end = replacement.data() + replacement.size();
            for (const char* p = replacement.data(); p < end; --left)
                changes.push_back({unicode::next(p), left > 0 ? 0 : 1});
            if (left > 0 && !changes.empty()) changes.back().change -= left;
            return true;
        };
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = unicode::cluster_end(text, at);
            if (end - at < 6 && change(text.substr(at, end - at))) {
                at = end;
                continue;
            }
            while (at < end) {
                const char* p = text.data() + at;
                const char32_t point = unicode::next(p);
                const auto size = static_cast<std::size_t>(p - text.data()) - at;
                if (!change(text.substr(at, size))) changes.push_back({point, 0});
                at += size;
            }
        }
        if (any) draft.transform(changes);
    }

    Charsmap charsmap_;
    std::array<bool, 128> stays_{};
};

}  // namespace

std::shared_ptr<Normalizer> precompiled(std::string_view charsmap) { return std::make_shared<Precompiled>(charsmap); }

}  // namespace bearhug::normalizers
