"""Changes rules in a copy of the protos and sees what the plugin makes of them."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

PLUGIN = pathlib.Path("tools/contractgen/protoc-gen-contract").resolve()
PROTOS = pathlib.Path("protos").resolve()
CLIENTS = ("cpp", "go", "java", "python", "typescript")
PARTS = (*CLIENTS, "docs", "server")

LOGIN = "identity_service.proto"
REASONS = "error_reason.proto"


class Contract:
    """A copy of the protos."""

    def __init__(self, test):
        self._root = pathlib.Path(tempfile.mkdtemp())
        test.addCleanup(shutil.rmtree, self._root)
        self._protos = self._root / "protos/wxident/v1"
        self._protos.mkdir(parents=True)
        for file in (PROTOS / "wxident/v1").glob("*.proto"):
            shutil.copy(file, self._protos)

    def change(self, file, pattern, replacement):
        """Replaces the first match of `pattern`, which must be there."""
        path = self._protos / file
        text, count = re.subn(
            pattern, replacement, path.read_text(encoding="utf-8"), count=1
        )
        assert count == 1, f"{file} has no {pattern}"
        path.write_text(text, encoding="utf-8")

    def run(self, part):
        """What protoc ends with, and the folder it wrote to."""
        out = self._root / f"out-{part}"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        done = subprocess.run(
            [
                "protoc",
                f"-I{self._root / 'protos'}",
                f"--plugin=protoc-gen-contract={PLUGIN}",
                f"--contract_out={out}",
                f"--contract_opt={part}",
                *map(str, sorted(self._protos.glob("*.proto"))),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        return done, out

    def generate(self, part):
        """The part's files: path -> text."""
        done, out = self.run(part)
        if done.returncode:
            raise AssertionError(f"{part}: {done.stderr}")
        return {
            str(file.relative_to(out)): file.read_text(encoding="utf-8")
            for file in out.rglob("*")
            if file.is_file()
        }

    def refusal(self, part="server"):
        """Why nothing was made."""
        done, out = self.run(part)
        assert done.returncode != 0, f"{part} was made"
        assert not list(out.rglob("*.*")), "something was written"
        return done.stderr


def words(files):
    """The text of all files in one line, without what begins a comment's line."""
    text = " ".join(files.values())
    return " ".join(re.sub(r"\n\s*(//|\*|#)", " ", text).split())


class ChangeTest(unittest.TestCase):
    def setUp(self):
        self.contract = Contract(self)
        self.before = {part: self.contract.generate(part) for part in PARTS}

    def after(self, part):
        files = self.contract.generate(part)
        self.assertEqual(files.keys(), self.before[part].keys())
        self.assertNotEqual(files, self.before[part], f"{part} is unchanged")
        return words(files)

    def test_a_reasons_advice(self):
        self.contract.change(
            REASONS,
            r'(?s)(ERROR_REASON_USER_BLOCKED.*?advice_en: )"[^"]*"',
            r'\1"Ask WeChat to unblock the person."',
        )
        self.contract.change(
            REASONS,
            r'(?s)(ERROR_REASON_USER_BLOCKED.*?advice_zh: )"[^"]*"',
            r'\1"请微信解封该用户。"',
        )
        for part in PARTS:
            self.assertIn("Ask WeChat to unblock the person.", self.after(part))
        self.assertIn("请微信解封该用户。", self.after("docs"))

    def test_a_default_deadline(self):
        self.contract.change(
            LOGIN,
            r"(?s)(rpc Login\(.*?default_deadline: )\{seconds: 5\}",
            r"\1{seconds: 7, nanos: 250000000}",
        )
        for part, text in {
            "cpp": "kLoginDeadline = absl::Milliseconds(7250);",
            "go": "LoginDeadline = 7250 * time.Millisecond",
            "java": "LOGIN_DEADLINE = Duration.ofMillis(7250);",
            "python": '"login": 7.25,',
            "typescript": "login: 7_250,",
            "docs": "| Login | 7.25 s | 10 s |",
        }.items():
            self.assertRegex(self.after(part), re.escape(text).replace(r"\ ", " +"))

    def test_a_longest_deadline(self):
        self.contract.change(
            LOGIN,
            r"(?s)(rpc Login\(.*?longest_deadline: )\{seconds: 10\}",
            r"\1{seconds: 42}",
        )
        for part in (*CLIENTS, "docs"):
            self.assertRegex(self.after(part), r"42 s|42[.]0|42_?000")

    def test_what_may_not_be_repeated_leaves_the_retries(self):
        self.contract.change(
            LOGIN,
            r"(?s)(rpc GetUser\(.*?repeatable: )REPEATABLE_YES",
            r"\1REPEATABLE_NO",
        )
        for part in CLIENTS:
            names = re.findall(
                r"""method["']?[:,] ["'](\w+)["']""", self.after(part)
            )
            self.assertIn("Login", names, part)
            self.assertIn("BatchGetUsers", names, part)
            self.assertNotIn("GetUser", names, part)
            self.assertNotIn("WatchAccessToken", names, part)

    def test_a_status_code(self):
        self.contract.change(
            REASONS,
            r"(?s)(ERROR_REASON_TAMPERED.*?)CODE_DATA_LOSS",
            r"\1CODE_OUT_OF_RANGE",
        )
        for part in PARTS:
            self.assertRegex(self.after(part), r"OUT_OF_RANGE|OutOfRange")

    def test_a_new_reason(self):
        self.contract.change(
            REASONS,
            r"\n}\n$",
            """

  // The moon is in the way.
  ERROR_REASON_MOON_AWAY = 95 [(reason_rules) = {
    code: CODE_ABORTED
    advice_en: "Wait for the night."
    advice_zh: "等到夜里。"
    meaning_zh: "月亮挡住了。"
  }];
}
""",
        )
        for part in PARTS:
            text = self.after(part)
            self.assertRegex(text, "MOON_AWAY|MoonAway")
            self.assertIn("Wait for the night.", text)


class RefusalTest(unittest.TestCase):
    def refused(self, file, pattern, replacement=""):
        contract = Contract(self)
        contract.change(file, pattern, replacement)
        return contract.refusal()

    def test_a_method_without_rules(self):
        self.assertIn(
            "wxident.v1.IdentityService.GetUser has no option (method_rules)",
            self.refused(
                LOGIN,
                r"(?s)(rpc GetUser\([^{]*)\{.*?\};\n  \}",
                r"\1;",
            ),
        )

    def test_a_method_without_one_of_them(self):
        for rule in (
            "subject",
            "audit",
            "default_deadline",
            "longest_deadline",
            "repeatable",
        ):
            self.assertIn(
                f"wxident.v1.IdentityService.GetUser has no {rule}",
                self.refused(
                    LOGIN, rf"(?s)(rpc GetUser\([^;]*?)\n\s*{rule}: [^\n]*", r"\1"
                ),
            )

    def test_a_stream_with_a_deadline(self):
        self.assertIn(
            "WatchAccessToken is a stream and has a default_deadline",
            self.refused(
                LOGIN,
                r"(?s)(rpc WatchAccessToken\([^;]*?)(repeatable: )",
                r"\1default_deadline: {seconds: 1} \2",
            ),
        )

    def test_a_default_above_the_longest(self):
        self.assertIn(
            "Login: default_deadline is above longest_deadline",
            self.refused(LOGIN, r"\{seconds: 5\}", "{seconds: 11}"),
        )

    def test_a_reason_without_rules(self):
        self.assertIn(
            "ERROR_REASON_TAMPERED has no option (reason_rules)",
            self.refused(
                REASONS, r"(?s)(ERROR_REASON_TAMPERED = \d+) \[.*?\}\];", r"\1;"
            ),
        )

    def test_a_reason_without_one_of_them(self):
        for rule in ("code", "advice_en", "advice_zh", "meaning_zh"):
            self.assertIn(
                f"ERROR_REASON_TAMPERED has no {rule}",
                self.refused(
                    REASONS,
                    rf"(?s)(ERROR_REASON_TAMPERED = [^;]*?)\n\s*{rule}: [^\n]*",
                    r"\1",
                ),
            )
        self.assertIn(
            "ERROR_REASON_TAMPERED has no comment",
            self.refused(REASONS, r"\n  // A stored value does not open[^\n]*", ""),
        )

    def test_text_that_would_break_a_template(self):
        self.assertIn(
            "without quotes",
            self.refused(REASONS, r'"Do not retry\."', r'"Do not | retry."'),
        )

    def test_a_part_that_there_is_not(self):
        self.assertIn("there is no template 'cobol'", Contract(self).refusal("cobol"))


if __name__ == "__main__":
    unittest.main()
