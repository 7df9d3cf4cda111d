// Training: counts of words, and the trainers.
#include <mutex>
#include <set>
#include <shared_mutex>

#include "../train.hpp"
#include "tokenizer.hpp"

namespace bearhug::python {

namespace {

// Any number of threads feed and add at once; whatever else is done has the counts for itself.
struct PyCounts : WordCounts {
    using WordCounts::WordCounts;

    using Feeding = std::shared_lock<std::shared_mutex>;
    using Alone = std::unique_lock<std::shared_mutex>;
    // Nobody waits: who holds them may be calling Python.
    template <class Lock>
    Lock take() {
        Lock lock(in_use_, std::try_to_lock);
        if (!lock)
            throw std::runtime_error("these counts of words are in use by another thread; wait until it is done.");
        return lock;
    }

 private:
    std::shared_mutex in_use_;
};

std::vector<PyCounts::Alone> take_alone(const std::vector<PyCounts*>& some, const std::vector<PyCounts*>& others) {
    std::set<PyCounts*> all(some.begin(), some.end());
    all.insert(others.begin(), others.end());
    std::vector<PyCounts::Alone> locks;
    for (PyCounts* const counts : all) locks.push_back(counts->take<PyCounts::Alone>());
    return locks;
}

// A method that has the counts for itself, without Python's lock.
template <class Result, class... Values>
auto alone(Result (WordCounts::*method)(Values...)) {
    return [method](PyCounts& self, Values... values) {
        const nb::gil_scoped_release unlocked;
        const auto lock = self.take<PyCounts::Alone>();
        return (self.*method)(std::move(values)...);
    };
}

// Called from training, without the lock: looks whether Ctrl-C was pressed, and tells who wants to know.
Watch python_watch(const std::optional<nb::callable>& call) {
    return [&call](std::string_view stage, std::size_t done, std::size_t total) {
        const nb::gil_scoped_acquire locked;
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
        if (call) (*call)(to_str(stage), done, total);
    };
}

std::vector<std::string_view> to_texts(const Items& items) {
    std::vector<std::string_view> texts;
    texts.reserve(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (!PyUnicode_Check(items[i].ptr()))
            type_error("a text to learn from is of the type " + class_name(items[i]) + "; expected str.");
        texts.push_back(utf8(items[i]));
    }
    return texts;
}

std::vector<char32_t> first_characters(const std::vector<std::string>& texts) {
    std::vector<char32_t> out;
    for (const auto& text : texts) {
        const char* p = text.data();
        if (!text.empty()) out.push_back(unicode::next(p));
    }
    return out;
}

nb::list to_list(const std::vector<std::string>& texts) {
    nb::list out;
    for (const auto& text : texts) out.append(to_str(text));
    return out;
}

nb::tuple to_result(const TrainedBpe& trained) {
    nb::list merges;
    for (const auto& [left, right] : trained.merges)
        merges.append(nb::make_tuple(to_str(trained.vocabulary[left]), to_str(trained.vocabulary[right])));
    return nb::make_tuple(to_list(trained.vocabulary), merges);
}

}  // namespace

void bind_training(nb::module_& m) {
    nb::class_<PyCounts>(m, "WordCounts", nb::is_weak_referenceable(),
                         "Words and how often each was seen: what the trainers read.")
        .def(
            "__init__",
            [](PyCounts* self, const PyTokenizer* tokenizer, std::string folder, std::size_t max_bytes) {
                new (self) PyCounts(tokenizer ? std::shared_ptr<const Parts>(tokenizer->parts()) : nullptr,
                                    std::move(folder), max_bytes);
            },
            "tokenizer"_a = nb::none(), "folder"_a = "", "max_bytes"_a = 0)
        .def(
            "feed",
            [](PyCounts& self, nb::object given, std::size_t threads) {
                const Items items(given, "texts");
                const auto texts = to_texts(items);
                const nb::gil_scoped_release unlocked;
                const auto lock = self.take<PyCounts::Feeding>();
                self.feed(texts, threads);
            },
            "texts"_a, "threads"_a = 0)
        .def(
            "add",
            [](PyCounts& self, nb::str word, std::uint64_t count) {
                const auto lock = self.take<PyCounts::Feeding>();
                self.add(utf8(word), count);
            },
            "word"_a, "count"_a)
        .def("spill", alone(&WordCounts::spill))
        .def("merge_runs", alone(&WordCounts::merge_runs))
        .def("remove_merged", alone(&WordCounts::remove_merged))
        .def("resume", alone(&WordCounts::resume), "runs"_a)
        .def_prop_ro("runs",
                     [](PyCounts& self) {
                         const auto lock = self.take<PyCounts::Alone>();
                         return to_list(self.runs());
                     })
        .def("least_that_fits", alone(&WordCounts::least_that_fits), "bytes"_a, "fixed"_a, "per_byte"_a)
        .def("__len__", alone(&WordCounts::size))
        .def("items", [](PyCounts& self) {
            const auto lock = self.take<PyCounts::Alone>();
            nb::list out;
            self.each(
                [&](std::string_view word, std::uint64_t count) { out.append(nb::make_tuple(to_str(word), count)); });
            return out;
        });

    m.def(
        "digest_texts",
        [](nb::object given, std::uint64_t before) {
            const Items items(given, "texts");
            const auto texts = to_texts(items);
            const nb::gil_scoped_release unlocked;
            return digest_texts(texts, before);
        },
        "texts"_a, "before"_a);

    m.def(
        "train_word_level",
        [](PyCounts& counts, std::size_t vocab_size, std::uint64_t min_frequency,
           std::vector<std::string> special_tokens) {
            std::vector<std::string> vocabulary;
            {
                const nb::gil_scoped_release unlocked;
                const auto lock = counts.take<PyCounts::Alone>();
                vocabulary = train_word_level(counts, vocab_size, min_frequency, std::move(special_tokens));
            }
            return to_list(vocabulary);
        },
        "counts"_a, nb::kw_only(), "vocab_size"_a, "min_frequency"_a, "special_tokens"_a);

    m.def(
        "train_bpe",
        [](PyCounts& counts, std::size_t vocab_size, std::uint64_t min_frequency,
           std::vector<std::string> special_tokens, std::optional<std::size_t> limit_alphabet,
           const std::vector<std::string>& initial_alphabet, std::optional<std::string> prefix,
           std::optional<std::string> suffix, std::optional<std::size_t> max_token_length, std::uint64_t least,
           bool uses_up_counts, std::size_t threads, std::optional<nb::callable> watch) {
            const BpeTraining settings{vocab_size,
                                       min_frequency,
                                       std::move(special_tokens),
                                       limit_alphabet,
                                       first_characters(initial_alphabet),
                                       std::move(prefix),
                                       std::move(suffix),
                                       max_token_length,
                                       least,
                                       uses_up_counts,
                                       threads};
            const Watch tell = python_watch(watch);
            TrainedBpe trained;
            {
                const nb::gil_scoped_release unlocked;
                const auto lock = counts.take<PyCounts::Alone>();
                trained = train_bpe(counts, settings, tell);
            }
            return to_result(trained);
        },
        "counts"_a, nb::kw_only(), "vocab_size"_a, "min_frequency"_a, "special_tokens"_a, "limit_alphabet"_a.none(),
        "initial_alphabet"_a, "continuing_subword_prefix"_a.none(), "end_of_word_suffix"_a.none(),
        "max_token_length"_a.none(), "least"_a = 0, "uses_up_counts"_a = false, "threads"_a = 0,
        "watch"_a = nb::none());

    m.def(
        "train_parity_bpe",
        [](std::vector<PyCounts*> languages, std::vector<PyCounts*> development, std::size_t num_merges,
           std::uint64_t min_frequency, std::vector<double> ratio, std::size_t global_merges, std::size_t window_size,
           double alpha, bool total_symbols, std::vector<std::string> special_tokens,
           std::optional<std::size_t> limit_alphabet, const std::vector<std::string>& initial_alphabet,
           std::optional<std::string> prefix, std::optional<std::string> suffix,
           std::optional<std::size_t> max_token_length, std::optional<nb::callable> watch) {
            ParityTraining settings;
            settings.bpe.min_frequency = min_frequency;
            settings.bpe.special_tokens = std::move(special_tokens);
            settings.bpe.limit_alphabet = limit_alphabet;
            settings.bpe.initial_alphabet = first_characters(initial_alphabet);
            settings.bpe.continuing_subword_prefix = std::move(prefix);
            settings.bpe.end_of_word_suffix = std::move(suffix);
            settings.bpe.max_token_length = max_token_length;
            settings.num_merges = num_merges;
            settings.global_merges = global_merges;
            settings.ratio = std::move(ratio);
            settings.window_size = window_size;
            settings.alpha = alpha;
            settings.total_symbols = total_symbols;
            const Watch tell = python_watch(watch);
            TrainedBpe trained;
            {
                const nb::gil_scoped_release unlocked;
                const auto locks = take_alone(languages, development);
                trained = train_parity_bpe({languages.begin(), languages.end()},
                                           {development.begin(), development.end()}, settings, tell);
            }
            return to_result(trained);
        },
        "languages"_a, "development"_a, nb::kw_only(), "num_merges"_a, "min_frequency"_a, "ratio"_a, "global_merges"_a,
        "window_size"_a, "alpha"_a, "total_symbols"_a, "special_tokens"_a, "limit_alphabet"_a.none(),
        "initial_alphabet"_a, "continuing_subword_prefix"_a.none(), "end_of_word_suffix"_a.none(),
        "max_token_length"_a.none(), "watch"_a = nb::none());

    m.def(
        "train_unigram",
        [](PyCounts& counts, std::size_t vocab_size, std::size_t reserved,
           const std::vector<std::string>& initial_alphabet, double shrinking_factor, std::size_t max_piece_length,
           std::size_t n_sub_iterations, std::size_t seed_size, std::uint64_t least, bool uses_up_counts,
           std::size_t threads, std::optional<nb::callable> watch) {
            const UnigramTraining settings{vocab_size,
                                           reserved,
                                           first_characters(initial_alphabet),
                                           shrinking_factor,
                                           max_piece_length,
                                           n_sub_iterations,
                                           seed_size,
                                           least,
                                           uses_up_counts,
                                           threads};
            const Watch tell = python_watch(watch);
            std::vector<std::pair<std::string, double>> pieces;
            {
                const nb::gil_scoped_release unlocked;
                const auto lock = counts.take<PyCounts::Alone>();
                pieces = train_unigram(counts, settings, tell);
            }
            nb::list out;
            for (const auto& [text, score] : pieces) out.append(nb::make_tuple(to_str(text), score));
            return out;
        },
        "counts"_a, nb::kw_only(), "vocab_size"_a, "reserved"_a, "initial_alphabet"_a, "shrinking_factor"_a,
        "max_piece_length"_a, "n_sub_iterations"_a, "seed_size"_a, "least"_a = 0, "uses_up_counts"_a = false,
        "threads"_a = 0, "watch"_a = nb::none());
}

}  // namespace bearhug::python
