"""Tables, in Markdown."""

import os
import pathlib
import re

# What ratios are to, where it was measured; otherwise to the first that was.
BASE = "go"


def machine():
    model = re.search(r"model name\s*:\s*(.+)",
                      pathlib.Path("/proc/cpuinfo").read_text())
    load = os.getloadavg()[0]
    return (f"{model[1] if model else 'unknown CPU'}, {os.cpu_count()} CPUs, "
            f"Linux {os.uname().release}, load at the end {load:.1f}")


def _table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _cells(results):
    """By (security, case, calls in flight): what each server has shown."""
    out = {}
    for cell in results["cells"]:
        key = cell["security"], cell["case"], cell["in_flight"]
        out.setdefault(key, {})[cell["server"]] = cell["median"]
    return out


def _base(results):
    names = [cell["server"] for cell in results["cells"]]
    return BASE if BASE in names or not names else names[0]


def _all_cpu(median):
    return median["cpu_us"] + median["database_cpu_us"]


def ratios(results):
    """One line a cell: calls a second to the Go service's, and in brackets the
    CPU of server and database for a call to its."""
    base_name = _base(results)
    cells = _cells(results)
    names = []
    for servers in cells.values():
        names += [name for name in servers
                  if name not in names and name != base_name]
    rows = []
    for (security, case, in_flight), servers in cells.items():
        base = servers.get(base_name)
        row = [f"{security} {case} {in_flight}",
               f"{base['calls_per_second']:.0f}" if base else "-"]
        for name in names:
            one = servers.get(name)
            if not one or not base:
                row.append("-")
                continue
            speed = one["calls_per_second"] / base["calls_per_second"]
            row.append(f"{speed:.2f} ({_ratio(_all_cpu(one), _all_cpu(base))})")
        rows.append(row)
    text = _table(["case, calls in flight", f"{base_name}, calls/s", *names],
                  rows)
    for failure in results["failures"]:
        text += f"\nFAILED: {failure}"
    return text


def _ratio(value, base):
    return f"{value / base:.2f}" if base > 0 else "-"


def details(results):
    text = (f"{results['machine']}; {results['revision']}; "
            f"{results['when']}\n\n{ratios(results)}")
    title = None
    rows = []
    head = ["in flight, server", "calls/s", "p50 ms", "p99 ms", "max ms",
            "CPU us", "database CPU us", "switches", "syscalls",
            "generator CPU us", *(f"{what} to {_base(results)}" for what in
                                  ("calls/s", "p99", "CPU", "database CPU"))]

    def flush():
        nonlocal rows
        if rows:
            table = _table(head, rows)
            rows = []
            return f"\n## {title}\n\n{table}"
        return ""

    for (security, case, in_flight), servers in _cells(results).items():
        if title != f"{security}: {case}":
            text += flush()
            title = f"{security}: {case}"
        base = servers.get(_base(results))
        for name, one in servers.items():
            if not one:
                rows.append([f"{in_flight} {name}", "failed",
                             *["-"] * (len(head) - 2)])
                continue
            row = [f"{in_flight} {name}", f"{one['calls_per_second']:.0f}"]
            row += [f"{one[key] / 1000:.2f}"
                    for key in ("p50_us", "p99_us", "max_us")]
            row += [f"{one['cpu_us']:.1f}", f"{one['database_cpu_us']:.1f}",
                    f"{one['switches']:.2f}",
                    f"{one['syscalls']:.1f}" if "syscalls" in one else "-",
                    f"{one['own_cpu_us']:.1f}"]
            row += [_ratio(one[key], base[key]) if base else "-"
                    for key in ("calls_per_second", "p99_us", "cpu_us",
                                "database_cpu_us")]
            rows.append(row)
    text += flush()
    text += "\n## Peak memory\n\n" + _table(
        ["server", "MiB"], [[name, f"{mib:.1f}"] for name, mib
                            in results["peak_memory_mib"].items()])
    return text
