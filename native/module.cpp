// The only file that knows of Python: flat arrays cross here, once per batch.
#include <nanobind/nanobind.h>

NB_MODULE(_native, m) { m.doc() = "The tokenizer's compiled core."; }
