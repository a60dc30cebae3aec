"""The server's table of error reasons, for code that knows no protobuf."""

from text import NOTICE, file, wrap


def files(contract):
    enum, rows = [], []
    for reason in contract.reasons:
        if enum:
            enum.append("")
        enum += wrap(f"{reason.meaning_en} {reason.advice_en}", "  // ")
        enum.append(f"  k{reason.pascal} = {reason.number},")
        code = "".join(part.capitalize() for part in reason.code.split("_"))
        rows.append(
            f'    {{Reason::k{reason.pascal}, "{reason.name}",'
            f" absl::StatusCode::k{code}}},"
        )
    yield "server/identity/reason.h", file(
        f"// {NOTICE}",
        "",
        "#ifndef WXIDENT_SERVER_IDENTITY_REASON_H_",
        "#define WXIDENT_SERVER_IDENTITY_REASON_H_",
        "",
        '#include "absl/status/status.h"',
        '#include "absl/strings/string_view.h"',
        "",
        "namespace wxident {",
        "",
        "// Why something failed, one to one with ErrorReason in error_reason.proto.",
        "enum class Reason {",
        *enum,
        "};",
        "",
        "// What a reason is called on the wire, and the status code that always",
        "// comes with it.",
        "struct ReasonRow {",
        "  Reason reason;",
        "  absl::string_view name;",
        "  absl::StatusCode code;",
        "};",
        "",
        "inline constexpr ReasonRow kReasons[] = {",
        *rows,
        "};",
        "",
        "}  // namespace wxident",
        "",
        "#endif  // WXIDENT_SERVER_IDENTITY_REASON_H_",
    )
