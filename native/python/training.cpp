// Training: counts of words, and the trainers.
#include "../train.hpp"
#include "tokenizer.hpp"

namespace bearhug::python {

namespace {

struct PyWordCounts {
    WordCounts counts;
};

// Called from training, without the lock: looks whether Ctrl-C was pressed, and tells who wants to know.
Watch python_watch(const std::optional<nb::callable>& call) {
    return [&call](std::string_view stage, std::size_t done, std::size_t total) {
        const nb::gil_scoped_acquire locked;
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
        if (call) (*call)(to_str(stage), done, total);
    };
}

}  // namespace

void bind_training(nb::module_& m) {
    nb::class_<PyWordCounts>(m, "WordCounts", "Pre-tokens and how often each was seen: what the trainers read.")
        .def(
            "__init__",
            [](PyWordCounts* self, std::optional<PyTokenizer> tokenizer) {
                new (self) PyWordCounts{WordCounts(tokenizer ? tokenizer->parts : nullptr)};
            },
            "tokenizer"_a = nb::none())
        .def(
            "feed",
            [](PyWordCounts& self, nb::object given, std::size_t threads) {
                const Items items(given, "texts");
                std::vector<std::string_view> texts;
                for (std::size_t i = 0; i < items.size(); ++i) {
                    if (!PyUnicode_Check(items[i].ptr()))
                        type_error("text " + std::to_string(i) + " is of the type " + class_name(items[i]) +
                                   "; expected str.");
                    texts.push_back(utf8(items[i]));
                }
                const nb::gil_scoped_release unlocked;
                self.counts.feed(texts, threads);
            },
            "texts"_a, "threads"_a = 0)
        .def(
            "add", [](PyWordCounts& self, nb::str word, std::uint64_t count) { self.counts.add(utf8(word), count); },
            "word"_a, "count"_a)
        .def("__len__", [](const PyWordCounts& self) { return self.counts.size(); })
        .def("items", [](const PyWordCounts& self) {
            nb::list out;
            for (const auto& [word, count] : self.counts.sorted()) out.append(nb::make_tuple(to_str(word), count));
            return out;
        });

    m.def(
        "train_word_level",
        [](const PyWordCounts& counts, std::size_t vocab_size, std::uint64_t min_frequency,
           std::vector<std::string> special_tokens) {
            nb::list vocabulary;
            for (const auto& token :
                 train_word_level(counts.counts, vocab_size, min_frequency, std::move(special_tokens)))
                vocabulary.append(to_str(token));
            return vocabulary;
        },
        "counts"_a, nb::kw_only(), "vocab_size"_a, "min_frequency"_a, "special_tokens"_a);

    m.def(
        "train_bpe",
        [](const PyWordCounts& counts, std::size_t vocab_size, std::uint64_t min_frequency,
           std::vector<std::string> special_tokens, std::optional<std::size_t> limit_alphabet,
           const std::vector<std::string>& initial_alphabet, std::optional<std::string> prefix,
           std::optional<std::string> suffix, std::optional<std::size_t> max_token_length,
           std::optional<nb::callable> watch) {
            BpeTraining settings{vocab_size, min_frequency,     std::move(special_tokens), limit_alphabet,
                                 {},         std::move(prefix), std::move(suffix),         max_token_length};
            for (const auto& text : initial_alphabet) {
                const char* p = text.data();
                if (!text.empty()) settings.initial_alphabet.push_back(unicode::next(p));
            }
            const Watch tell = python_watch(watch);
            Trained trained;
            {
                const nb::gil_scoped_release unlocked;
                trained = train_bpe(counts.counts, settings, tell);
            }
            nb::list vocabulary, merges;
            for (const auto& token : trained.vocabulary) vocabulary.append(to_str(token));
            for (const auto& [left, right] : trained.merges)
                merges.append(nb::make_tuple(to_str(trained.vocabulary[left]), to_str(trained.vocabulary[right])));
            return nb::make_tuple(vocabulary, merges);
        },
        "counts"_a, nb::kw_only(), "vocab_size"_a, "min_frequency"_a, "special_tokens"_a, "limit_alphabet"_a.none(),
        "initial_alphabet"_a, "continuing_subword_prefix"_a.none(), "end_of_word_suffix"_a.none(),
        "max_token_length"_a.none(), "watch"_a = nb::none());
}

}  // namespace bearhug::python
