"""The tables of methods and error reasons, in English and in Chinese."""

from contract import CLIENT_SERVICE
from text import file, seconds

NOTICE = "<!-- Made by tools/contractgen from protos/: change those. -->"

REPEATABLE = {
    "YES": ("yes", "可以"),
    "SAME_CODE": (
        "yes, with the same code, unless the server says no",
        "可以用同一个 code 重发，除非服务器说不行",
    ),
    "NO": ("no", "不可以"),
}
AUDIT = {
    "NONE": ("no", "不记"),
    "BEST_EFFORT": ("best effort", "尽力而为"),
    "REQUIRED": ("before the answer", "先记录再答复"),
}


def files(contract):
    yield "docs/errors.md", _english(contract)
    yield "docs/zh/errors.md", _chinese(contract)


def _services(contract, heads, language):
    lines = []
    services = dict.fromkeys(method.service for method in contract.methods)
    # What clients call comes first.
    for service in sorted(services, key=lambda name: name != CLIENT_SERVICE):
        lines += ["", f"### {service.rpartition('.')[2]}", ""]
        lines += ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
        for method in contract.methods:
            if method.service != service:
                continue
            times = ["-", "-"]
            if not method.is_stream:
                times = [seconds(method.default_ms), seconds(method.longest_ms)]
            cells = [
                method.name,
                *times,
                REPEATABLE[method.repeatable][language],
                AUDIT[method.audit][language],
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def _english(contract):
    return file(
        NOTICE,
        "",
        "# Errors and deadlines",
        "",
        "([中文](zh/errors.md))",
        "",
        "## Error reasons",
        "",
        "Each error carries one `google.rpc.ErrorInfo` with the domain `wxident` and",
        "one of these reasons. A reason always comes with the same status code.",
        "[rpcs.md](rpcs.md#sending-a-call-again) says when a call may be sent again.",
        "",
        "| reason | status code | what happened | what to do |",
        "| --- | --- | --- | --- |",
        *(
            f"| `{reason.name}` | `{reason.code}` | {reason.meaning_en} |"
            f" {reason.advice_en} |"
            for reason in contract.reasons
        ),
        "",
        "## Methods",
        "",
        "The default deadline holds for a call that has none: the clients send it, and",
        "the server takes it where none is sent. The server allows no call more than the",
        "longest one. A stream has no deadline.",
        *_services(
            contract,
            [
                "method",
                "default deadline",
                "longest deadline",
                "may be sent again",
                "in the audit log",
            ],
            0,
        ),
    )


def _chinese(contract):
    return file(
        NOTICE,
        "",
        "# 错误与期限",
        "",
        "（[English](../errors.md)）",
        "",
        "## 错误原因",
        "",
        "每个错误都带有一个 `google.rpc.ErrorInfo`，其 domain 是 `wxident`，reason 是下列之一。",
        "同一个原因总是对应同一个状态码。何时可以重发请求，见",
        "[rpcs.md](../rpcs.md#sending-a-call-again)。",
        "",
        "| 原因 | 状态码 | 发生了什么 | 怎么办 |",
        "| --- | --- | --- | --- |",
        *(
            f"| `{reason.name}` | `{reason.code}` | {reason.meaning_zh} |"
            f" {reason.advice_zh} |"
            for reason in contract.reasons
        ),
        "",
        "## 方法",
        "",
        "调用没有设置期限时使用默认期限：客户端会带上它；没有带时，服务器用它。",
        "服务器给每次调用的时间不超过最长期限。流式方法没有期限。",
        *_services(
            contract, ["方法", "默认期限", "最长期限", "可否重发", "审计日志"], 1
        ),
    )
