"""Whether what the documents name exists, and their numbers are the code's.

Looks at links, and at what stands in backticks outside of blocks: paths, Bazel
targets, and names such as `StoreUnavailable`, `store_pool` and `a.key`.
"""

import fnmatch
import os
import re
import subprocess
import unittest

ROOT = os.environ["WXIDENT_ROOT"]
# They tell of what was, too.
HISTORY = ("CHANGELOG.md", "docs/adr/")
# Where the paths that documents shorten begin.
STARTS = ["", "server/", "tests/", "docs/"]
# Names that stand in no source of ours, and need not.
FOREIGN = {
    # Of Bazel, CRLs, Envoy, Istio, Kubernetes and systemd.
    "http_archive", "nextUpdate", "upstream_proxy_protocol", "proxyConfig",
    "DestinationRule", "defaultMode", "MemoryMax", "512M",
    # Examples, and a name that is put together.
    "oX", "x_token", "CONFORMANCE_PYTHON",
}

# What a document says -> what the sources then hold. Who changes one changes
# the other, and this list.
NUMBERS = [
    ("ARCHITECTURE.md", "one per core, at most 4",
     ["constexpr int kMost = 4;"]),
    ("ARCHITECTURE.md", "| handshakes | 2 per listener |",
     ["int handshake_threads = 2;"]),
    ("ARCHITECTURE.md", "or has taken no writes, for 5 s",
     ["kReadyFor = absl::Seconds(5)"]),
    ("SECURITY.md", "more than 256 at once, or 100 before",
     ["kMaxStreams = 256", "kMaxStreamsAtFirst = 100"]),
    ("SECURITY.md", "or 2,048 unfinished requests of one peer",
     ["kMaxUnfinishedOfAnIp = 2'048"]),
    ("SECURITY.md", "that it resets within 100 ms",
     ["kChance = absl::Milliseconds(100)"]),
    ("SECURITY.md", "more than 50, one more for each call that was answered, "
     "and 5 a second", ["kResets = {50, 500, 5}"]),
    ("SECURITY.md", "more than 500, and eight more for each call, four for each "
     "message or KiB of a stream, 20 a second",
     ["kFrames = {500, 2'000, 20}", "kFramesOfACall = 8",
      "kFramesOfAMessage = 4"]),
    ("SECURITY.md", "a block of fields over 16 KiB, or in more than nine frames",
     ["kMaxHeaderBlock = 16 << 10", "kMaxContinuations = 8"]),
    ("SECURITY.md", "has not ended after 10 s, nor been answered",
     ["kRequestTime = absl::Seconds(10)"]),
    ("SECURITY.md", "takes nothing for 10 s of what waits for it",
     ["kTakingTime = absl::Seconds(10)"]),
    ("SECURITY.md", "ours not acknowledged after 10 s",
     ["kSettingsTime = absl::Seconds(10)"]),
    ("SECURITY.md", "more than 64 records without data",
     ["kMaxSilentRecords = 64"]),
    ("SECURITY.md", "a client's hello is bounded to 16 KiB, its Certificate "
     "message to 16 KiB and 8 certificates",
     ["kMaxHelloBytes = 16 << 10", "kMaxCertificateBytes = 16 << 10",
      "kMaxCertificates = 8"]),
    ("SECURITY.md", "3 s each; 512 are under way at most",
     ["kHandshakeTime = absl::Seconds(3)", "kMostOfAThread = 256",
      "int handshake_threads = 2;"]),
    ("SECURITY.md", "For 10 s its peer gets only one new connection each 250 ms, "
     "and half as many with each further cut, at last one in 8 s",
     ["penalty = absl::Seconds(10)", "kLeastBackoff = absl::Milliseconds(250)",
      "kMostBackoff = absl::Seconds(8)"]),
    ("SECURITY.md", "A peer has 256 connections at most, all together 16,384; "
     "and it gets 64 connections on which no call is answered, and ten more a "
     "second",
     ["connections_of_an_ip = 256", "connections = 16'384", "{64, 64, 10}"]),
    ("SECURITY.md", "4 MiB a connection and 8 MiB a peer",
     ["kMaxWaiting = 4 << 20", "kMaxWaitingOfAnIp = 8 << 20"]),
    ("SECURITY.md", "a session gets at most 5 a minute",
     ["constexpr size_t kMostRefused = 5;"]),
    ("docs/policy.md", "`rate: 20000`, `burst: 20000` and `concurrency: 200`",
     [".rate = 20'000, .burst = 20'000, .concurrency = 200"]),
    ("docs/policy.md", "may open 200 of them a second, and 2,000 at once",
     ["kOpenTerms = { .start = 2'000, .most = 2'000, .per_second = 200}"]),
    ("docs/policy.md", "All callers of a replica together have 12,000",
     ["kMaxStreams = 12'000"]),
    ("docs/policy.md", "A replica remembers 10,000 callers at a time, at most "
     "5,000 of them",
     ["kMaxCallers = 10'000", "kMaxStrangers = kMaxCallers / 2"]),
    ("docs/tls.md", "of 64 MiB at most", ["kMaxBytes = 64 << 20"]),
    ("docs/tls.md", "lives for 11 minutes and 30 s at most",
     ["kOverlap = absl::Seconds(690)"]),
    ("docs/rpcs.md", "Up to 500 at once",
     ["constexpr int kMost = 500;"]),
    ("docs/rpcs.md", "As every request it may have 64 KiB",
     ["max_message_bytes = 64 << 10"]),
    ("docs/database.md", "| `statement_timeout` | 1 ms to 3 s |",
     ["current_setting('statement_timeout')::interval BETWEEN interval '1 ms' "
      "AND interval '3 s'"]),
    ("docs/database.md", "| `lock_timeout` | 1 ms to 200 ms |",
     ["current_setting('lock_timeout')::interval BETWEEN interval '1 ms' AND "
      "interval '200 ms'"]),
]


def tracked():
    output = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others",
         "--exclude-standard"],
        check=True, capture_output=True, text=True).stdout
    return [name for name in output.split("\0")
            if os.path.isfile(os.path.join(ROOT, name))]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8",
              errors="replace") as text:
        return text.read()


FILES = tracked()
FOLDERS = {name[:match.start()]
           for name in FILES for match in re.finditer("/", name)}
DOCUMENTS = [name for name in FILES
             if name.endswith(".md") and not name.startswith(HISTORY)]
# Every other file's text, with one space for each gap.
SOURCES = [re.sub(r"\s+", " ", read(name)) for name in FILES
           if not name.endswith(".md") and
           os.path.basename(name) != "docs_test.py"]
WORDS = {word for text in SOURCES for word in re.findall(r"\w+", text)}


def prose(document):
    """The document without its blocks of code."""
    return re.sub(r"^( *)```.*?^\1```", "", read(document),
                  flags=re.DOTALL | re.MULTILINE)


def quoted(document):
    for span in re.findall(r"`([^`]+)`", prose(document)):
        yield re.sub(r"\s+", " ", span)


def is_there(path):
    """Whether there is such a file, folder or program that Bazel makes.

    A source needs no ending, a decision no more than its number.
    """
    pattern = re.sub("<[^>]*>", "*", path.rstrip("/"))
    for start in STARTS:
        wanted = start + pattern
        if wanted in FOLDERS or any(
                name == wanted or fnmatch.fnmatch(name, wanted) or
                os.path.splitext(name)[0] == wanted or
                name.startswith(wanted + "-") for name in FILES):
            return True
        folder, name = os.path.split(wanted)
        if f'name = "{name}"' in build_of(folder):
            return True
    return False


def build_of(folder):
    build = os.path.join(folder, "BUILD.bazel")
    return read(build) if build in FILES else ""


def starts_with_a_folder(path):
    first = path.split("/")[0]
    return any(start + first in FOLDERS for start in STARTS)


def anchors(document):
    for title in re.findall(r"^#+ (.*)$", prose(document), re.MULTILINE):
        title = re.sub(r"[^\w\- ]", "", title.strip().lower())
        yield title.replace(" ", "-")


class DocsTest(unittest.TestCase):

    def test_there_are_documents(self):
        self.assertIn("README.md", DOCUMENTS)
        self.assertGreater(len(WORDS), 1000)

    def test_links_lead_somewhere(self):
        for document in DOCUMENTS:
            for link in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
                if re.match(r"[a-z]+:", link):
                    continue
                path, _, anchor = link.partition("#")
                target = os.path.normpath(os.path.join(
                    os.path.dirname(document), path)) if path else document
                with self.subTest(document=document, link=link):
                    self.assertTrue(target in FILES or target in FOLDERS)
                    if anchor:
                        self.assertIn(anchor, list(anchors(target)))

    def test_paths_are_there(self):
        for document in DOCUMENTS:
            for span in quoted(document):
                # A command, too, begins with a path: script/demo --keep.
                path = span.split(" ")[0]
                if (not re.fullmatch(r"[\w.*<>-]+(/[\w.*<>-]+)*/?", path) or
                        "/" not in path or
                        not starts_with_a_folder(path)):
                    continue
                beside = os.path.join(os.path.dirname(document), path)
                with self.subTest(document=document, path=path):
                    self.assertTrue(is_there(path) or is_there(beside))

    def test_targets_are_there(self):
        for document in DOCUMENTS:
            for span in quoted(document):
                match = re.search(r"(?:^|//| )([a-z][\w/]*):(\w+)$", span)
                if match is None or match[1].split("/")[0] not in FOLDERS:
                    continue
                with self.subTest(document=document, target=match[0]):
                    self.assertRegex(build_of(match[1]), rf'"{match[2]}"')
            # In blocks, too.
            for folder in re.findall(r"[\s@]//([a-z]\w*(?:/\w+)*)",
                                     read(document)):
                with self.subTest(document=document, folder=folder):
                    self.assertIn(folder, FOLDERS)

    def test_names_are_in_the_sources(self):
        for document in DOCUMENTS:
            for span in quoted(document):
                for word in re.findall(r"(?<![\w./-])\w+(?![\w/])", span):
                    if not re.search(r"[a-z0-9][A-Z]|[A-Za-z0-9]_[A-Za-z0-9]",
                                     word) or word in FOREIGN:
                        continue
                    # Prometheus makes more series of one.
                    plain = re.sub(r"_(count|sum|bucket)$", "", word)
                    with self.subTest(document=document, name=word):
                        self.assertTrue({word, plain} & WORDS)

    def test_every_rpc_is_described(self):
        rpcs = {rpc for name in FILES if name.endswith(".proto")
                for rpc in re.findall(r"^  rpc (\w+)\(", read(name),
                                      re.MULTILINE)
                if name.startswith("protos/")}
        self.assertGreater(len(rpcs), 20)
        titles = re.findall(r"^##+ (.*)$", read("docs/rpcs.md"), re.MULTILINE)
        for rpc in sorted(rpcs):
            with self.subTest(rpc=rpc):
                self.assertRegex(read("README.md"), rf"[`.]{rpc}`")
                self.assertTrue(any(re.search(rf"\b{rpc}\b", title)
                                    for title in titles))

    def test_numbers_are_those_of_the_code(self):
        for document, says, held in NUMBERS:
            with self.subTest(document=document, says=says):
                self.assertIn(says, re.sub(r"\s+", " ", read(document)))
                for code in held:
                    self.assertTrue(
                        any(code in text for text in SOURCES),
                        f"no source has: {code}")


if __name__ == "__main__":
    unittest.main()
