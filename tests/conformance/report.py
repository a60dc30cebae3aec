"""What came out of a run: the table, what went wrong, and JUnit XML."""

from xml.sax.saxutils import escape, quoteattr


def table(clients, scenarios, results):
    """Client by scenario, without a gap."""
    width = max(map(len, [*scenarios, "scenario"]))
    columns = [max(len(client), len("pass")) for client in clients]
    lines = []
    for name, cells in [("scenario", clients)] + [
            (name, ["pass" if results[client, name] is None else "FAIL"
                    for client in clients]) for name in scenarios]:
        lines.append("  ".join([name.ljust(width)] + [
            cell.ljust(column) for cell, column in zip(cells, columns)]
        ).rstrip())
    return "\n".join(lines)


def failures(clients, scenarios, results):
    """Each failure with what was wanted and what came; once, where a client
    fails several scenarios for one reason, such as that it is not there."""
    lines = []
    for client in clients:
        names = {}
        for name in scenarios:
            if results[client, name] is not None:
                names.setdefault(results[client, name], []).append(name)
        for text, failed in names.items():
            what = failed[0] if len(failed) == 1 else \
                f"{len(failed)} scenarios, {failed[0]} among them"
            lines.append(f"FAIL {client} {what}\n     {text}")
    return "\n".join(lines)


def junit(clients, scenarios, results, took):
    """One test case for each client and scenario."""
    failed = sum(text is not None for text in results.values())
    lines = ['<?xml version="1.0" encoding="UTF-8"?>',
             f'<testsuites tests="{len(results)}" failures="{failed}">']
    for client in clients:
        own = [results[client, name] for name in scenarios]
        lines.append(
            f'<testsuite name={quoteattr(client)} tests="{len(own)}" '
            f'failures="{sum(text is not None for text in own)}">')
        for name in scenarios:
            text = results[client, name]
            case = (f"<testcase classname={quoteattr(client)} "
                    f"name={quoteattr(name)} "
                    f'time="{took.get((client, name), 0):.3f}"')
            if text is None:
                lines.append(f"{case}/>")
            else:
                # XML has no way to write control characters.
                clean = "".join(c if c >= " " else " " for c in text)
                lines.append(f"{case}><failure message={quoteattr(clean)}>"
                             f"{escape(clean)}</failure></testcase>")
        lines.append("</testsuite>")
    lines.append("</testsuites>\n")
    return "\n".join(lines)
