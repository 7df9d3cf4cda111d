// Encoded: a batch as arrays, and as Python lists where somebody asks.
#include "encoded.hpp"

#include "../threads.hpp"
#include "ints.hpp"

namespace bearhug::python {

namespace {

Field field(std::string_view name) {
    return choice<Field>(name,
                         {{"ids", Field::ids},
                          {"type_ids", Field::type_ids},
                          {"attention_mask", Field::attention_mask},
                          {"special_tokens_mask", Field::special_tokens_mask},
                          {"offsets", Field::offsets},
                          {"word_ids", Field::word_ids},
                          {"sequence_ids", Field::sequence_ids},
                          {"byte_offsets", Field::byte_offsets}},
                         "field");
}

nb::list new_list(std::size_t count) { return nb::steal<nb::list>(PyList_New(static_cast<Py_ssize_t>(count))); }

void put(const nb::list& list, std::size_t at, PyObject* stolen) {
    PyList_SET_ITEM(list.ptr(), static_cast<Py_ssize_t>(at), stolen);
}

PyObject** items(const nb::list& list) { return PySequence_Fast_ITEMS(list.ptr()); }

// The collector of garbage need not look through lists of numbers and texts again and again: that took longer than to
// make them.
nb::list plain(nb::list list) {
    PyObject_GC_UnTrack(list.ptr());
    return list;
}

nb::list word_list(const std::int32_t* words, std::size_t count) {
    nb::list out = new_list(count);
    for (std::size_t i = 0; i < count; ++i)
        put(out, i, words[i] < 0 ? nb::none().release().ptr() : to_int(static_cast<std::uint32_t>(words[i])));
    return plain(std::move(out));
}

nb::list offset_list(const Span* spans, std::size_t count) {
    nb::list out = new_list(count);
    for (std::size_t i = 0; i < count; ++i) put(out, i, to_pair(spans[i].start, spans[i].end));
    return plain(std::move(out));
}

// One of the fields that follow from the runs.
nb::list run_list(const Encoded& data, std::size_t row, Field field, std::size_t count) {
    nb::list out = new_list(count);
    std::size_t at = 0;
    for (auto i = data.run_starts[row]; i < data.run_starts[row + 1]; ++i) {
        const Run& run = data.runs[static_cast<std::size_t>(i)];
        const std::int32_t value = run.value(field);
        const nb::object item =
            value < 0 ? nb::none() : nb::steal<nb::object>(to_int(static_cast<std::uint32_t>(value)));
        add_references(item.ptr(), run.count);
        std::fill_n(items(out) + at, run.count, item.ptr());
        at += run.count;
    }
    return plain(std::move(out));
}

nb::object rectangle(PyEncoded& encoded, Field field) {
    const Encoded& data = encoded.data;
    const std::size_t rows = data.rows();
    const std::size_t width = rows == 0 ? 0 : static_cast<std::size_t>(data.starts[1]);
    for (std::size_t row = 0; row < rows; ++row) {
        const auto here = static_cast<std::size_t>(data.starts[row + 1] - data.starts[row]);
        if (here != width)
            throw std::invalid_argument("the rows have different lengths (row 0 has " + std::to_string(width) +
                                        " tokens, row " + std::to_string(row) + " has " + std::to_string(here) +
                                        "), and an array needs one length.\nUse padding=True, and truncation=True "
                                        "where there is a max_length.");
    }
    if (is_tracked(field)) encoded.track();
    std::vector<std::size_t> shape = {rows, width};
    if (field == Field::offsets || field == Field::byte_offsets) shape.push_back(2);
    if (field == Field::byte_offsets) encoded.byte_offsets();
    return new_array<std::int64_t>(shape, [&](std::int64_t* out) {
        const nb::gil_scoped_release unlocked;
        constexpr std::size_t tokens_at_once = 1 << 16;
        const std::size_t step = tokens_at_once / std::max<std::size_t>(width, 1) + 1;
        in_threads((rows + step - 1) / step, threads_for(data.ids.size()), [&](std::size_t part, std::size_t) {
            const std::size_t from = part * step, to = std::min(rows, from + step);
            const std::size_t start = from * width, count = (to - from) * width;
            auto put = [&](const auto& values) { std::copy_n(values.data() + start, count, out + start); };
            auto put_spans = [&](const auto& spans) {
                for (std::size_t i = start; i < start + count; ++i)
                    out[2 * i] = spans[i].start, out[2 * i + 1] = spans[i].end;
            };
            switch (field) {
                case Field::ids:
                    return put(data.ids);
                case Field::word_ids:
                    return put(data.words);
                case Field::offsets:
                    return put_spans(data.offsets);
                case Field::byte_offsets:
                    return put_spans(data.byte_offsets);
                default:
                    return data.write(field, from, to, out + start);
            }
        });
    });
}

template <class T>
nb::object column_array(const PyEncoded& encoded, Field field) {
    return new_array<T>({encoded.data.ids.size()},
                        [&](T* out) { encoded.data.write(field, 0, encoded.data.rows(), out); });
}

template <class Values>
nb::bytes raw(const Values& values) {
    return nb::bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0]));
}

template <class Values>
void unraw(nb::handle state, Values& out) {
    const auto bytes = nb::cast<nb::bytes>(state);
    out.resize(bytes.size() / sizeof(out[0]));
    if (!out.empty()) std::memcpy(out.data(), bytes.c_str(), out.size() * sizeof(out[0]));
}

nb::tuple encoded_state(PyEncoded& self) {
    self.track();
    nb::dict texts, names;
    for (const auto& [at, text] : self.data.texts) texts[nb::int_(at)] = to_str(text);
    for (const auto id : self.data.ids) {
        const nb::int_ key(id);
        if (names.contains(key)) continue;
        const auto known = self.names.find(id);
        names[key] = to_str(known != self.names.end() ? known->second
                            : self.parts              ? self.parts->token(id).value_or("")
                                                      : "");
    }
    const Encoded& data = self.data;
    return nb::make_tuple(raw(data.ids), raw(data.starts), raw(data.samples), raw(data.runs), raw(data.run_starts),
                          raw(data.offsets), raw(data.words), texts, names, raw(data.byte_offsets),
                          self.has_byte_offsets);
}

void set_encoded_state(PyEncoded& self, nb::tuple state) {
    new (&self) PyEncoded();
    Encoded& data = self.data;
    unraw(state[0], data.ids);
    unraw(state[1], data.starts);
    unraw(state[2], data.samples);
    unraw(state[3], data.runs);
    unraw(state[4], data.run_starts);
    unraw(state[5], data.offsets);
    unraw(state[6], data.words);
    for (auto [at, text] : nb::cast<nb::dict>(state[7]))
        data.texts[nb::cast<std::size_t>(at)] = nb::cast<std::string>(text);
    for (auto [id, text] : nb::cast<nb::dict>(state[8]))
        self.names[nb::cast<std::uint32_t>(id)] = nb::cast<std::string>(text);
    unraw(state[9], data.byte_offsets);
    self.has_byte_offsets = nb::cast<bool>(state[10]);
    data.tracked = true;
}

}  // namespace

nb::list row_list(PyEncoded& encoded, std::size_t row, Field field) {
    const Encoded& data = encoded.data;
    if (is_tracked(field)) encoded.track();
    const auto start = static_cast<std::size_t>(data.starts[row]);
    const std::size_t count = static_cast<std::size_t>(data.starts[row + 1]) - start;
    switch (field) {
        case Field::ids:
            return int_list(data.ids.data() + start, count, data.ids.size() - start - count);
        case Field::word_ids:
            return word_list(data.words.data() + start, count);
        case Field::offsets:
            return offset_list(data.offsets.data() + start, count);
        case Field::byte_offsets:
            return offset_list(encoded.byte_offsets().data() + start, count);
        default:
            return run_list(data, row, field, count);
    }
}

nb::list token_list(PyEncoded& encoded, std::size_t row) {
    encoded.track();  // added tokens may look otherwise in the text
    const Encoded& data = encoded.data;
    const auto start = static_cast<std::size_t>(data.starts[row]), end = static_cast<std::size_t>(data.starts[row + 1]);
    const std::uint32_t* const ids = data.ids.data() + start;
    nb::list out = new_list(end - start);
    if (encoded.parts) {
        encoded.parts->names.put(ids, end - start, *encoded.parts, items(out));
    } else {
        for (std::size_t i = 0; i < end - start; ++i) {
            const auto name = encoded.names.find(ids[i]);
            put(out, i, to_str(name != encoded.names.end() ? std::string_view(name->second) : "").release().ptr());
        }
    }
    for (auto own = data.texts.lower_bound(start); own != data.texts.end() && own->first < end; ++own)
        PyList_SetItem(out.ptr(), static_cast<Py_ssize_t>(own->first - start), to_str(own->second).release().ptr());
    return plain(std::move(out));
}

nb::list all_lists(PyEncoded& encoded, Field field) {
    const std::size_t rows = encoded.data.rows();
    nb::list out = new_list(rows);
    for (std::size_t row = 0; row < rows; ++row) put(out, row, row_list(encoded, row, field).release().ptr());
    return out;
}

nb::list int_list(const std::uint32_t* values, std::size_t count, std::size_t more) {
    nb::list out = new_list(count);
    constexpr std::size_t ahead = 16;
    std::size_t i = 0;
    for (; i < count && i + 2 * ahead < count + more; ++i) {
        prefetch_place(values[i + 2 * ahead]);
        prefetch_int(values[i + ahead]);
        put(out, i, to_int(values[i]));
    }
    for (; i < count; ++i) put(out, i, to_int(values[i]));
    return plain(std::move(out));
}

void bind_encoded(nb::module_& m) {
    nb::class_<PyEncoded>(m, "Encoded", "A batch of encoded texts: rows of tokens, one after another.")
        .def_prop_ro("starts",
                     [](nb::object self) {
                         const auto& data = nb::cast<PyEncoded&>(self).data;
                         return view<std::int64_t>(data.starts.data(), {data.starts.size()}, self);
                     })
        .def_prop_ro("ids",
                     [](nb::object self) {
                         const auto& data = nb::cast<PyEncoded&>(self).data;
                         return view<std::uint32_t>(data.ids.data(), {data.ids.size()}, self);
                     })
        .def_prop_ro("sample_mapping",
                     [](nb::object self) {
                         const auto& data = nb::cast<PyEncoded&>(self).data;
                         return view<std::int64_t>(data.samples.data(), {data.samples.size()}, self);
                     })
        .def_prop_ro("offsets",
                     [](nb::object self) {
                         auto& encoded = nb::cast<PyEncoded&>(self);
                         encoded.track();
                         return view<std::uint32_t>(encoded.data.offsets.data(), {encoded.data.offsets.size(), 2},
                                                    self);
                     })
        .def_prop_ro("byte_offsets",
                     [](nb::object self) {
                         const auto& offsets = nb::cast<PyEncoded&>(self).byte_offsets();
                         return view<std::uint32_t>(offsets.data(), {offsets.size(), 2}, self);
                     })
        .def_prop_ro("has_byte_offsets", [](const PyEncoded& self) { return self.has_byte_offsets; })
        .def_prop_ro("word_ids",
                     [](nb::object self) {
                         auto& encoded = nb::cast<PyEncoded&>(self);
                         encoded.track();
                         return view<std::int32_t>(encoded.data.words.data(), {encoded.data.words.size()}, self);
                     })
        .def_prop_ro("type_ids",
                     [](const PyEncoded& self) { return column_array<std::uint32_t>(self, Field::type_ids); })
        .def_prop_ro("attention_mask",
                     [](const PyEncoded& self) { return column_array<std::uint32_t>(self, Field::attention_mask); })
        .def_prop_ro(
            "special_tokens_mask",
            [](const PyEncoded& self) { return column_array<std::uint32_t>(self, Field::special_tokens_mask); })
        .def_prop_ro("sequence_ids",
                     [](const PyEncoded& self) { return column_array<std::int32_t>(self, Field::sequence_ids); })
        .def("__len__", [](const PyEncoded& self) { return self.data.rows(); })
        .def(
            "length",
            [](const PyEncoded& self, Py_ssize_t row) {
                const std::size_t at = self.row(row);
                return self.data.starts[at + 1] - self.data.starts[at];
            },
            "row"_a)
        .def(
            "row",
            [](PyEncoded& self, Py_ssize_t row, std::string_view name) {
                const NoCollection quiet;
                return row_list(self, self.row(row), field(name));
            },
            "row"_a, "field"_a)
        .def(
            "lists",
            [](PyEncoded& self, std::string_view name) {
                const NoCollection quiet;
                return all_lists(self, field(name));
            },
            "field"_a)
        .def("tokens", [](PyEncoded& self, Py_ssize_t row) { return token_list(self, self.row(row)); }, "row"_a)
        .def(
            "sequence_ranges",
            [](const PyEncoded& self, Py_ssize_t row) {
                const std::size_t at = self.row(row);
                std::map<std::int32_t, Span> ranges;
                std::uint32_t start = 0;
                for (auto i = self.data.run_starts[at]; i < self.data.run_starts[at + 1]; ++i) {
                    const Run& run = self.data.runs[static_cast<std::size_t>(i)];
                    const std::uint32_t end = start + run.count;
                    if (run.sequence >= 0 && run.kind != Run::padding) {
                        const auto [known, is_new] = ranges.try_emplace(run.sequence, Span{start, end});
                        if (!is_new) known->second = {known->second.end == start ? known->second.start : start, end};
                    }
                    start = end;
                }
                if (ranges.size() == 1 && self.parts && !self.parts->post_processor) ranges.clear();
                nb::dict out;
                for (const auto& [sequence, range] : ranges)
                    out[nb::int_(sequence)] = nb::make_tuple(range.start, range.end);
                return out;
            },
            "row"_a)
        .def(
            "rectangle", [](PyEncoded& self, std::string_view name) { return rectangle(self, field(name)); }, "field"_a)
        .def(
            "select",
            [](PyEncoded& self, const std::vector<Py_ssize_t>& rows) {
                self.track();
                std::vector<std::size_t> wanted;
                for (const auto row : rows) wanted.push_back(self.row(row));
                PyEncoded out;
                out.data = self.data.select(wanted);
                out.parts = self.parts;
                out.names = self.names;
                out.has_byte_offsets = self.has_byte_offsets;
                return out;
            },
            "rows"_a)
        .def("__getstate__", &encoded_state)
        .def("__setstate__", &set_encoded_state);
}

}  // namespace bearhug::python
