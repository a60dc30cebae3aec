"""For the C++ client: deadlines, retries, codes and advice."""

import json

from service_config import service_config
from text import NOTICE, file, said

TERMS = {
    "google.rpc.RetryInfo": "RetryAfter",
    "google.rpc.BadRequest": "ViolationsOf",
}


def files(contract):
    deadlines = []
    for method in contract.client_calls:
        deadlines += [
            f"inline constexpr absl::Duration k{method.name}Deadline =",
            f"    absl::Milliseconds({method.default_ms});",
            f"inline constexpr absl::Duration k{method.name}Longest =",
            f"    absl::Milliseconds({method.longest_ms});",
        ]
    reasons = []
    for reason in contract.reasons:
        code = "".join(part.capitalize() for part in reason.code.split("_"))
        reasons += [
            f"    {{v1::ERROR_REASON_{reason.name}, absl::StatusCode::k{code},",
            f"     {json.dumps(said(reason.advice_en, TERMS))}}},",
        ]
    yield "clients/cpp/wxident/contract.h", file(
        f"// {NOTICE}",
        "// clang-format off",
        "",
        "#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_CONTRACT_H_",
        "#define WXIDENT_CLIENTS_CPP_WXIDENT_CONTRACT_H_",
        "",
        '#include "absl/status/status.h"',
        '#include "absl/strings/string_view.h"',
        '#include "absl/time/time.h"',
        '#include "wxident/v1/error_reason.pb.h"',
        "",
        "namespace wxident::client::contract {",
        "",
        "// How long each call may take when nobody says otherwise, and the most that",
        "// the server allows.",
        *deadlines,
        "",
        "// What gRPC does by itself: balancing over healthy servers, and retries.",
        "// Where a call must not be sent again, the server says so with",
        "// grpc-retry-pushback-ms.",
        'inline constexpr char kServiceConfig[] = R"json(',
        json.dumps(service_config(contract), indent=2),
        ')json";',
        "",
        "// A reason's status code, and what to do about it.",
        "struct ReasonRules {",
        "  v1::ErrorReason reason;",
        "  absl::StatusCode code;",
        "  absl::string_view advice;",
        "};",
        "",
        "inline constexpr ReasonRules kReasons[] = {",
        *reasons,
        "};",
        "",
        "// nullptr for a reason that this client does not know.",
        "constexpr const ReasonRules* RulesOf(v1::ErrorReason reason) {",
        "  for (const ReasonRules& rules : kReasons)",
        "    if (rules.reason == reason) return &rules;",
        "  return nullptr;",
        "}",
        "",
        "}  // namespace wxident::client::contract",
        "",
        "#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_CONTRACT_H_",
    )
