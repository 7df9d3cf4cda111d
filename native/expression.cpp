#include "expression.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <utility>

namespace bearhug {
namespace {

constexpr std::size_t most_steps = 4000, most_entries = std::size_t{1} << 16, most_classes = 200;

struct Step {
    enum Kind : std::uint8_t { set, ahead, behind, fork, match } kind;
    bool edge = false;                  // of ahead, behind
    std::uint32_t points = 0;           // of set, ahead, behind: a number among the sets
    std::uint32_t next = 0, other = 0;  // fork: `next` is preferred
};

// The tree as steps, from the last to the first.
class Program {
 public:
    explicit Program(const ExpressionNode& tree) {
        const auto end = add({.kind = Step::match});
        start = write(tree, end);
    }
    std::vector<Step> steps;
    std::vector<PointSet> sets;
    std::uint32_t start;

 private:
    std::uint32_t add(Step step) {
        if (steps.size() >= most_steps) throw std::invalid_argument("an expression of too many steps");
        steps.push_back(step);
        return static_cast<std::uint32_t>(steps.size() - 1);
    }
    std::uint32_t number(const PointSet& points) {
        const auto at = std::find(sets.begin(), sets.end(), points);
        if (at == sets.end()) return sets.push_back(points), static_cast<std::uint32_t>(sets.size() - 1);
        return static_cast<std::uint32_t>(at - sets.begin());
    }
    std::uint32_t fork(bool greedy, std::uint32_t again, std::uint32_t on) {
        return add({.kind = Step::fork, .next = greedy ? again : on, .other = greedy ? on : again});
    }

    // Returns where it starts; what follows it starts at `next`.
    std::uint32_t write(const ExpressionNode& node, std::uint32_t next) {
        switch (node.kind) {
            case ExpressionNode::set:
                return add({.kind = Step::set, .points = number(node.points), .next = next});
            case ExpressionNode::ahead:
            case ExpressionNode::behind:
                return add({.kind = node.kind == ExpressionNode::ahead ? Step::ahead : Step::behind,
                            .edge = node.edge,
                            .points = number(node.points),
                            .next = next});
            case ExpressionNode::sequence:
                for (auto part = node.parts.rbegin(); part != node.parts.rend(); ++part) next = write(*part, next);
                return next;
            case ExpressionNode::alternatives: {
                auto start = write(node.parts.back(), next);
                for (auto part = node.parts.rbegin() + 1; part != node.parts.rend(); ++part)
                    start = add({.kind = Step::fork, .next = write(*part, next), .other = start});
                return start;
            }
            case ExpressionNode::repeat: {
                const auto& part = node.parts[0];
                auto start = next;
                if (node.most < 0) {
                    const auto loop = fork(node.greedy, 0, next);
                    const auto body = write(part, loop);
                    (node.greedy ? steps[loop].next : steps[loop].other) = body;
                    start = loop;
                } else {
                    for (int i = node.least; i < node.most; ++i) start = fork(node.greedy, write(part, start), next);
                }
                for (int i = 0; i < node.least; ++i) start = write(part, start);
                return start;
            }
        }
        return next;
    }
};

// What the characters differ in: which of the sets hold them.
struct Classes {
    struct Run {
        char32_t first;
        std::uint8_t number;
    };
    std::vector<Run> runs;
    std::vector<std::vector<bool>> holds;  // of each set: of each class

    explicit Classes(const std::vector<PointSet>& sets) {
        std::vector<char32_t> firsts{0};
        for (const auto& set : sets)
            for (const auto& range : set.ranges()) {
                firsts.push_back(range.first);
                if (range.last < PointSet::most) firsts.push_back(range.last + 1);
            }
        std::sort(firsts.begin(), firsts.end());
        firsts.erase(std::unique(firsts.begin(), firsts.end()), firsts.end());
        std::vector<std::size_t> at(sets.size());
        std::map<std::vector<bool>, std::uint8_t> known;
        std::vector<bool> held(sets.size());
        holds.resize(sets.size());
        for (const char32_t first : firsts) {
            for (std::size_t i = 0; i < sets.size(); ++i) {
                const auto& ranges = sets[i].ranges();
                while (at[i] < ranges.size() && ranges[at[i]].last < first) ++at[i];
                held[i] = at[i] < ranges.size() && ranges[at[i]].first <= first;
            }
            const auto [one, is_new] = known.try_emplace(held, static_cast<std::uint8_t>(known.size()));
            if (is_new) {
                if (known.size() > most_classes) throw std::invalid_argument("an expression of too many sets");
                for (std::size_t i = 0; i < sets.size(); ++i) holds[i].push_back(held[i]);
            }
            runs.push_back({first, one->second});
        }
        count = static_cast<std::uint32_t>(known.size());
    }
    std::uint32_t count;
};

// Where a search may be between two characters: at these steps, the preferred first. `before`: the class of the
// character before, where that matters.
struct State {
    std::vector<std::uint32_t> at;
    std::uint32_t before;
    auto operator<=>(const State&) const = default;
};

}  // namespace

std::shared_ptr<const Expression> Expression::compile(std::string_view pattern) {
    try {
        const std::shared_ptr<Expression> made(new Expression);
        made->build(read_expression(pattern));
        return made;
    } catch (const std::invalid_argument&) {
        return nullptr;
    }
}

void Expression::build(const ExpressionNode& tree) {
    const Program program(tree);
    const Classes classes(program.sets);
    classes_ = classes.count;
    const std::uint32_t edge = classes_, symbols = classes_ + 1;
    looks_behind_ = std::any_of(program.steps.begin(), program.steps.end(),
                                [](const Step& step) { return step.kind == Step::behind; });

    std::map<State, std::uint32_t> rows;
    std::vector<const State*> waiting;
    auto row = [&](State state) {
        if (state.at.empty()) return std::uint32_t{0};
        const auto [found, is_new] = rows.try_emplace(std::move(state), static_cast<std::uint32_t>(table_.size()));
        if (is_new) {
            waiting.push_back(&found->first);
            table_.resize(table_.size() + symbols);
            if (table_.size() > most_entries) throw std::invalid_argument("an expression of too many states");
        }
        return found->second;
    };
    table_.assign(symbols, 0);
    if (looks_behind_) {
        for (std::uint32_t before = 0; before < symbols; ++before) starts_.push_back(row({{program.start}, before}));
    } else {
        start_ = row({{program.start}, 0});
    }

    std::vector<std::uint32_t> stack;
    std::vector<bool> seen(program.steps.size()), reached(program.steps.size());
    for (std::size_t done = 0; done < waiting.size(); ++done) {
        const State& from = *waiting[done];
        const std::uint32_t place = rows.at(from);
        for (std::uint32_t symbol = 0; symbol < symbols; ++symbol) {
            auto holds = [&](const Step& step, std::uint32_t character) {
                return character == edge ? step.kind != Step::set && step.edge : classes.holds[step.points][character];
            };
            State to{{}, looks_behind_ ? symbol : 0};
            bool matched = false;
            std::fill(seen.begin(), seen.end(), false);
            std::fill(reached.begin(), reached.end(), false);
            stack.assign(from.at.rbegin(), from.at.rend());
            while (!stack.empty() && !matched) {
                const auto at = stack.back();
                stack.pop_back();
                if (seen[at]) continue;
                seen[at] = true;
                const Step& step = program.steps[at];
                switch (step.kind) {
                    case Step::match:
                        matched = true;  // what is less preferred counts no longer
                        break;
                    case Step::fork:
                        stack.push_back(step.other);
                        stack.push_back(step.next);
                        break;
                    case Step::ahead:
                        if (holds(step, symbol)) stack.push_back(step.next);
                        break;
                    case Step::behind:
                        if (holds(step, from.before)) stack.push_back(step.next);
                        break;
                    case Step::set:
                        if (holds(step, symbol) && !reached[step.next]) {
                            reached[step.next] = true;
                            to.at.push_back(step.next);
                        }
                        break;
                }
            }
            const std::uint32_t next = row(std::move(to));  // may move the table
            table_[place + symbol] = next << 1 | matched;
        }
    }

    std::fill(may_start_.begin() + 0xC0, may_start_.end(), true);  // characters beyond ASCII
    std::size_t run = 0;
    auto class_at = [&](char32_t point) {  // asked for in rising order
        while (run + 1 < classes.runs.size() && classes.runs[run + 1].first <= point) ++run;
        return classes.runs[run].number;
    };
    constexpr std::uint32_t none = 0xFFFFFFFF;
    std::vector<std::uint32_t> uniform(classes.count, none);  // where a block of one class alone stands
    for (char32_t first = 0; first <= PointSet::most; first += block_size) {
        const auto number = class_at(first);
        const bool is_uniform = run + 1 == classes.runs.size() || classes.runs[run + 1].first >= first + block_size;
        auto place = static_cast<std::uint32_t>(class_in_block_.size());
        if (is_uniform && uniform[number] != none) {
            place = uniform[number];
        } else {
            if (is_uniform) uniform[number] = place;
            for (char32_t point = first; point < first + block_size; ++point)
                class_in_block_.push_back(class_at(point));
        }
        block_of_.push_back(place);
    }
    for (std::size_t byte = 0; byte < 128; ++byte) {
        ascii_[byte] = class_in_block_[byte];
        const auto starts = [&](std::uint32_t state) { return table_[state + ascii_[byte]] > 1; };
        may_start_[byte] = looks_behind_ ? std::any_of(starts_.begin(), starts_.end(), starts) : starts(start_);
    }
}

std::uint32_t Expression::start_behind(const char* begin, const char* p) const {
    return starts_[p == begin ? classes_ : class_of(unicode::previous(p))];
}

// Where searches have been that found nothing: one that comes to the same state at the same place finds nothing either.
class Expression::Marks {
 public:
    bool put(std::uint32_t state, const char* p) {
        if (seen_.size() > most) seen_.clear();
        return seen_.insert(reinterpret_cast<std::uintptr_t>(p) << 16 ^ state).second;
    }

 private:
    static constexpr std::size_t most = std::size_t{1} << 20;
    std::unordered_set<std::uint64_t> seen_;
};

// As match_from, for searches behind one another that all read far: `\d+(?=x)` in a long number that no x follows.
const char* Expression::match_marked(std::uint32_t state, const char* p, const char* end, Marks& marks) const {
    constexpr std::ptrdiff_t near = 64;
    const char* const start = p;
    const char* found = nullptr;
    while (p < end) {
        if (p - start > near && !marks.put(state, p)) return found;
        const char* after = p;
        const std::uint32_t entry = table_[state + class_of(unicode::next(after))];
        if (entry & 1) found = p;
        state = entry >> 1;
        if (state == 0) return found;
        p = after;
    }
    return table_[state + classes_] & 1 ? p : found;
}

bool Expression::find(const char* begin, const char*& p, const char*& match_end, const char* end) const {
    constexpr int few = 16;
    for (int failed = 0; failed < few; ++failed, ++p) {
        while (p < end && !may_start_[static_cast<unsigned char>(*p)]) ++p;
        if (p == end) return false;
        match_end = match(begin, p, end);
        if (match_end) return true;
    }
    for (Marks marks;; ++p) {
        while (p < end && !may_start_[static_cast<unsigned char>(*p)]) ++p;
        if (p == end) return false;
        match_end = match_marked(looks_behind_ ? start_behind(begin, p) : start_, p, end, marks);
        if (match_end) return true;
    }
}

void Expression::find_all(std::string_view text, std::vector<Span>& matches) const {
    matches.clear();
    const char* const begin = text.data();
    const char* match_end = nullptr;
    for (const char* p = begin; find(begin, p, match_end, begin + text.size()); p = match_end)
        matches.push_back({static_cast<std::uint32_t>(p - begin), static_cast<std::uint32_t>(match_end - begin)});
}

}  // namespace bearhug
