// Ruby's syntax -> a tree. Whatever is rare is refused here, and read by oniguruma.py for another library.
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

#include "expression.hpp"
#include "unicode_categories.hpp"

namespace bearhug {
namespace {

using Node = ExpressionNode;

[[noreturn]] void refuse() { throw std::invalid_argument("more than a table can say"); }

// The code points that have one of the properties.
PointSet having(std::uint64_t properties) {
    PointSet found;
    std::vector<PointRange> ranges;
    const std::size_t count = std::size(categories::runs);
    for (std::size_t i = 0; i < count; ++i) {
        if (!(categories::kinds[categories::runs[i] & 0xFF] & properties)) continue;
        const char32_t first = categories::runs[i] >> 8;
        const char32_t last = i + 1 < count ? (categories::runs[i + 1] >> 8) - 1 : PointSet::most;
        if (!ranges.empty() && ranges.back().last + 1 == first) {
            ranges.back().last = last;
        } else {
            ranges.push_back({first, last});
        }
    }
    return PointSet(std::move(ranges));
}

constexpr std::uint64_t bit(categories::Bit property) { return std::uint64_t{1} << property; }

struct Named {
    std::string_view name;
    std::uint64_t properties;
};

std::uint64_t named(std::string_view name) {
    using namespace categories;
    constexpr std::uint64_t l = bit(lu) | bit(ll) | bit(lt) | bit(lm) | bit(lo), m = bit(mn) | bit(mc) | bit(me),
                            n = bit(nd) | bit(nl) | bit(no),
                            p = bit(pc) | bit(pd) | bit(ps) | bit(pe) | bit(categories::pi) | bit(pf) | bit(po),
                            s = bit(sm) | bit(sc) | bit(sk) | bit(so), z = bit(zs) | bit(zl) | bit(zp);
    static constexpr Named known[] = {
        {"l", l},
        {"letter", l},
        {"m", m},
        {"mark", m},
        {"n", n},
        {"number", n},
        {"p", p},
        {"punctuation", p},
        {"s", s},
        {"symbol", s},
        {"z", z},
        {"separator", z},
        {"lu", bit(lu)},
        {"ll", bit(ll)},
        {"lt", bit(lt)},
        {"lm", bit(lm)},
        {"lo", bit(lo)},
        {"mn", bit(mn)},
        {"mc", bit(mc)},
        {"me", bit(me)},
        {"nd", bit(nd)},
        {"nl", bit(nl)},
        {"no", bit(no)},
        {"pc", bit(pc)},
        {"pd", bit(pd)},
        {"ps", bit(ps)},
        {"pe", bit(pe)},
        {"pi", bit(categories::pi)},
        {"pf", bit(pf)},
        {"po", bit(po)},
        {"sm", bit(sm)},
        {"sc", bit(sc)},
        {"sk", bit(sk)},
        {"so", bit(so)},
        {"zs", bit(zs)},
        {"zl", bit(zl)},
        {"zp", bit(zp)},
        {"cc", bit(cc)},
        {"cf", bit(cf)},
        {"cn", bit(cn)},
        {"co", bit(co)},
        {"c", bit(cc) | bit(cf) | bit(cn) | bit(co)},
        {"other", bit(cc) | bit(cf) | bit(cn) | bit(co)},
        {"alpha", bit(alphabetic)},
        {"upper", bit(uppercase)},
        {"lower", bit(lowercase)},
        {"digit", bit(nd)},
        {"alnum", bit(alphabetic) | bit(nd)},
        {"space", bit(space)},
        {"alphabetic", bit(alphabetic)},
        {"uppercase", bit(uppercase)},
        {"lowercase", bit(lowercase)},
        {"emoji", bit(emoji)},
        {"arabic", bit(arabic)},
        {"armenian", bit(armenian)},
        {"bengali", bit(bengali)},
        {"cyrillic", bit(cyrillic)},
        {"devanagari", bit(devanagari)},
        {"ethiopic", bit(ethiopic)},
        {"georgian", bit(georgian)},
        {"greek", bit(greek)},
        {"gujarati", bit(gujarati)},
        {"han", bit(han)},
        {"hangul", bit(hangul)},
        {"hebrew", bit(hebrew)},
        {"hiragana", bit(hiragana)},
        {"katakana", bit(katakana)},
        {"khmer", bit(khmer)},
        {"lao", bit(lao)},
        {"latin", bit(latin)},
        {"malayalam", bit(malayalam)},
        {"myanmar", bit(myanmar)},
        {"tamil", bit(tamil)},
        {"telugu", bit(telugu)},
        {"thai", bit(thai)},
    };
    for (const auto& one : known)
        if (one.name == name) return one.properties;
    refuse();
}

bool is_letter(char32_t point) { return (point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z'); }
char32_t low(char32_t point) { return point >= 'A' && point <= 'Z' ? point + 32 : point; }

// An ASCII character whatever its case.
PointSet any_case(char32_t point) {
    PointSet set(point);
    if (!is_letter(point)) return set;
    set.add(PointSet(point ^ 32));
    if (low(point) == 's') set.add(PointSet(U'\u017F'));
    if (low(point) == 'k') set.add(PointSet(U'\u212A'));
    return set;
}

bool may_be_empty(const Node& node) {
    switch (node.kind) {
        case Node::set:
            return false;
        case Node::sequence:
            return std::all_of(node.parts.begin(), node.parts.end(), may_be_empty);
        case Node::alternatives:
            return std::any_of(node.parts.begin(), node.parts.end(), may_be_empty);
        case Node::repeat:
            return node.least == 0 || may_be_empty(node.parts[0]);
        default:
            return true;
    }
}

Node of(PointSet points) { return {.kind = Node::set, .points = std::move(points)}; }
Node looking(Node::Kind kind, PointSet points, bool edge) {
    return {.kind = kind, .points = std::move(points), .edge = edge};
}
Node joined(Node::Kind kind, std::vector<Node> parts) { return {.kind = kind, .parts = std::move(parts)}; }

class Reader {
 public:
    explicit Reader(std::string_view pattern) {
        const char* p = pattern.data();
        for (const char* const end = p + pattern.size(); p < end;) points_.push_back(unicode::next(p));
    }

    Node read() {
        Node tree = alternatives();
        if (at_ < points_.size() || may_be_empty(tree)) refuse();
        return tree;
    }

 private:
    static constexpr char32_t none = 0xFFFFFFFF;
    char32_t next(std::size_t ahead = 0) const { return at_ + ahead < points_.size() ? points_[at_ + ahead] : none; }
    bool take(std::string_view text) {
        for (std::size_t i = 0; i < text.size(); ++i)
            if (next(i) != static_cast<unsigned char>(text[i])) return false;
        at_ += text.size();
        return true;
    }

    Node alternatives() {
        if (++depth_ > 100) refuse();
        const bool before = ignores_case_;
        if (take("(?i)")) ignores_case_ = true;  // at the start of a group: for the whole of it
        const int folding_before = folding_;
        int folding_behind = 0;
        std::vector<Node> all;
        do {
            std::vector<Node> parts;
            folding_ = folding_before;
            while (at_ < points_.size() && next() != '|' && next() != ')') parts.push_back(quantified());
            folding_behind |= folding_;
            all.push_back(joined(Node::sequence, std::move(parts)));
        } while (take("|"));
        ignores_case_ = before;
        folding_ = folding_behind;
        --depth_;
        return all.size() == 1 ? std::move(all[0]) : joined(Node::alternatives, std::move(all));
    }

    int number() {  // -1: there is none
        int value = -1;
        for (; next() >= '0' && next() <= '9'; ++at_) {
            value = std::max(value, 0) * 10 + static_cast<int>(next() - '0');
            if (value > 1000) refuse();
        }
        return value;
    }

    // {n}, {n,}, {,n} and {n,m}.
    bool interval(int& least, int& most, bool& comma) {
        const auto start = at_;
        if (!take("{")) return false;
        least = number();
        comma = take(",");
        most = comma ? number() : least;
        if (!take("}") || (least < 0 && most < 0)) return at_ = start, false;
        least = std::max(least, 0);
        return true;
    }

    Node quantified() {
        Node node = atom();
        for (;;) {
            int least = 0, most = -1;
            bool is_interval = false, comma = false;
            if (take("+")) {
                least = 1;
            } else if (take("?")) {
                most = 1;
            } else if (!take("*")) {
                if (!interval(least, most, comma)) {
                    if (next() == '{') refuse();
                    return node;
                }
                is_interval = true;
                // {n}? is ({n})?, and {n,m}+ is no count that gives nothing back.
                if ((most >= 0 && most < least) || (!comma && next() == '?') || most == 0) refuse();
            }
            if (may_be_empty(node)) refuse();
            // A set that is never given back: what follows is none of it.
            if (!is_interval && next() == '+') {
                ++at_;
                if (node.kind != Node::set) refuse();
                Node stop = looking(Node::ahead, node.points.others(), true);
                if (most == 1) {
                    node = joined(Node::alternatives, {node, std::move(stop)});
                } else {
                    Node all{.kind = Node::repeat, .parts = {std::move(node)}, .least = least, .most = -1};
                    node = joined(Node::sequence, {std::move(all), std::move(stop)});
                }
                continue;
            }
            const bool greedy = !take("?");
            node = {.kind = Node::repeat, .parts = {std::move(node)}, .least = least, .most = most, .greedy = greedy};
        }
    }

    Node atom() {
        const char32_t point = next();
        if (point == '\\') return escape();
        if (point == '[') return fold(set());
        if (point == '(') return group();
        if (point == '*' || point == '+' || point == '?' || point == '{') refuse();
        ++at_;
        if (point == '.') return folding_ = 0, of(PointSet(U'\n').others());
        if (point == '$') return looking(Node::ahead, PointSet(U'\n'), true);
        if (point == '^') {
            // A line that would begin at the end of the text is none.
            Node line = joined(Node::sequence, {looking(Node::behind, PointSet(U'\n'), false),
                                                looking(Node::ahead, PointSet::all(), false)});
            return joined(Node::alternatives, {looking(Node::behind, {}, true), std::move(line)});
        }
        return literal(point);
    }

    Node literal(char32_t point) {
        if (!ignores_case_) return of(PointSet(point));
        if (point >= 0x80) refuse();
        return fold(any_case(point));
    }

    // Letters that are one character in another case, as ss is the sharp s and as there are ligatures, are refused.
    Node fold(PointSet points) {
        constexpr int s = 1, f = 2;
        const auto has = [&](char32_t point) { return points.shared(PointSet(point)) == PointSet(point); };
        if (ignores_case_) {
            if ((folding_ & s && (has('s') || has('t'))) || (folding_ & f && (has('f') || has('i') || has('l'))))
                refuse();
            folding_ = (has('s') ? s : 0) | (has('f') ? f : 0);
        }
        return of(std::move(points));
    }

    Node group() {
        const auto closed = [&] {
            Node node = alternatives();
            if (!take(")")) refuse();
            return node;
        };
        if (take("(?:")) return closed();
        if (take("(?i:")) {
            const bool before = std::exchange(ignores_case_, true);
            Node node = closed();
            ignores_case_ = before;
            return node;
        }
        struct Looks {
            std::string_view start;
            Node::Kind kind;
            bool negated;
        };
        for (const Looks& looks : {Looks{"(?=", Node::ahead, false}, Looks{"(?!", Node::ahead, true},
                                   Looks{"(?<=", Node::behind, false}, Looks{"(?<!", Node::behind, true}}) {
            if (!take(looks.start)) continue;
            const Node inner = closed();
            Node node = looking(looks.kind, {}, false);
            if (!gather(inner, node)) refuse();
            if (looks.negated) node.points = node.points.others(), node.edge = !node.edge;
            return node;
        }
        if (next(1) == '?' || !take("(")) refuse();
        return closed();
    }

    // Whether a group asks for one character, or the edge of the text: then that is added to what `out` looks for.
    static bool gather(const Node& inner, Node& out) {
        if (inner.kind == Node::set || (inner.kind == out.kind && out.kind == Node::ahead)) {
            out.points.add(inner.points);
            out.edge |= inner.edge;
            return true;
        }
        if (inner.kind == Node::sequence && inner.parts.size() == 1) return gather(inner.parts[0], out);
        return inner.kind == Node::alternatives &&
               std::all_of(inner.parts.begin(), inner.parts.end(), [&](const Node& part) { return gather(part, out); });
    }

    Node escape() {
        const auto start = at_;
        PointSet points;
        if (several(points, false)) return folding_ = 0, of(std::move(points));
        at_ = start;
        const PointSet words = having(next(1) == 'b' || next(1) == 'B' ? bit(categories::word) : 0);
        const auto edge = [&](bool before, bool after) {
            return joined(Node::sequence, {looking(Node::behind, before ? words : words.others(), !before),
                                           looking(Node::ahead, after ? words : words.others(), !after)});
        };
        if (take("\\b")) return joined(Node::alternatives, {edge(true, false), edge(false, true)});
        if (take("\\B")) return joined(Node::alternatives, {edge(true, true), edge(false, false)});
        if (take("\\A")) return looking(Node::behind, {}, true);
        if (take("\\z")) return looking(Node::ahead, {}, true);
        if (take("\\R")) {
            Node both = joined(Node::sequence, {of(PointSet(U'\r')), of(PointSet(U'\n'))});
            Node first =
                joined(Node::sequence, {of(PointSet(U'\r')), looking(Node::ahead, PointSet(U'\n').others(), true)});
            PointSet others(U'\n', U'\f');
            others.add(PointSet(U'\u0085'));
            others.add(PointSet(U'\u2028', U'\u2029'));
            return joined(Node::alternatives, {std::move(both), std::move(first), of(std::move(others))});
        }
        return literal(character());
    }

    // An escape that stands for several characters.
    bool several(PointSet& out, bool in_set) {
        using namespace categories;
        const char32_t letter = next(1);
        if (letter == 'p' || letter == 'P') {
            at_ += 2;
            if (!take("{")) refuse();
            const bool negated = (letter == 'P') != take("^");
            std::string name;
            for (; next() != '}'; ++at_) {
                if (next() == none || next() >= 0x80) refuse();
                if (next() != ' ' && next() != '_' && next() != '-') name += static_cast<char>(low(next()));
            }
            ++at_;
            out = having(named(name));
            if (negated) out = out.others();
            return true;
        }
        PointSet hex(U'0', U'9');
        hex.add(PointSet(U'a', U'f'));
        hex.add(PointSet(U'A', U'F'));
        switch (letter) {
            case 'd':
            case 'D':
                out = having(bit(nd));
                break;
            case 's':
            case 'S':
                out = having(bit(space));
                break;
            case 'w':
            case 'W':
                out = having(bit(in_set ? word_in_set : word));
                break;
            case 'h':
            case 'H':
                out = hex;
                break;
            default:
                return false;
        }
        if (letter < 'a') out = out.others();
        at_ += 2;
        return true;
    }

    char32_t hexadecimal(int least, int most) {
        char32_t value = 0;
        int count = 0;
        for (; count < most; ++count, ++at_) {
            const char32_t digit = low(next());
            if (digit >= '0' && digit <= '9') {
                value = value * 16 + (digit - '0');
            } else if (digit >= 'a' && digit <= 'f') {
                value = value * 16 + (digit - 'a' + 10);
            } else {
                break;
            }
        }
        if (count < least || value > PointSet::most || (value >= 0xD800 && value < 0xE000)) refuse();
        return value;
    }

    // An escape that stands for one character.
    char32_t character() {
        ++at_;
        const char32_t letter = next();
        if (letter == none || letter >= 0x80) refuse();
        ++at_;
        switch (letter) {
            case 't':
                return '\t';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 'f':
                return '\f';
            case 'v':
                return '\v';
            case 'a':
                return '\a';
            case 'e':
                return 0x1B;
            case 'u':
                return hexadecimal(4, 4);
            case 'x': {
                if (!take("{")) {
                    const char32_t value = hexadecimal(1, 2);
                    if (value >= 0x80) refuse();
                    return value;
                }
                const char32_t value = hexadecimal(1, 8);
                if (!take("}")) refuse();
                return value;
            }
            default:
                break;
        }
        if (is_letter(letter) || (letter >= '0' && letter <= '9')) refuse();
        return letter;
    }

    // A set in brackets.
    PointSet set() {
        if (++depth_ > 100) refuse();
        ++at_;
        const bool negated = take("^");
        PointSet whole = PointSet::all(), now;
        if (next() == ']') refuse();
        while (!take("]")) {
            if (at_ >= points_.size()) refuse();
            if (take("&&")) {
                whole = whole.shared(now);
                now = {};
                if (next() == ']') refuse();
            } else {
                now.add(item());
            }
        }
        --depth_;
        whole = whole.shared(now);
        if (!ignores_case_) return negated ? whole.others() : whole;
        if (negated || !whole.is_ascii()) refuse();
        PointSet all;
        for (const auto& range : whole.ranges())
            for (char32_t point = range.first; point <= range.last; ++point) all.add(any_case(point));
        return all;
    }

    PointSet item() {
        using namespace categories;
        if (next() == '[' && next(1) == ':') {
            struct Posix {
                std::string_view name;
                std::uint64_t properties;
            };
            for (const Posix& posix :
                 {Posix{"[:alpha:]", bit(alphabetic)}, Posix{"[:digit:]", bit(nd)}, Posix{"[:space:]", bit(space)},
                  Posix{"[:upper:]", bit(uppercase)}, Posix{"[:lower:]", bit(lowercase)},
                  Posix{"[:punct:]", bit(posix_punct)}, Posix{"[:alnum:]", bit(alphabetic) | bit(nd)}})
                if (take(posix.name)) return having(posix.properties);
            refuse();
        }
        if (next() == '[') return set();
        const bool is_first = points_[at_ - 1] == '[' || points_[at_ - 1] == '^';
        PointSet points;
        if (next() == '\\' && several(points, true)) {
            if (next() == '-' && next(1) != ']') refuse();
            return points;
        }
        if (next() == '-' && !is_first && next(1) != ']') refuse();
        const char32_t first = one();
        if (next() != '-' || next(1) == ']') return PointSet(first);
        ++at_;
        if (next() == '[' || next() == none || (next() == '&' && next(1) == '&')) refuse();
        const char32_t last = one();
        if (last < first || (next() == '-' && next(1) != ']')) refuse();
        return {first, last};
    }

    char32_t one() {
        if (next() != '\\') return points_[at_++];
        if (next(1) == 'b') return at_ += 2, '\b';
        return character();
    }

    std::vector<char32_t> points_;
    std::size_t at_ = 0;
    int depth_ = 0;
    bool ignores_case_ = false;
    int folding_ = 0;  // where case does not count: whether an s or an f may stand directly before
};

}  // namespace

ExpressionNode read_expression(std::string_view pattern) { return Reader(pattern).read(); }

}  // namespace bearhug
