"""Fuzz targets: one source, two ways to run it."""

def fuzz_test(name, src, corpus, deps, **kwargs):
    """A cc_test that replays a corpus; with --config=fuzz a libFuzzer binary.

    Args:
      name: the target. As a test it runs each file of the corpus once. Built
        with --config=fuzz it takes libFuzzer's arguments:
          bazel build --config=fuzz //tests/fuzz:NAME
          .bazel/bin/tests/fuzz/NAME -max_total_time=60 CORPUS_COPY
      src: the file that defines LLVMFuzzerTestOneInput.
      corpus: files to start from.
      deps: of src.
      **kwargs: passed to the cc_test.
    """
    native.cc_test(
        name = name,
        srcs = [src],
        args = ["$(locations %s)" % c for c in corpus],
        data = corpus,
        linkopts = select({
            "//tests/fuzz:with_libfuzzer": [
                "-fsanitize=fuzzer",
                # Bazel links with clang, not clang++.
                "-fsanitize-link-c++-runtime",
            ],
            "//conditions:default": [],
        }),
        deps = deps + select({
            "//tests/fuzz:with_libfuzzer": [],
            "//conditions:default": ["//tests/fuzz:replay_main"],
        }),
        **kwargs
    )
