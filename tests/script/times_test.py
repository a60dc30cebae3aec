"""Whether tests wait for what they expect, not for a time.

Refused in tests of C++: a sleep of more than 100 ms that stands there as a number
(shorter ones are the pauses of a loop that looks for something), and an upper
bound of milliseconds on the wall's clock, which a busy machine breaks.
"""

import os
import re
import unittest

ROOT = os.environ["WXIDENT_ROOT"]
LONGEST = 0.1
# File -> why a time must pass there.
MAY_SLEEP = {
    "tests/edge/event_loop_test.cc": "the time that a loop is idle",
    "tests/integration/retry_storm_test.cc": "an outage lasts for that long",
    "tests/integration/tls_test.cc": "a log that says the same once a second",
}
UNITS = {"milliseconds": 1e-3, "seconds": 1, "minutes": 60}
SLEEP = re.compile(r"(?:SleepFor|sleep_for)\(\s*(?:absl|std::chrono)::"
                   r"(milliseconds|seconds|minutes)\(([\d.]+)\)", re.IGNORECASE)
BOUND = re.compile(r"(?:EXPECT|ASSERT)_L[TE]\((?:[^;]|\n)*?now\(\)[^;]*?"
                   r"milliseconds\(", re.IGNORECASE)


def breaches(path, text):
    for match in SLEEP.finditer(text):
        length = float(match[2]) * UNITS[match[1].lower()]
        if length > LONGEST and path not in MAY_SLEEP:
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: a sleep of {length} s: wait for something"
    for match in BOUND.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield f"{path}:{line}: a bound of milliseconds on the wall's clock"


def sources():
    for top in ("tests", "clients/cpp"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                if name.endswith((".cc", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), ROOT)


class TimesTest(unittest.TestCase):

    def test_tests_wait_for_something(self):
        found, count = [], 0
        for path in sorted(sources()):
            count += 1
            with open(os.path.join(ROOT, path), encoding="utf-8") as text:
                found += breaches(path, text.read())
        self.assertGreater(count, 100)
        self.assertEqual(found, [])

    def test_finds_what_it_looks_for(self):
        for text in ("absl::SleepFor(absl::Seconds(1));",
                     "std::this_thread::sleep_for(\n"
                     "    std::chrono::milliseconds(150));",
                     "EXPECT_LT(Clock::now() - began,\n"
                     "          std::chrono::milliseconds(900));",
                     "ASSERT_LE(absl::Now(), start + absl::Milliseconds(5));"):
            self.assertEqual(len(list(breaches("a.cc", text))), 1, text)

    def test_leaves_the_rest_alone(self):
        for text in ("absl::SleepFor(absl::Milliseconds(1));",
                     "EXPECT_LT(Clock::now() - back, std::chrono::seconds(9));",
                     "EXPECT_LE(Refusal(), absl::Milliseconds(1500));\n"
                     "x = absl::Now();"):
            self.assertEqual(list(breaches("a.cc", text)), [], text)


if __name__ == "__main__":
    unittest.main()
