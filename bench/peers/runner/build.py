"""Builds what is measured, and what measures it."""

import hashlib
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
TOOLS = pathlib.Path(os.environ.get("WXIDENT_TOOLS_DIR", ROOT / ".tools"))
# Downloads of a first run, and a release build, take minutes.
LONG = 3600


def build(names, release):
    """Returns the programs: a command line each, by name. `names` are the
    servers to build; the generator and the simulator come in any case."""
    programs = _bazel(names, release)
    if any(name.startswith("go") or name == "echo-go" for name in names):
        programs["go"] = [str(_go())]
    if "java" in names:
        programs["java"] = _java()
    return programs


def _bazel(names, release):
    targets = {"load": "//bench/peers:load",
               "simulator": "//simulator:wechat-simulator"}
    if "wxident" in names:
        targets["wxident"] = "//server:wxidentd"
    if {"echo", "echo-checked"} & set(names):
        targets["echo"] = "//bench/peers:echo"
    config = ["--config=release"] if release else []
    subprocess.run(["bazel", "build", *config, *targets.values()], cwd=ROOT,
                   check=True, timeout=LONG)
    binaries = subprocess.run(
        ["bazel", "info", *config, "bazel-bin"], cwd=ROOT, check=True,
        timeout=LONG, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True).stdout.strip()
    return {name: [f"{binaries}/{target[2:].replace(':', '/')}"]
            for name, target in targets.items()}


def _go():
    """go.sh downloads the modules that are not there yet."""
    out = TOOLS / "peers" / "go-peer"
    subprocess.run([ROOT / "clients/go/go.sh", "build", "-C",
                    ROOT / "bench/peers/go", "-o", out, "."],
                   env={**os.environ, "WXIDENT_TOOLS_DIR": str(TOOLS)},
                   check=True, timeout=LONG)
    return out


def _java():
    """Maven builds a copy, and downloads when it misses something. The same
    sources are not built again."""
    top = TOOLS / "peers" / "java"
    work = top / "bench/peers/java"
    sources = [path for folder in ("bench/peers/java", "protos")
               for path in sorted((ROOT / folder).rglob("*"))
               if path.suffix in (".java", ".xml", ".proto")]
    stamp = hashlib.sha256(b"".join(
        path.read_bytes() for path in sources)).hexdigest()
    done = top / "done"
    if not done.exists() or done.read_text() != stamp:
        shutil.rmtree(top, ignore_errors=True)
        for path in sources:
            copy = top / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        maven = ["mvn", "--batch-mode", "--quiet",
                 f"-Dmaven.repo.local={TOOLS / 'm2'}", "package",
                 "dependency:build-classpath", "-Dmdep.outputFile=class-path",
                 "-Dmdep.includeScope=runtime"]
        offline = subprocess.run([*maven, "--offline"], cwd=work, timeout=LONG,
                                 stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        if offline.returncode != 0:
            subprocess.run(maven, cwd=work, check=True, timeout=LONG)
        done.write_text(stamp)
    jars = [str(work / "target/wxident-peer-0.1.0.jar"),
            (work / "class-path").read_text().strip()]
    return ["java", "-server", "-Xms512m", "-Xmx512m", "-cp", ":".join(jars),
            "dev.wxident.peer.Main"]
