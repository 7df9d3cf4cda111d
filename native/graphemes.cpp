#include "graphemes.hpp"

#include "unicode.hpp"
#include "unicode_segments.hpp"

namespace bearhug::unicode {
namespace {

// In the order of generate_segments.py.
enum Break { other, cr, lf, breaks, extend, zwj, spacing, prepend, lead, vowel, tail, lead_vowel, syllable, regional };
enum Conjunct { none, consonant, extender, linker };

struct Class {
    Break kind;
    bool pictographic;
    Conjunct conjunct;
};

template <class Value, std::size_t N>
std::uint8_t look_up(const Value* blocks, const std::uint8_t (&values)[N], char32_t point) {
    return values[blocks[point / block_size] * block_size + point % block_size];
}

Class class_of(char32_t point) {
    const std::uint8_t value = look_up(cluster_block, cluster_in_block, point);
    return {static_cast<Break>(value & 15), (value & 16) != 0, static_cast<Conjunct>(value >> 5)};
}

bool is_control(Break kind) { return kind == cr || kind == lf || kind == breaks; }

bool joins_hangul(Break before, Break now) {  // GB6, GB7, GB8
    if (before == lead) return now == lead || now == vowel || now == lead_vowel || now == syllable;
    if (before == lead_vowel || before == vowel) return now == vowel || now == tail;
    return (before == syllable || before == tail) && now == tail;
}

}  // namespace

std::size_t cluster_end(std::string_view text, std::size_t at) {
    const char* const end = text.data() + text.size();
    const char* p = text.data() + at;
    Class before = class_of(next(p));
    bool pictograph = before.pictographic;         // the cluster so far: a pictograph and marks behind it (GB11)
    bool joined = false;                           // and a joiner is the last of them
    bool conjunct = before.conjunct == consonant;  // a consonant, and linkers and extenders behind it (GB9c)
    bool linked = false;                           // one of them a linker
    int regionals = before.kind == regional;       // regional indicators before this place (GB12)
    while (p < end) {
        const char* after = p;
        const Class now = class_of(next(after));
        bool joins = false;
        if (before.kind == cr) {
            joins = now.kind == lf;
        } else if (is_control(before.kind) || is_control(now.kind)) {
            joins = false;
        } else {
            joins = joins_hangul(before.kind, now.kind) || now.kind == extend || now.kind == zwj ||
                    now.kind == spacing || before.kind == prepend ||
                    (conjunct && linked && now.conjunct == consonant) || (joined && now.pictographic) ||
                    (now.kind == regional && regionals % 2 == 1);
        }
        if (!joins) break;
        joined = pictograph && now.kind == zwj;
        pictograph = now.pictographic || (pictograph && (now.kind == extend || now.kind == zwj));
        linked = conjunct && (linked || now.conjunct == linker) && now.conjunct != consonant;
        conjunct = now.conjunct == consonant || (conjunct && (now.conjunct == linker || now.conjunct == extender));
        regionals = now.kind == regional ? regionals + 1 : 0;
        before = now;
        p = after;
    }
    return static_cast<std::size_t>(p - text.data());
}

bool stands_alone(char32_t point) {
    const Break kind = class_of(point).kind;
    return kind != extend && kind != zwj && kind != spacing && kind != prepend;
}

std::uint8_t script(char32_t point) { return look_up(script_block, script_in_block, point); }

}  // namespace bearhug::unicode
