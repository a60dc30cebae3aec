"""For the Java client: the enum Reason, deadlines, retries."""

from service_config import service_config
from text import NOTICE, file, said, wrap

FOLDER = "clients/java/src/main/java/dev/wxident/client"
DOC_TERMS = {
    "google.rpc.RetryInfo": "{@link WxidentException#retryAfter}",
    "google.rpc.BadRequest": "{@link WxidentException#violations}",
}
TERMS = {
    "google.rpc.RetryInfo": "retryAfter",
    "google.rpc.BadRequest": "violations",
}


def files(contract):
    yield f"{FOLDER}/Reason.java", _reasons(contract)
    yield f"{FOLDER}/Contract.java", _contract(contract)


def _doc(text, indent="  "):
    one = f"{indent}/** {text} */"
    if len(one) <= 100:
        return [one]
    return [f"{indent}/**", *wrap(text, f"{indent} * ", 100), f"{indent} */"]


def _value(reason):
    """An enum's value with its arguments, in lines of at most 100."""
    code, advice = f"Code.{reason.code}", f'"{said(reason.advice_en, TERMS)}"'
    for lines in (
        [f"  {reason.name}({code}, {advice}),"],
        [f"  {reason.name}(", f"      {code}, {advice}),"],
    ):
        if all(len(line) <= 100 for line in lines):
            return lines
    return [f"  {reason.name}(", f"      {code},", f"      {advice}),"]


def _reasons(contract):
    values = []
    for reason in contract.reasons:
        values += [
            "",
            *_doc(said(f"{reason.meaning_en} {reason.advice_en}", DOC_TERMS)),
            *_value(reason),
        ]
    values[-1] = values[-1][:-1] + ";"
    return file(
        f"// {NOTICE}",
        "package dev.wxident.client;",
        "",
        "import io.grpc.Status.Code;",
        "import java.util.Map;",
        "import java.util.function.Function;",
        "import java.util.stream.Collectors;",
        "import java.util.stream.Stream;",
        "",
        "/** Why a call failed, and what to do then: {@link WxidentException#reason}. */",
        "public enum Reason {",
        *_doc(
            "The answer did not come from wxident itself: no connection, the"
            " caller's own deadline, a refusal on the way. {@link"
            " WxidentException#code} says more. Also a reason that this client is"
            " too old to know; {@link WxidentException#reasonName} has it."
        ),
        '  UNSPECIFIED(Code.UNKNOWN, "Look at the code and the message."),',
        *values,
        "",
        "  private static final Map<String, Reason> BY_NAME =",
        "      Stream.of(values())",
        "          .collect(Collectors.toUnmodifiableMap(Reason::name,"
        " Function.identity()));",
        "",
        "  private final Code code;",
        "  private final String advice;",
        "",
        "  Reason(Code code, String advice) {",
        "    this.code = code;",
        "    this.advice = advice;",
        "  }",
        "",
        "  /**",
        "   * The gRPC code that this reason comes with.",
        "   *",
        "   * @return the code",
        "   */",
        "  public Code code() {",
        "    return code;",
        "  }",
        "",
        "  /**",
        "   * What to do next, as a sentence for people.",
        "   *",
        "   * @return the sentence",
        "   */",
        "  public String advice() {",
        "    return advice;",
        "  }",
        "",
        "  /** The reason that the server calls this, or UNSPECIFIED. */",
        "  static Reason named(String name) {",
        "    return BY_NAME.getOrDefault(name, UNSPECIFIED);",
        "  }",
        "}",
    )


def _contract(contract):
    deadlines = []
    for method in contract.client_calls:
        name = method.snake.upper()
        deadlines += [
            f"  static final Duration {name}_DEADLINE ="
            f" Duration.ofMillis({method.default_ms});",
            f"  static final Duration {name}_LONGEST ="
            f" Duration.ofMillis({method.longest_ms});",
        ]
    return file(
        f"// {NOTICE}",
        "package dev.wxident.client;",
        "",
        "import java.time.Duration;",
        "import java.util.List;",
        "import java.util.Map;",
        "",
        "/**",
        " * The rules of methods: how long each call may take when nobody says otherwise,"
        " the most that the",
        " * server allows, and retries.",
        " */",
        "final class Contract {",
        *deadlines,
        "",
        "  private Contract() {}",
        "",
        "  /**",
        "   * What gRPC does by itself: balancing over healthy servers, and retries."
        " Where a call must not be",
        "   * sent again, the server says so with grpc-retry-pushback-ms.",
        "   */",
        "  static Map<String, ?> serviceConfig() {",
        f"    return {_java(service_config(contract), '    ')};",
        "  }",
        "}",
    )


def _java(value, indent):
    """A JSON value as Java's collections; numbers are doubles, as gRPC wants."""
    inner = indent + "    "
    if isinstance(value, dict):
        if not value:
            return "Map.of()"
        parts = [f'"{key}", {_java(item, inner)}' for key, item in value.items()]
        opening = "Map.of("
    elif isinstance(value, list):
        parts = [_java(item, inner) for item in value]
        opening = "List.of("
    elif isinstance(value, str):
        return f'"{value}"'
    else:
        return repr(float(value))
    one = f"{opening}{', '.join(parts)})"
    if "\n" not in one and len(one) <= 80:
        return one
    return opening + "".join(f"\n{inner}{part}," for part in parts)[:-1] + ")"
