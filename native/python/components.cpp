// The parts of a tokenizer: normalizers, pre-tokenizers, models, post-processors, decoders.
#include "convert.hpp"
#include "../model_json.hpp"
#include "ints.hpp"
#include "tokenizer_file.hpp"

namespace bearhug::python {

namespace {

nb::bytes written(const Model& model, std::string_view style, JsonText (*write)(const Model&, const JsonStyle&)) {
    const auto chosen =
        choice<JsonStyle>(style, {{"spaced", {}}, {"tight", {",", ":"}}, {"lines", {",", ": ", true}}}, "style");
    const auto text = write(model, chosen);
    return nb::bytes(text.data(), text.size());
}

Vocabulary vocabulary(nb::handle words) {
    if (nb::isinstance<Vocabulary>(words)) return nb::cast<const Vocabulary&>(words);
    if (!PyDict_Check(words.ptr()))
        type_error("the vocabulary is of the type " + class_name(words) + "; expected a dict, token -> id.");
    const auto given = nb::borrow<nb::dict>(words);
    const nb::ft_object_guard lock(given);
    constexpr std::uint32_t limit = 1u << 31;
    std::size_t bytes = 0;
    PyObject *token = nullptr, *id = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(given.ptr(), &at, &token, &id);) {
        if (!PyUnicode_Check(token))
            type_error("a token of the vocabulary is of the type " + class_name(token) + "; expected str.");
        bytes += utf8(token).size();
    }
    Vocabulary out;
    out.reserve(given.size(), bytes);
    for (Py_ssize_t at = 0; PyDict_Next(given.ptr(), &at, &token, &id);) {
        const auto text = utf8(token);
        const long long value = PyLong_Check(id) ? PyLong_AsLongLong(id) : -1;
        if (PyErr_Occurred()) PyErr_Clear();
        if (value < 0 || value >= limit)
            throw std::invalid_argument("the token '" + std::string(text) + "' has the id " +
                                        nb::cast<std::string>(nb::repr(nb::handle(id))) +
                                        "; an id is a whole number from 0 to 2147483647.");
        out.add(text, static_cast<std::uint32_t>(value));
    }
    return out;
}

std::vector<std::pair<std::string_view, double>> scored(Items& given) {
    std::vector<std::pair<std::string_view, double>> out;
    out.reserve(given.size());
    for (std::size_t i = 0; i < given.size(); ++i) {
        const nb::handle piece = given.tuple(i, 2);
        auto part = [&](Py_ssize_t at) -> nb::handle { return PyTuple_GET_ITEM(piece.ptr(), at); };
        if (!piece.is_valid() || !PyUnicode_Check(part(0).ptr()) ||
            !(PyFloat_Check(part(1).ptr()) || PyLong_Check(part(1).ptr())))
            throw std::invalid_argument("token " + std::to_string(i) + " of the Unigram model is " +
                                        nb::cast<std::string>(nb::repr(given[i])) +
                                        "; a token is a pair of its text and its score, ['a', -2.5].");
        const double score = PyFloat_AsDouble(part(1).ptr());
        if (PyErr_Occurred()) throw nb::python_error();
        out.emplace_back(utf8(part(0)), score);
    }
    return out;
}

template <class T, class Component>
std::shared_ptr<T> described(std::string json, std::shared_ptr<Component> component) {
    component->json = std::move(json);
    return component;
}

template <class T>
std::vector<std::shared_ptr<const T>> shared(const std::vector<std::shared_ptr<T>>& parts) {
    return {parts.begin(), parts.end()};
}

std::vector<Item> template_items(
    const std::vector<nb::tuple>& given,
    const std::map<std::string, std::pair<std::vector<std::uint32_t>, std::vector<std::string>>>& special) {
    std::vector<Item> out;
    for (const auto& piece : given) {
        const auto kind = nb::cast<std::string>(piece[0]);
        const auto value = nb::cast<std::string>(piece[1]);
        const auto type = nb::cast<std::uint32_t>(piece[2]);
        if (kind == "token") {
            const auto found = special.find(value);
            if (found == special.end())
                throw std::invalid_argument("Missing SpecialToken(s) with id(s) '" + value +
                                            "': the template uses it, and special_tokens does not name it.");
            out.push_back({Item::special, type, type, found->second.first, found->second.second});
        } else {
            const bool second = choice<bool>(value, {{"A", false}, {"B", true}}, "a sequence of the template");
            out.push_back({second ? Item::second : Item::first, type, second ? 1u : 0u});
        }
    }
    return out;
}

std::map<std::string, std::pair<std::vector<std::uint32_t>, std::vector<std::string>>> template_tokens(nb::dict given) {
    std::map<std::string, std::pair<std::vector<std::uint32_t>, std::vector<std::string>>> out;
    for (auto [name, value] : given) {
        auto pair = nb::cast<std::pair<std::vector<std::uint32_t>, std::vector<std::string>>>(value);
        if (pair.first.size() != pair.second.size())
            throw std::invalid_argument("the special token '" + nb::cast<std::string>(name) + "' of the template has " +
                                        std::to_string(pair.first.size()) + " ids and " +
                                        std::to_string(pair.second.size()) + " tokens; it needs as many of both.");
        out[nb::cast<std::string>(name)] = std::move(pair);
    }
    return out;
}

nb::str normalized(const Normalizer& self, nb::str text) {
    Draft draft;
    draft.start(utf8(text), 0, false);
    self.apply(draft);
    return to_str(draft.text());
}

// [start, end, start, end, ...] of the matches, in code points.
std::vector<std::uint32_t> found(const Expression& expression, nb::handle text) {
    const auto searched = utf8(text);
    std::vector<Span> matches;
    expression.find_all(searched, matches);
    unicode::CodePoints points(searched);
    std::vector<std::uint32_t> out;
    for (const auto& match : matches) {
        out.push_back(points.at(match.start));
        out.push_back(points.at(match.end));
    }
    return out;
}

}  // namespace

void bind_components(nb::module_& m) {
    nb::class_<Expression>(m, "Expression", "A regular expression as a table, which reads each character once.")
        .def_static(
            "compile",
            [](std::string_view pattern) { return std::const_pointer_cast<Expression>(Expression::compile(pattern)); },
            "pattern"_a)
        .def("find", &found, "text"_a);

    using N = std::shared_ptr<Normalizer>;
    nb::class_<Normalizer>(m, "Normalizer", "Text -> text.")
        .def_ro("json", &Normalizer::json)
        .def("normalize", &normalized, "text"_a)
        .def("normalize_str", &normalized, "text"_a)
        .def_static(
            "bert",
            [](std::string json, bool clean_text, bool handle_chinese_chars, std::optional<bool> strip_accents,
               bool lowercase) -> N {
                return described<Normalizer>(
                    std::move(json), normalizers::bert({clean_text, handle_chinese_chars, strip_accents, lowercase}));
            },
            "json"_a, "clean_text"_a, "handle_chinese_chars"_a, "strip_accents"_a.none(), "lowercase"_a)
        .def_static(
            "unicode",
            [](std::string json, std::string_view form) -> N {
                using unicode::Form;
                const Form which = choice<Form>(
                    form, {{"NFC", Form::nfc}, {"NFD", Form::nfd}, {"NFKC", Form::nfkc}, {"NFKD", Form::nfkd}}, "form");
                return described<Normalizer>(std::move(json), normalizers::normal_form(which));
            },
            "json"_a, "form"_a)
        .def_static(
            "lowercase",
            [](std::string json) -> N { return described<Normalizer>(std::move(json), normalizers::lowercase()); },
            "json"_a)
        .def_static(
            "strip_accents",
            [](std::string json) -> N { return described<Normalizer>(std::move(json), normalizers::strip_accents()); },
            "json"_a)
        .def_static(
            "strip",
            [](std::string json, bool left, bool right) -> N {
                return described<Normalizer>(std::move(json), normalizers::strip(left, right));
            },
            "json"_a, "left"_a, "right"_a)
        .def_static(
            "replace",
            [](std::string json, nb::object pattern, std::string content) -> N {
                return described<Normalizer>(std::move(json),
                                             normalizers::replace(finder(pattern), std::move(content)));
            },
            "json"_a, "pattern"_a, "content"_a)
        .def_static(
            "prepend",
            [](std::string json, std::string text) -> N {
                return described<Normalizer>(std::move(json), normalizers::prepend(std::move(text)));
            },
            "json"_a, "text"_a)
        .def_static(
            "byte_level",
            [](std::string json) -> N { return described<Normalizer>(std::move(json), normalizers::byte_level()); },
            "json"_a)
        .def_static(
            "nmt", [](std::string json) -> N { return described<Normalizer>(std::move(json), normalizers::nmt()); },
            "json"_a)
        .def_static(
            "precompiled",
            [](std::string json, nb::bytes charsmap) -> N {
                return described<Normalizer>(std::move(json),
                                             normalizers::precompiled({charsmap.c_str(), charsmap.size()}));
            },
            "json"_a, "charsmap"_a)
        .def_static(
            "sequence",
            [](std::string json, const std::vector<N>& parts) -> N {
                return described<Normalizer>(std::move(json), normalizers::sequence(shared(parts)));
            },
            "json"_a, "parts"_a);

    using P = std::shared_ptr<PreTokenizer>;
    nb::class_<PreTokenizer>(m, "PreTokenizer", "Text -> pre-tokens, the pieces that the model sees one at a time.")
        .def_ro("json", &PreTokenizer::json)
        .def(
            "split",
            [](const PreTokenizer& self, nb::str given) {
                const auto text = utf8(given);
                nb::list out;
                if (text.empty()) {
                    if (self.is_nothing()) out.append(nb::make_tuple("", nb::make_tuple(0, 0)));
                    return out;
                }
                Draft draft;
                draft.start(text, 0, true);
                Pieces pieces;
                pieces.spans.push_back({0, static_cast<std::uint32_t>(text.size())});
                self.split(draft, pieces);
                spell_bytes(draft, pieces);
                unicode::CodePoints points(text);
                for (const auto& span : pieces.spans) {
                    const Span origin = draft.origin(span);
                    const auto start = points.at(origin.start);
                    out.append(nb::make_tuple(to_str(draft.text().substr(span.start, span.size())),
                                              nb::make_tuple(start, points.at(origin.end))));
                }
                return out;
            },
            "text"_a)
        .def_static(
            "byte_level",
            [](std::string json, bool add_prefix_space, bool, bool use_regex) -> P {
                return described<PreTokenizer>(std::move(json),
                                               pre_tokenizers::byte_level(add_prefix_space, use_regex));
            },
            "json"_a, "add_prefix_space"_a, "trim_offsets"_a, "use_regex"_a)
        .def_static(
            "bert",
            [](std::string json) -> P { return described<PreTokenizer>(std::move(json), pre_tokenizers::bert()); },
            "json"_a)
        .def_static(
            "whitespace",
            [](std::string json) -> P {
                return described<PreTokenizer>(std::move(json), pre_tokenizers::whitespace());
            },
            "json"_a)
        .def_static(
            "whitespace_split",
            [](std::string json) -> P {
                return described<PreTokenizer>(std::move(json), pre_tokenizers::whitespace_split());
            },
            "json"_a)
        .def_static(
            "punctuation",
            [](std::string json, std::string_view how) -> P {
                return described<PreTokenizer>(std::move(json), pre_tokenizers::punctuation(behavior(how)));
            },
            "json"_a, "behavior"_a)
        .def_static(
            "digits",
            [](std::string json, bool individual) -> P {
                return described<PreTokenizer>(std::move(json), pre_tokenizers::digits(individual));
            },
            "json"_a, "individual_digits"_a)
        .def_static(
            "metaspace",
            [](std::string json, std::string replacement, std::string_view scheme, bool split) -> P {
                if (unicode::count(replacement) != 1)
                    throw std::invalid_argument("Metaspace's replacement is '" + replacement +
                                                "'; it is one character.");
                return described<PreTokenizer>(
                    std::move(json), pre_tokenizers::metaspace(std::move(replacement), prepend_scheme(scheme), split));
            },
            "json"_a, "replacement"_a, "prepend_scheme"_a, "split"_a)
        .def_static(
            "split_literal",
            [](std::string json, std::string pattern, std::string_view how, bool invert) -> P {
                return described<PreTokenizer>(
                    std::move(json), pre_tokenizers::split(literal(std::move(pattern)), behavior(how), invert));
            },
            "json"_a, "pattern"_a, "behavior"_a, "invert"_a)
        .def_static(
            "split_known",
            [](std::string json, std::string_view scanner, std::string_view how, bool invert) -> P {
                return described<PreTokenizer>(std::move(json),
                                               pre_tokenizers::split(scan::by_name(scanner), behavior(how), invert));
            },
            "json"_a, "scanner"_a, "behavior"_a, "invert"_a)
        .def_static(
            "split_finder",
            [](std::string json, nb::object find, std::string_view how, bool invert) -> P {
                auto split = nb::isinstance<Expression>(find)
                                 ? pre_tokenizers::split(nb::cast<std::shared_ptr<Expression>>(find),
                                                         behavior(how), invert)
                                 : pre_tokenizers::split(finder(find), behavior(how), invert);
                return described<PreTokenizer>(std::move(json), std::move(split));
            },
            "json"_a, "find"_a, "behavior"_a, "invert"_a)
        .def_static(
            "fixed_length",
            [](std::string json, std::size_t length) -> P {
                if (length == 0) throw std::invalid_argument("FixedLength has the length 0; it is at least 1.");
                return described<PreTokenizer>(std::move(json), pre_tokenizers::fixed_length(length));
            },
            "json"_a, "length"_a)
        .def_static(
            "unicode_scripts",
            [](std::string json) -> P {
                return described<PreTokenizer>(std::move(json), pre_tokenizers::unicode_scripts());
            },
            "json"_a)
        .def_static(
            "sequence",
            [](std::string json, const std::vector<P>& parts) -> P {
                return described<PreTokenizer>(std::move(json), pre_tokenizers::sequence(shared(parts)));
            },
            "json"_a, "parts"_a);

    using M = std::shared_ptr<Model>;
    nb::class_<Model>(m, "Model", "Pre-token -> tokens.")
        .def_ro("json", &Model::json)
        .def_prop_ro("kind", &Model::kind)
        .def("merges",
             [](const Model& self) {
                 const NoCollection quiet;
                 nb::list out;
                 self.each_merge([&](std::string_view left, std::string_view right) {
                     out.append(nb::make_tuple(to_str(left), to_str(right)));
                 });
                 return out;
             })
        .def(
            "vocabulary_json",
            [](const Model& self, std::string_view style) { return written(self, style, vocabulary_json); }, "style"_a)
        .def(
            "merges_json", [](const Model& self, std::string_view style) { return written(self, style, merges_json); },
            "style"_a)
        .def("vocab",
             [](const Model& self) {
                 nb::dict out;
                 self.vocabulary.each(
                     [&](std::string_view token, std::uint32_t id) { out[to_str(token)] = nb::int_(id); });
                 return out;
             })
        .def(
            "token_to_id",
            [](const Model& self, nb::str token) -> std::optional<std::uint32_t> {
                const std::uint32_t id = self.vocabulary.find(utf8(token));
                return id == no_id ? std::nullopt : std::optional(id);
            },
            "token"_a)
        .def(
            "id_to_token",
            [](const Model& self, nb::int_ id) -> nb::object {
                const auto known = to_id(id);
                if (!self.vocabulary.has(known)) return nb::none();
                return to_str(self.vocabulary.token(known));
            },
            "id"_a)
        .def(
            "tokenize",
            [](const Model& self, nb::str given) {
                const auto piece = utf8(given);
                Tokens tokens;
                tokens.tracking = true;
                if (!piece.empty()) self.tokenize(piece, false, tokens, *self.workspace());
                nb::list out;
                std::uint32_t start = 0;
                for (std::size_t i = 0; i < tokens.ids.size(); ++i) {
                    const auto id = tokens.ids[i];
                    // An unknown piece of a Unigram model keeps its own text.
                    const bool own = self.scores() && id == self.unk_id();
                    const auto text = own ? piece.substr(start, tokens.ends[i] - start) : self.vocabulary.token(id);
                    out.append(nb::make_tuple(id, to_str(text), nb::make_tuple(start, tokens.ends[i])));
                    start = tokens.ends[i];
                }
                return out;
            },
            "piece"_a)
        .def_static(
            "bpe",
            [](std::string json, nb::object vocab, nb::object given, std::optional<double> dropout,
               std::optional<std::string> unk_token, std::optional<std::string> prefix,
               std::optional<std::string> suffix, bool fuse_unk, bool byte_fallback, bool ignore_merges) -> M {
                BpeSettings settings{std::nullopt, std::move(unk_token), std::move(prefix), std::move(suffix),
                                     fuse_unk,     byte_fallback,        ignore_merges};
                if (dropout) settings.dropout = static_cast<float>(*dropout);
                auto words = vocabulary(vocab);
                auto merges = merges_of(words, given, settings.continuing_subword_prefix.value_or(""));
                return described<Model>(std::move(json),
                                        make_bpe(std::move(words), std::move(merges), std::move(settings)));
            },
            "json"_a, "vocab"_a, "merges"_a, "dropout"_a.none(), "unk_token"_a.none(),
            "continuing_subword_prefix"_a.none(), "end_of_word_suffix"_a.none(), "fuse_unk"_a, "byte_fallback"_a,
            "ignore_merges"_a)
        .def_static(
            "wordpiece",
            [](std::string json, nb::object vocab, std::string unk_token, std::string prefix,
               std::size_t max_chars) -> M {
                return described<Model>(std::move(json), make_wordpiece(vocabulary(vocab), std::move(unk_token),
                                                                        std::move(prefix), max_chars));
            },
            "json"_a, "vocab"_a, "unk_token"_a, "continuing_subword_prefix"_a, "max_input_chars_per_word"_a)
        .def("pieces",
             [](const Model& self) {
                 nb::list out;
                 const auto* scores = self.scores();
                 for (std::size_t id = 0; scores && id < scores->size(); ++id)
                     out.append(nb::make_tuple(to_str(self.vocabulary.token(static_cast<std::uint32_t>(id))),
                                               nb::float_((*scores)[id])));
                 return out;
             })
        .def_static(
            "unigram",
            [](std::string json, nb::object vocab, std::optional<std::uint32_t> unk_id, bool byte_fallback,
               std::optional<double> alpha, std::optional<std::size_t> nbest_size) -> M {
                Items items(vocab, "the vocabulary of a Unigram model");
                return described<Model>(std::move(json), make_unigram(scored(items), unk_id, byte_fallback,
                                                                      {alpha.value_or(0), nbest_size.value_or(0)}));
            },
            "json"_a, "vocab"_a, "unk_id"_a.none() = nb::none(), "byte_fallback"_a = false,
            "alpha"_a.none() = nb::none(), "nbest_size"_a.none() = nb::none())
        .def_static(
            "wordlevel",
            [](std::string json, nb::object vocab, std::string unk_token) -> M {
                return described<Model>(std::move(json), make_wordlevel(vocabulary(vocab), std::move(unk_token)));
            },
            "json"_a, "vocab"_a, "unk_token"_a);

    using T = std::shared_ptr<PostProcessor>;
    using post_processors::Special;
    nb::class_<PostProcessor>(m, "PostProcessor", "Adds special tokens around one or two encoded sequences.")
        .def_ro("json", &PostProcessor::json)
        .def(
            "added_tokens", [](const PostProcessor& self, bool is_pair) { return self.added[is_pair]; }, "is_pair"_a)
        .def_static(
            "template",
            [](std::string json, const std::vector<nb::tuple>& single, const std::vector<nb::tuple>& pair,
               nb::dict special_tokens) -> T {
                const auto special = template_tokens(special_tokens);
                return described<PostProcessor>(
                    std::move(json),
                    post_processors::from_template(template_items(single, special), template_items(pair, special)));
            },
            "json"_a, "single"_a, "pair"_a, "special_tokens"_a)
        .def_static(
            "bert",
            [](std::string json, const Special& sep, const Special& cls) -> T {
                return described<PostProcessor>(std::move(json), post_processors::bert(sep, cls));
            },
            "json"_a, "sep"_a, "cls"_a)
        .def_static(
            "roberta",
            [](std::string json, const Special& sep, const Special& cls, bool trim_offsets,
               bool add_prefix_space) -> T {
                return described<PostProcessor>(std::move(json),
                                                post_processors::roberta(sep, cls, trim_offsets, add_prefix_space));
            },
            "json"_a, "sep"_a, "cls"_a, "trim_offsets"_a, "add_prefix_space"_a)
        .def_static(
            "byte_level",
            [](std::string json, bool add_prefix_space, bool trim_offsets) -> T {
                return described<PostProcessor>(std::move(json),
                                                post_processors::byte_level(trim_offsets, add_prefix_space));
            },
            "json"_a, "add_prefix_space"_a, "trim_offsets"_a)
        .def_static(
            "sequence",
            [](std::string json, const std::vector<T>& parts) -> T {
                return described<PostProcessor>(std::move(json), post_processors::sequence(shared(parts)));
            },
            "json"_a, "parts"_a);

    using D = std::shared_ptr<Decoder>;
    nb::class_<Decoder>(m, "Decoder", "Tokens' texts -> text.")
        .def_ro("json", &Decoder::json)
        .def(
            "decode",
            [](const Decoder& self, std::vector<std::string> tokens) {
                self.apply(tokens);
                std::string text;
                for (const auto& token : tokens) text += token;
                return to_str(unicode::lossy(text));
            },
            "tokens"_a)
        .def_static(
            "byte_level",
            [](std::string json) -> D { return described<Decoder>(std::move(json), decoders::byte_level()); }, "json"_a)
        .def_static(
            "wordpiece",
            [](std::string json, std::string prefix, bool cleanup) -> D {
                return described<Decoder>(std::move(json), decoders::wordpiece(std::move(prefix), cleanup));
            },
            "json"_a, "prefix"_a, "cleanup"_a)
        .def_static(
            "bpe",
            [](std::string json, std::string suffix) -> D {
                return described<Decoder>(std::move(json), decoders::bpe(std::move(suffix)));
            },
            "json"_a, "suffix"_a)
        .def_static(
            "byte_fallback",
            [](std::string json) -> D { return described<Decoder>(std::move(json), decoders::byte_fallback()); },
            "json"_a)
        .def_static(
            "fuse", [](std::string json) -> D { return described<Decoder>(std::move(json), decoders::fuse()); },
            "json"_a)
        .def_static(
            "replace",
            [](std::string json, nb::object pattern, std::string content) -> D {
                return described<Decoder>(std::move(json), decoders::replace(finder(pattern), std::move(content)));
            },
            "json"_a, "pattern"_a, "content"_a)
        .def_static(
            "strip",
            [](std::string json, std::string content, std::size_t start, std::size_t stop) -> D {
                if (unicode::count(content) != 1)
                    throw std::invalid_argument("the Strip decoder's content is '" + content +
                                                "'; it is one character.");
                const char* p = content.data();
                return described<Decoder>(std::move(json), decoders::strip(unicode::next(p), start, stop));
            },
            "json"_a, "content"_a, "start"_a, "stop"_a)
        .def_static(
            "metaspace",
            [](std::string json, std::string replacement, std::string_view scheme) -> D {
                return described<Decoder>(
                    std::move(json), decoders::metaspace(std::move(replacement),
                                                         prepend_scheme(scheme) != pre_tokenizers::Prepend::never));
            },
            "json"_a, "replacement"_a, "prepend_scheme"_a)
        .def_static(
            "ctc",
            [](std::string json, std::string pad_token, std::string delimiter, bool cleanup) -> D {
                return described<Decoder>(std::move(json),
                                          decoders::ctc(std::move(pad_token), std::move(delimiter), cleanup));
            },
            "json"_a, "pad_token"_a, "word_delimiter_token"_a, "cleanup"_a)
        .def_static(
            "sequence",
            [](std::string json, const std::vector<D>& parts) -> D {
                return described<Decoder>(std::move(json), decoders::sequence(shared(parts)));
            },
            "json"_a, "parts"_a);
}

}  // namespace bearhug::python
