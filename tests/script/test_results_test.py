"""Feeds the test counter what Bazel writes, good and bad."""

import contextlib
import importlib.util
import io
import json
import os
import tempfile
import unittest

SPEC = importlib.util.spec_from_file_location("test_results",
                                              "script/lib/test_results.py")
results = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(results)

GTEST = """<testsuites tests="3"><testsuite name="A">
<testcase classname="A" name="Good" status="run"/>
<testcase classname="A" name="Off" status="notrun"/>
<testcase classname="A" name="%s" status="run">%s</testcase>
</testsuite></testsuites>"""


class ResultsTest(unittest.TestCase):

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.events = []

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def add_result(self, label, status, xml=None, attempt=1, log=None):
        outputs = []
        if log is not None:
            path = self.path(f"{len(self.events)}.log")
            with open(path, "w", encoding="utf-8") as out:
                out.write(log)
            outputs.append({"name": "test.log", "uri": "file://" + path})
        if xml is not None:
            path = self.path(f"{len(self.events)}.xml")
            with open(path, "w", encoding="utf-8") as out:
                out.write(xml)
            outputs.append({"name": "test.xml", "uri": "file://" + path})
        self.events.append({
            "id": {"testResult": {"label": label, "run": 1,
                                  "attempt": attempt}},
            "testResult": {"status": status, "testActionOutput": outputs},
        })

    def add_target(self, label, success):
        completed = {"success": True} if success else {}
        self.events.append({"id": {"targetCompleted": {"label": label}},
                            "completed": completed})

    def finish(self, code, name="X"):
        self.events.append({
            "id": {"buildFinished": {}},
            "finished": {"exitCode": {"code": code, "name": name}},
        })

    def run_main(self):
        path = self.path("events.json")
        with open(path, "w", encoding="utf-8") as out:
            for event in self.events:
                out.write(json.dumps(event) + "\n")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = results.main(["plain=" + path])
        return code, out.getvalue().splitlines()

    def test_counts_cases(self):
        self.add_target("//a", True)
        self.add_result("//a", "PASSED", GTEST % ("Other", ""))
        self.finish(0)
        code, lines = self.run_main()
        self.assertEqual(code, 0)
        self.assertEqual(lines[-1], "2 passed, 0 failed")

    def test_tells_why_a_test_failed(self):
        # All cases pass, and the program ends badly.
        self.add_result("//a", "FAILED", GTEST % ("Good", ""),
                        log="[ OK ]\n==7==ERROR: LeakSanitizer: leaks\nx\n")
        self.add_result("//b", "FAILED", log="".join(
            f"line {n}\n" for n in range(20)))
        self.finish(3)
        _, lines = self.run_main()
        at = lines.index("  FAILED //a FAILED")
        self.assertEqual(lines[at + 1:at + 3],
                         ["    | ==7==ERROR: LeakSanitizer: leaks", "    | x"])
        at = lines.index("  FAILED //b FAILED")
        self.assertEqual(lines[at + 1], "    | line 8")
        self.assertEqual(lines[at + 12], "    | line 19")

    def test_tells_of_what_passed_the_second_time(self):
        self.add_result("//a", "FAILED", GTEST % ("Bad", "<failure/>"),
                        log="a.cc:1: Failure\nlate\n")
        self.add_result("//a", "PASSED", GTEST % ("Bad", ""), attempt=2)
        self.finish(0)
        code, lines = self.run_main()
        self.assertEqual(code, 0)
        at = lines.index("  REPEATED //a")
        self.assertEqual(lines[at + 1:],
                         ["    | a.cc:1: Failure", "    | late",
                          "2 passed, 0 failed"])

    def test_what_fails_twice_is_told_once(self):
        for attempt in (1, 2):
            self.add_result("//a", "FAILED", GTEST % ("Bad", "<failure/>"),
                            log="a.cc:1: Failure\n", attempt=attempt)
        self.finish(3)
        _, lines = self.run_main()
        self.assertNotIn("  REPEATED //a", lines)
        self.assertEqual(lines[-1], "1 passed, 1 failed")

    def test_a_finding_is_a_failure_whatever_comes_after(self):
        for log in ("==7==ERROR: AddressSanitizer: heap-use-after-free\n",
                    "==7==ERROR: LeakSanitizer: leaks\n",
                    "WARNING: ThreadSanitizer: data race\n",
                    "a.cc:1:2: runtime error: overflow\n", None):
            with self.subTest(log=log):
                self.events = []
                self.add_result("//a", "FAILED", GTEST % ("Good", ""), log=log)
                self.add_result("//a", "PASSED", GTEST % ("Good", ""),
                                attempt=2)
                self.finish(0)
                code, lines = self.run_main()
                self.assertEqual(code, 1)
                self.assertIn("  FAILED //a FAILED", lines)

    def test_names_a_failed_case(self):
        self.add_result("//a", "FAILED", GTEST % ("Bad", "<failure/>"))
        self.finish(3)
        code, lines = self.run_main()
        self.assertEqual(code, 1)
        self.assertIn("  FAILED //a A.Bad", lines)
        self.assertEqual(lines[-1], "1 passed, 1 failed")

    def test_a_crash_is_a_failure(self):
        self.add_result("//a", "FAILED")
        self.add_result("//b", "TIMEOUT", "<testsuites")
        self.finish(3)
        code, lines = self.run_main()
        self.assertEqual(code, 1)
        self.assertEqual(lines[-1], "0 passed, 2 failed")

    def test_a_script_is_one_case(self):
        self.add_result("//a", "PASSED")
        self.finish(0)
        self.assertEqual(self.run_main()[1][-1], "1 passed, 0 failed")

    def test_a_target_that_does_not_build_is_a_failure(self):
        self.add_result("//a", "PASSED")
        self.add_target("//b", False)
        self.finish(1)
        code, lines = self.run_main()
        self.assertEqual(code, 1)
        self.assertIn("  FAILED //b does not build", lines)
        self.assertEqual(lines[-1], "1 passed, 1 failed")

    def test_a_long_reason_keeps_to_one_line(self):
        self.events.append({
            "id": {"unconfiguredLabel": {"label": "//c"}},
            "aborted": {"reason": "LOADING_FAILURE", "description": "a\nb"},
        })
        self.finish(1)
        lines = self.run_main()[1]
        self.assertIn("  FAILED //c does not build: a", lines)
        self.assertEqual(lines[-1], "0 passed, 1 failed")

    def test_an_unexplained_exit_is_a_failure(self):
        self.add_result("//a", "PASSED")
        self.finish(2, "COMMAND_LINE_ERROR")
        self.assertEqual(self.run_main()[1][-1], "1 passed, 1 failed")

    def test_no_end_is_a_failure(self):
        self.add_result("//a", "PASSED")
        self.assertEqual(self.run_main()[1][-1], "1 passed, 1 failed")

    def check(self, text):
        """The lines for one good test and a script/check that printed text."""
        self.add_result("//a:b", "PASSED")
        self.finish(0, "SUCCESS")
        check = self.path("check")
        with open(check, "w", encoding="utf-8") as out:
            out.write(text)
        events = self.path("asan.json")
        with open(events, "w", encoding="utf-8") as out:
            out.write("\n".join(map(json.dumps, self.events)))
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = results.main(["--check", check, "asan=" + events])
        return code, output.getvalue().splitlines()

    def test_each_check_counts(self):
        code, lines = self.check("passed: Layers\nfailed: Format\n")
        self.assertEqual(code, 1)
        self.assertIn("  FAILED script/check Format", lines)
        self.assertEqual(lines[-1], "2 passed, 1 failed")

    def test_checks_that_pass_fail_nothing(self):
        code, lines = self.check("passed: Layers\n")
        self.assertEqual((code, lines[-1]), (0, "2 passed, 0 failed"))

    def test_a_check_that_stopped_is_a_failure(self):
        code, lines = self.check("")
        self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed"))

    def test_nothing_run_is_no_success(self):
        self.finish(4)
        code, lines = self.run_main()
        self.assertEqual(code, 1)
        self.assertEqual(lines[-1], "0 passed, 0 failed")


if __name__ == "__main__":
    unittest.main(verbosity=2)
