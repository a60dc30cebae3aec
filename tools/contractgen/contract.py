"""The contract as protoc tells it: methods, error reasons, and their rules."""

import re
from dataclasses import dataclass

from google.protobuf import descriptor_pool, message_factory

PACKAGE = "wxident.v1"
# The service that clients call. The other one is for operators.
CLIENT_SERVICE = f"{PACKAGE}.IdentityService"
REASON_PREFIX = "ERROR_REASON_"


class ContractError(Exception):
    """What is wrong with the .proto files; names the method or the reason."""


@dataclass(frozen=True)
class Method:
    """One RPC. Times are in ms, and None for a stream."""

    service: str
    name: str
    is_stream: bool
    subject: str
    audit: str
    repeatable: str
    default_ms: int | None
    longest_ms: int | None

    @property
    def snake(self):
        """Such as "get_user"."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", self.name).lower()


@dataclass(frozen=True)
class Reason:
    """One error reason: what happened, its status code, what to do."""

    name: str
    number: int
    code: str
    meaning_en: str
    meaning_zh: str
    advice_en: str
    advice_zh: str

    @property
    def pascal(self):
        """Such as "LoginCodeInvalid"."""
        return "".join(part.capitalize() for part in self.name.split("_"))


@dataclass(frozen=True)
class Contract:
    """All methods and reasons, in the order of the .proto files."""

    methods: tuple[Method, ...]
    reasons: tuple[Reason, ...]

    @property
    def client_calls(self):
        """The unary methods that clients have."""
        return [
            method
            for method in self.methods
            if method.service == CLIENT_SERVICE and not method.is_stream
        ]


def read(request):
    """The Contract in a CodeGeneratorRequest. Raises ContractError."""
    options = _Options(request.proto_file)
    methods, reasons = [], []
    for file in request.proto_file:
        if file.package != PACKAGE:
            continue
        comments = {
            tuple(location.path): location.leading_comments
            for location in file.source_code_info.location
        }
        for service in file.service:
            for method in service.method:
                methods.append(
                    _method(f"{PACKAGE}.{service.name}", method, options)
                )
        for index, enum in enumerate(file.enum_type):
            if enum.name != "ErrorReason":
                continue
            for at, value in enumerate(enum.value):
                if value.number:
                    # 5: enum_type of a file; 2: value of an enum.
                    comment = comments.get((5, index, 2, at), "")
                    reasons.append(_reason(value, comment, options))
    if not methods or not reasons:
        raise ContractError(
            "no services or no ErrorReason; give all of protos/wxident/v1"
        )
    return Contract(tuple(methods), tuple(reasons))


class _Options:
    """Reads our options, which protoc hands on as bytes."""

    def __init__(self, files):
        self._pool = descriptor_pool.DescriptorPool()
        for file in files:
            self._pool.AddSerializedFile(file.SerializeToString())
        self._factory = message_factory.MessageFactory(self._pool)
        self._factory.GetMessages([file.name for file in files])

    def of(self, options, name):
        """The option PACKAGE.name in `options`; None when it is not set."""
        kind = self._pool.FindMessageTypeByName(options.DESCRIPTOR.full_name)
        read = self._factory.GetPrototype(kind).FromString(
            options.SerializeToString()
        )
        extension = self._pool.FindExtensionByName(f"{PACKAGE}.{name}")
        return read.Extensions[extension] if read.HasExtension(extension) else None


def _method(service, method, options):
    name = f"{service}.{method.name}"
    rules = options.of(method.options, "method_rules")
    if rules is None:
        raise ContractError(f"{name} has no option (method_rules)")
    is_stream = method.client_streaming or method.server_streaming
    times = {}
    for field in ("default_deadline", "longest_deadline"):
        times[field] = None
        if rules.HasField(field) == is_stream:
            verdict = "is a stream and has a" if is_stream else "has no"
            raise ContractError(f"{name} {verdict} {field}")
        if not is_stream:
            time = getattr(rules, field)
            times[field] = time.seconds * 1000 + time.nanos // 1_000_000
            if times[field] <= 0:
                raise ContractError(f"{name}: {field} must be 1 ms or more")
    if not is_stream and times["default_deadline"] > times["longest_deadline"]:
        raise ContractError(f"{name}: default_deadline is above longest_deadline")
    return Method(
        service=service,
        name=method.name,
        is_stream=is_stream,
        subject=_enum(name, rules, "subject"),
        audit=_enum(name, rules, "audit"),
        repeatable=_enum(name, rules, "repeatable"),
        default_ms=times["default_deadline"],
        longest_ms=times["longest_deadline"],
    )


def _reason(value, comment, options):
    rules = options.of(value.options, "reason_rules")
    if rules is None:
        raise ContractError(f"{value.name} has no option (reason_rules)")
    texts = {"meaning_en": " ".join(comment.split())}
    for field in ("meaning_zh", "advice_en", "advice_zh"):
        texts[field] = getattr(rules, field)
    for field, text in texts.items():
        if not text:
            what = "comment" if field == "meaning_en" else field
            raise ContractError(f"{value.name} has no {what}")
        if not text.endswith((".", "。")) or any(c in text for c in '"\\|\n'):
            raise ContractError(
                f"{value.name}: write whole sentences without quotes, '\\' or"
                f" '|': {text}"
            )
    return Reason(
        name=value.name.removeprefix(REASON_PREFIX),
        number=value.number,
        code=_enum(value.name, rules, "code"),
        **texts,
    )


def _enum(owner, rules, field):
    """An enum's value without the enum's name: AUDIT_NONE is NONE."""
    descriptor = rules.DESCRIPTOR.fields_by_name[field]
    number = getattr(rules, field)
    if not number:
        raise ContractError(f"{owner} has no {field}")
    value = descriptor.enum_type.values_by_number[number].name
    return value.removeprefix(f"{field.upper()}_")
