"""The wheel: built, installed into an empty environment, used, type-checked."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import APP

from wxident import __version__ as VERSION

ROOT = Path(__file__).parent.parent
WHEELS = Path(sys.prefix).parent / "python-wheels"

PROGRAM = """
import asyncio
import wxident
import wxident.aio
import wxident.fake

async def watch(client: wxident.aio.Client, app: str) -> int:
    async with client, client.access_token_source(app) as source:
        return (await source.get()).generation

def main() -> None:
    with wxident.fake.FakeServer() as fake:
        fake.add_app("wx0")
        alice = fake.add_user("wx0", "alice")
        with fake.client() as client:
            login = client.login("wx0", mini_program_code=alice.login_code())
            user_id: str = login.user.user_id
            assert user_id == alice.user_id
        generation = asyncio.run(watch(fake.aio_client(), "wx0"))
        print(wxident.__version__, generation, wxident.__file__)

main()
"""


def run(*command, **options):
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """dist/ as `python -m build` fills it: the wheel from the sdist."""
    folder = tmp_path_factory.mktemp("build")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("src", "tests"):
        shutil.copytree(
            ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    run(sys.executable, "-m", "build", "--no-isolation", cwd=source)
    return source / "dist"


def test_what_the_wheel_holds(dist):
    assert {path.name for path in dist.iterdir()} == {
        f"wxident-{VERSION}.tar.gz",
        f"wxident-{VERSION}-py3-none-any.whl",
    }
    with zipfile.ZipFile(dist / f"wxident-{VERSION}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
        metadata = wheel.read(f"wxident-{VERSION}.dist-info/METADATA").decode()
    sources = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src").rglob("*")
        if path.suffix in (".py", ".pyi", ".typed")
    }
    assert "wxident/py.typed" in names
    assert "wxident/v1/identity_service_pb2.pyi" in names
    assert {name for name in names if ".dist-info/" not in name} == sources | {
        "wxident/py.typed"
    }
    assert "Requires-Python: >=3.11" in metadata
    assert "License-Expression: Apache-2.0" in metadata


def test_an_empty_environment_can_use_it(dist, tmp_path):
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", venv)
    python = venv / "bin" / "python"
    wheel = next(dist.glob("*.whl"))
    run(
        python,
        *["-m", "pip", "install", "--quiet", "--no-index"],
        "--find-links",
        WHEELS,
        wheel,
    )
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    version, generation, file = run(python, program, cwd=tmp_path, env=clean).split()
    assert (version, generation) == (VERSION, "1")
    assert file.startswith(str(venv))
    # And mypy finds its types there.
    run(
        *(sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache"),
        *("--python-executable", python, program),
        cwd=tmp_path,
        env=clean,
    )


def blocks():
    """The README's code in Python."""
    text = (ROOT / "README.md").read_text()
    return [block.partition("```")[0] for block in text.split("```python\n")[1:]]


def environment(fake):
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "WXIDENT_CLIENT_ADDR": fake.address,
        "WXIDENT_CLIENT_INSECURE": "true",
        "MINI_PROGRAM_APP_ID": APP,
    }


def test_the_quick_start_works(fake, alice, tmp_path):
    program = tmp_path / "quickstart.py"
    program.write_text(blocks()[0])
    for words in ("is new", "is known"):
        out = run(
            *(sys.executable, program, alice.login_code()),
            cwd=tmp_path,
            env=environment(fake),
        )
        assert out == f"{alice.user_id} {words}\n"


def test_the_test_in_the_readme_passes(fake, tmp_path):
    (test,) = (block for block in blocks() if "def test_login" in block)
    (tmp_path / "test_login.py").write_text(test)
    out = run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."),
        cwd=tmp_path,
        env=environment(fake),
    )
    assert "1 passed" in out


@pytest.mark.parametrize("block", blocks())
def test_the_readme_is_python(block):
    inside = "\n".join(f"    {line}" for line in block.splitlines())
    compile(f"async def readme():\n{inside}\n", "README.md", "exec")
