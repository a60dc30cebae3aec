import copy
import pickle
import re
from datetime import timedelta

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

import wxident
from wxident import errors
from wxident.fake import _faults
from wxident.v1 import error_reason_pb2


def trailers(*details, code=9):
    status = status_pb2.Status(code=code)
    for detail in details:
        status.details.add().Pack(detail)
    return (("grpc-status-details-bin", status.SerializeToString()),)


def info(reason, domain="wxident", **metadata):
    return error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata)


def test_reasons_are_those_of_the_protos():
    prefix = "ERROR_REASON_"
    names = error_reason_pb2.DESCRIPTOR.enum_types_by_name["ErrorReason"].values_by_name
    wire = {name.removeprefix(prefix) for name in names}
    assert {reason.name for reason in errors.Reason} == wire
    assert all(reason.value in (reason.name, "") for reason in errors.Reason)


def test_each_reason_has_its_own_class():
    classes = set()
    for reason in errors.Reason:
        if reason is errors.Reason.UNSPECIFIED:
            continue
        error = errors.from_status(
            "Login", grpc.StatusCode.UNKNOWN, "what", trailers(info(reason.name))
        )
        assert type(error) is not wxident.WxidentError
        assert isinstance(error, wxident.WxidentError)
        assert type(error).__name__.upper() == reason.name.replace("_", "")
        assert getattr(wxident, type(error).__name__) is type(error)
        assert type(error).__doc__
        assert error.reason is reason
        classes.add(type(error))
    assert len(classes) == len(errors.Reason) - 1


def test_each_reason_reaches_the_caller_over_the_wire(fake, client):
    for reason in errors.Reason:
        if reason is errors.Reason.UNSPECIFIED:
            continue
        fake.fail_next(
            "ValidateSession", reason, retry_after=timedelta(hours=1), errcode="45009"
        )
        with pytest.raises(wxident.WxidentError) as raised:
            client.validate_session("wxs1_x")
        assert raised.value.reason is reason
        assert raised.value.code.name == proto_code(reason)
        assert raised.value.metadata == {"errcode": "45009"}
        assert raised.value.retry_after == timedelta(hours=1)
        assert re.fullmatch("[0-9a-f]{16}", raised.value.request_id)
        assert str(raised.value).endswith(f" (request {raised.value.request_id})")


def proto_code(reason):
    """The code that the reason's class says first in its documentation."""
    cls = errors._CLASSES[reason.name]
    return cls.__doc__.partition(".")[0]


def test_details_become_attributes():
    bad = error_details_pb2.BadRequest()
    bad.field_violations.add(field="identity_refs[3].openid", description="is required")
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromTimedelta(timedelta(milliseconds=1500))
    error = errors.from_status(
        "BatchGetUsers",
        grpc.StatusCode.INVALID_ARGUMENT,
        "identity_refs[3].openid is required",
        trailers(info("REQUEST_INVALID", errcode="1", rid="r"), bad, retry),
    )
    assert isinstance(error, wxident.RequestInvalid)
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.violations == (
        wxident.FieldViolation("identity_refs[3].openid", "is required"),
    )
    assert error.retry_after == timedelta(seconds=1.5)
    assert error.metadata == {"errcode": "1", "rid": "r"}
    assert error.message == "identity_refs[3].openid is required"
    assert str(error) == "REQUEST_INVALID: identity_refs[3].openid is required"


def test_a_streams_error_has_a_request_id(fake, client):
    fake.fail_next("WatchAccessToken", "CALLER_NOT_ALLOWED")
    with pytest.raises(wxident.CallerNotAllowed) as raised:
        next(client.watch_access_token("wx0"))
    assert raised.value.request_id


def test_an_unknown_reason_keeps_its_name():
    error = errors.from_status(
        "Login", grpc.StatusCode.ABORTED, "new", trailers(info("OF_TOMORROW"))
    )
    assert type(error) is wxident.WxidentError
    assert error.reason is wxident.Reason.UNSPECIFIED
    assert error.reason_name == "OF_TOMORROW"


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        (),
        trailers(info("LOGIN_CODE_INVALID", domain="example.com")),
        (("grpc-status-details-bin", b"\xff\xff"),),
    ],
)
def test_without_our_error_info_there_is_no_reason(metadata):
    error = errors.from_status("Login", grpc.StatusCode.UNAVAILABLE, "gone", metadata)
    assert type(error) is wxident.WxidentError
    assert error.reason is wxident.Reason.UNSPECIFIED
    assert error.reason_name == ""
    assert error.request_id == ""
    assert "gone" in error.message
    assert "try again" in error.message


@pytest.mark.parametrize("again", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_errors_copy_and_pickle(again):
    error = errors.from_status(
        "Login",
        grpc.StatusCode.FAILED_PRECONDITION,
        "what",
        (
            *trailers(info("LOGIN_CODE_INVALID", errcode="40029")),
            ("wxident-request-id", "00c0ffee00c0ffee"),
        ),
    )
    assert error.request_id == "00c0ffee00c0ffee"
    other = again(error)
    assert type(other) is wxident.LoginCodeInvalid
    assert str(other) == str(error)
    assert other.__dict__ == error.__dict__


def test_the_fake_knows_a_code_for_each_reason():
    assert set(_faults.CODES) == set(errors.Reason) - {errors.Reason.UNSPECIFIED}
    for reason, code in _faults.CODES.items():
        assert code.name == proto_code(reason)
