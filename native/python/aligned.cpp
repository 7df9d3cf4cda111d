// AlignedText, and the parts that are written in Python.
#include "../aligned.hpp"

#include "convert.hpp"

namespace bearhug::python {

namespace {

// A function that the part in Python keeps alive, not this: Python could not see a circle through here, and would never
// take it apart.
class Called {
 public:
    explicit Called(const nb::callable& call) : reference_(nb::steal(PyWeakref_NewRef(call.ptr(), nullptr))) {
        if (!reference_.is_valid()) throw nb::python_error();
    }
    template <class... Values>
    nb::object operator()(const Values&... values) const {
        const nb::object call = reference_();
        if (call.is_none()) throw std::runtime_error("a part in Python was used when it was gone; keep its tokenizer.");
        return call(values...);
    }

 private:
    nb::object reference_;
};

// A normalizer in Python: a function that changes the text it is called with.
class CalledNormalizer : public Normalizer {
 public:
    explicit CalledNormalizer(const nb::callable& call) : call_(call) {}
    void apply(Draft& draft) const override {
        const nb::gil_scoped_acquire locked;
        const nb::object text = nb::cast(AlignedText(draft));
        call_(text);
        AlignedText::put({nb::cast<AlignedText*>(text)}, draft);
    }
    bool reads_origins() const override { return true; }

 private:
    Called call_;
};

// A pre-tokenizer in Python: a function from the pieces to others.
class CalledPreTokenizer : public PreTokenizer {
 public:
    explicit CalledPreTokenizer(const nb::callable& call) : call_(call) {}
    void split(Draft& draft, Pieces& pieces) const override {
        const nb::gil_scoped_acquire locked;
        spell_bytes(draft, pieces);
        nb::list given;
        for (auto& piece : AlignedText::pieces_of(draft, pieces.spans)) given.append(nb::cast(std::move(piece)));
        const Items cut(call_(given, to_str(draft.input()), draft.input_base()), "what a pre-tokenizer returned");
        std::vector<const AlignedText*> texts;
        for (std::size_t i = 0; i < cut.size(); ++i) texts.push_back(nb::cast<AlignedText*>(cut[i]));
        pieces.spans = AlignedText::put(texts, draft);
    }
    bool reads_origins() const override { return true; }
    bool rewrites() const override { return true; }

 private:
    Called call_;
};

// A decoder in Python: a function from the tokens' texts to others.
class CalledDecoder : public Decoder {
 public:
    explicit CalledDecoder(const nb::callable& call) : call_(call) {}
    void apply(std::vector<std::string>& tokens) const override {
        const nb::gil_scoped_acquire locked;
        nb::list given;
        for (const auto& token : tokens) given.append(to_str(unicode::lossy(token)));
        const Items texts(call_(given), "what a decoder returned");
        tokens.clear();
        for (std::size_t i = 0; i < texts.size(); ++i) {
            if (!PyUnicode_Check(texts[i].ptr()))
                type_error("a decoder returned a list with a " + class_name(texts[i]) + "; expected str.");
            tokens.emplace_back(utf8(texts[i]));
        }
    }

 private:
    Called call_;
};

// How the descriptions of parts speak of one that no file can hold.
template <class T>
std::shared_ptr<T> described(std::shared_ptr<T> part) {
    part->json = R"({"type": "Custom"})";
    return part;
}

nb::object pair(const std::optional<Span>& span) {
    return span ? nb::object(nb::make_tuple(span->start, span->end)) : nb::object(nb::none());
}

}  // namespace

void bind_aligned(nb::module_& m) {
    const nb::lock_self alone;  // threads may share a text and change it
    nb::class_<AlignedText>(m, "AlignedText", "A text beside what it was made of.")
        .def(
            "__init__", [](AlignedText* self, nb::str text) { new (self) AlignedText(std::string(utf8(text))); },
            "text"_a)
        .def_prop_ro("original", [](const AlignedText& self) { return to_str(self.original()); }, alone)
        .def_prop_ro("text", [](const AlignedText& self) { return to_str(self.text()); }, alone)
        .def_prop_ro("shift", &AlignedText::shift, alone)
        .def("copy", [](const AlignedText& self) { return AlignedText(self); }, alone)
        .def("apply", &AlignedText::apply, "normalizer"_a, alone)
        .def("split", &AlignedText::split, "pre_tokenizer"_a, alone)
        .def(
            "transform",
            [](AlignedText& self, const std::vector<std::pair<nb::str, int>>& changes, std::size_t skipped) {
                std::vector<unicode::Changed> changed;
                for (const auto& [character, change] : changes) {
                    const auto text = utf8(character);
                    const char* p = text.data();
                    if (!text.empty()) changed.push_back({unicode::next(p), change});
                }
                self.transform(changed, skipped);
            },
            "changes"_a, "skipped"_a = 0, alone)
        .def("append", [](AlignedText& self, nb::str text) { self.append(utf8(text)); }, "text"_a, alone)
        .def("clear", &AlignedText::clear, alone)
        .def(
            "slice",
            [](const AlignedText& self, std::size_t start, std::size_t end) {
                const char* const first = self.text().data();
                const char* const last = first + self.text().size();
                const char* p = first;
                auto byte_of = [&, point = std::size_t{0}](std::size_t wanted) mutable {
                    for (; point < wanted && p < last; ++point) unicode::next(p);
                    return static_cast<std::uint32_t>(p - first);
                };
                const auto from = byte_of(start);
                return self.slice({from, byte_of(end)});
            },
            "start"_a, "end"_a, alone)
        .def(
            "origin",
            [](const AlignedText& self, std::uint32_t start, std::uint32_t end) { return pair(self.origin({start, end})); },
            "start"_a, "end"_a, alone);

    m.def(
        "called_normalizer",
        [](nb::callable call) -> std::shared_ptr<Normalizer> { return described<Normalizer>(std::make_shared<CalledNormalizer>(call)); },
        "call"_a);
    m.def(
        "called_pre_tokenizer",
        [](nb::callable call) -> std::shared_ptr<PreTokenizer> { return described<PreTokenizer>(std::make_shared<CalledPreTokenizer>(call)); },
        "call"_a);
    m.def(
        "called_decoder",
        [](nb::callable call) -> std::shared_ptr<Decoder> { return described<Decoder>(std::make_shared<CalledDecoder>(call)); }, "call"_a);
}

}  // namespace bearhug::python
