// Pre-tokens, 64 bytes at a time: what kind of character stands where, as masks of bits; where pre-tokens start follows
// from the masks by shifts. Included by each file that compiles it for a set of instructions, below a struct `Machine`:
//     load(p): 64 bytes;  equal(c), within(first, last), beyond_ascii(): a bit for each byte;
//     compress(mask, wanted), expand(mask, wanted): only the wanted bits, side by side, and back.
#include <bit>
#include <cstring>

#include "scan_rules.hpp"

namespace bearhug::scan {
namespace {

// The characters of a window, a bit each; a character beyond ASCII has one bit too.
struct Window {
    Mask letters = 0, numbers = 0, blanks = 0, lines = 0, others = 0;  // no character is two of these
    Mask spaces = 0, apostrophes = 0, slashes = 0;
    Mask capitals = 0;    // of the letters, where the pattern asks for case
    Mask ambiguous = 0;   // letters and marks of both cases, there; they are in none of the above
    Mask starts = 0;      // the bytes that characters start with
    int size = 0;         // characters
};

template <Rules rules>
void look(const char* p, int bytes, Window& w) {
    Machine machine;
    machine.load(p);
    const Mask inside = bytes < 64 ? (Mask{1} << bytes) - 1 : ~Mask{0};
    const Mask small = machine.within('a', 'z'), capitals = machine.within('A', 'Z');
    w.letters = small | capitals;
    w.capitals = capitals & inside;
    w.numbers = machine.within('0', '9');
    w.spaces = machine.equal(' ');
    w.blanks = machine.within('\t', '\r') | w.spaces;
    if constexpr (rules.tail != Rules::no_tail) {
        w.lines = machine.equal('\n') | machine.equal('\r');
        w.blanks &= ~w.lines;
    }
    if constexpr (rules.contractions != Rules::none) w.apostrophes = machine.equal('\'') & inside;
    if constexpr (rules.tail == Rules::lines_and_slashes) w.slashes = machine.equal('/') & inside;
    const Mask beyond = machine.beyond_ascii() & inside;
    w.others = inside & ~beyond & ~(w.letters | w.numbers | w.blanks | w.lines);
    w.starts = inside;
    w.size = bytes;
    if (bytes < 64) w.spaces &= inside, w.blanks &= inside, w.numbers &= inside, w.letters &= inside, w.lines &= inside;
    if (beyond == 0) return;

    for (Mask left = beyond; left != 0;) {
        const int at_byte = std::countr_zero(left);
        const Mask bit = Mask{1} << at_byte;
        const char* after = p + at_byte;
        const auto properties = unicode::properties(unicode::next(after));
        const auto size = static_cast<int>(after - p) - at_byte;
        const Mask whole = (Mask{1} << size) - 1;  // the bits of this character, shifted
        w.starts &= ~((whole & ~Mask{1}) << at_byte);
        left &= ~(whole << at_byte);
        if constexpr (rules.words == Rules::cased) {
            const bool is_upper = properties & upper, is_lower = properties & lower;
            if (is_upper && is_lower) {
                w.ambiguous |= bit;
                continue;
            }
            if (is_upper) w.capitals |= bit;
        }
        if (properties & word_properties(rules)) {
            w.letters |= bit;
        } else if (properties & number_properties(rules)) {
            w.numbers |= bit;
        } else if (properties & space) {
            w.blanks |= bit;
        } else {
            w.others |= bit;
        }
    }
    for (Mask* mask : {&w.letters, &w.numbers, &w.blanks, &w.lines, &w.others, &w.spaces, &w.apostrophes, &w.slashes,
                       &w.capitals, &w.ambiguous})
        *mask = Machine::compress(*mask, w.starts);
    w.size = std::popcount(w.starts);
}

// Where in a run of digits pre-tokens start, when they hold at most so many.
inline Mask digit_starts(Mask numbers, int most) {
    if (most == 1) return numbers;
    Mask starts = numbers & ~(numbers << 1);
    if (most == 0) return starts;
    Mask behind = numbers;  // there are `most` digits before, and one here
    for (int i = 1; i <= most; ++i) behind &= numbers << i;
    for (Mask last = starts; (last = last << most & behind) != 0;) starts |= last;
    return starts;
}

// Where pre-tokens start, given that one starts at the first character. `sure`: only those below it count.
template <Rules rules>
Mask starts_in(const Window& w, bool is_last, const char* p, const char* end, int& sure) {
    const Mask words = w.letters | w.ambiguous;
    const Mask letter_starts = w.letters & ~(w.letters << 1);
    const Mask blank_starts = w.blanks & ~(w.blanks << 1);
    const Mask other_starts = w.others & ~(w.others << 1) & ~(w.spaces << 1);
    // The last of several blanks goes with what follows, or stands alone.
    const Mask not_blank = words | w.others | (rules.digits_apart ? 0 : w.numbers);
    Mask starts = blank_starts | other_starts | (w.blanks & not_blank >> 1);
    if constexpr (rules.digits == 0) {
        starts |= w.numbers & ~(w.numbers << 1) & ~(w.spaces << 1);
    } else {
        starts |= digit_starts(w.numbers, rules.digits);
    }
    if constexpr (rules.takes_blank) {
        starts |= letter_starts & ~(w.spaces << 1);
    } else {
        const Mask taken = (w.blanks | (other_starts & w.letters >> 1)) << 1;
        starts |= letter_starts & ~taken;
    }
    if constexpr (rules.words == Rules::cased) {
        starts |= w.capitals & (w.letters & ~w.capitals) << 1;
        if (w.ambiguous != 0) sure = std::min(sure, std::countr_zero(w.ambiguous));
    }
    if constexpr (rules.tail != Rules::no_tail) {
        starts |= w.lines & ~(w.lines << 1) & ~(w.others << 1);
        // Blanks before a line end go with it, and with the line ends before them.
        const Mask before_lines = w.blanks & (w.lines >> 1 | (is_last ? 0 : Mask{1} << (w.size - 1)));
        if (before_lines != 0) {
            const int last = std::countr_zero(before_lines);
            const int first = 64 - std::countl_zero(~w.blanks & ((Mask{1} << last) - 1));
            sure = std::min(sure, first > 0 && w.lines >> (first - 1) & 1 ? first : last + 1);
        }
    }
    if constexpr (rules.tail == Rules::lines_and_slashes)
        if (const Mask before_slashes = w.lines & w.slashes >> 1; before_slashes != 0)
            sure = std::min(sure, std::countr_zero(before_slashes) + 1);

    if constexpr (rules.contractions != Rules::none) {
        const bool at_words = rules.contractions == Rules::at_words;
        Mask candidates = w.apostrophes & words >> 1 & (at_words ? w.letters << 1 : starts | 1);
        int free = 0;  // the end of the last contraction
        for (; candidates != 0; candidates &= candidates - 1) {
            const int at_char = std::countr_zero(candidates);
            if (at_words ? at_char <= free && free > 0 : false) continue;
            const char* from = p + (w.starts == ~Mask{0} ? at_char
                                                         : std::countr_zero(Machine::expand(Mask{1} << at_char, w.starts)));
            const char* after = contraction(rules.contractions != Rules::small, from, end);
            if (!after) continue;
            const int size = after[-1] == '\xBF' ? 2 : static_cast<int>(after - from);
            starts &= ~(((Mask{1} << size) - 1) << at_char);
            if (!at_words) starts |= Mask{1} << at_char;
            free = at_char + size;
            if (free < 64) starts |= Mask{1} << free;
        }
    }
    return starts;
}

// Bytes behind the end of a text may be read, and are not looked at, where its last page of memory goes on.
inline bool may_leave_the_page(const char* p) {
#ifdef BEARHUG_SANITIZE
    (void)p;
    return true;
#else
    constexpr std::size_t page = 4096, window = 64;
    return (reinterpret_cast<std::uintptr_t>(p) & (page - 1)) > page - window;
#endif
}

template <Rules rules>
std::size_t block(const char* begin, const char* p, const char* end, std::uint32_t* ends, std::size_t most) {
    constexpr int look_ahead = 4;  // characters that decide whether a pre-token starts before them
    std::size_t count = 0;
    while (p < end && count + 65 <= most) {
        const auto left = static_cast<std::size_t>(end - p);
        const int bytes = left < 64 ? static_cast<int>(left) : 64;
        Window window;
        char copy[80];
        const bool copies = left < sizeof copy && may_leave_the_page(p);
        if (copies) {
            std::memset(copy, 0, sizeof copy);
            std::memcpy(copy, p, left);
        }
        look<rules>(copies ? copy : p, bytes, window);
        const bool is_last = left <= 64;
        int sure = is_last ? 64 : window.size - look_ahead;
        Mask starts = starts_in<rules>(window, is_last, p, end, sure) & ~Mask{1};
        const bool all = is_last && sure == 64;
        if (sure < 64) starts &= sure > 0 ? (Mask{1} << sure) - 1 : 0;
        if (is_last && window.size < 64) starts &= (Mask{1} << window.size) - 1;
        if (window.size < bytes) starts = Machine::expand(starts, window.starts);
        const auto base = static_cast<std::uint32_t>(p - begin);
        const auto before = count;
        for (; starts != 0; starts &= starts - 1)
            ends[count++] = base + static_cast<std::uint32_t>(std::countr_zero(starts));
        if (all) {
            ends[count++] = static_cast<std::uint32_t>(end - begin);
            p = end;
        } else if (count > before) {
            p = begin + ends[count - 1];
        } else {
            p = next<rules>(p, end);
            ends[count++] = static_cast<std::uint32_t>(p - begin);
        }
    }
    return count;
}

}  // namespace
}  // namespace bearhug::scan
