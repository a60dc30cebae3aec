package wxident

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

func statusError(t *testing.T, code codes.Code, message string, details ...protoadapt.MessageV1) error {
	t.Helper()
	s, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return s.Err()
}

func TestErrorOf(t *testing.T) {
	info := func(domain, reason string, metadata map[string]string) *errdetails.ErrorInfo {
		return &errdetails.ErrorInfo{Domain: domain, Reason: reason, Metadata: metadata}
	}
	tests := map[string]struct {
		err  error
		want Error
		text string
	}{
		"reason with WeChat's words": {
			err: statusError(t, codes.FailedPrecondition, "WeChat does not know it; get a new code",
				info("wxident", "LOGIN_CODE_INVALID", map[string]string{"errcode": "40029", "rid": "r"})),
			want: Error{
				Reason:     wxidentv1.ErrorReason_ERROR_REASON_LOGIN_CODE_INVALID,
				ReasonName: "LOGIN_CODE_INVALID",
				Code:       codes.FailedPrecondition,
				Message:    "WeChat does not know it; get a new code",
				Metadata:   map[string]string{"errcode": "40029", "rid": "r"},
			},
			text: "wxident: Login: LOGIN_CODE_INVALID: WeChat does not know it; get a new code",
		},
		"violations": {
			err: statusError(t, codes.InvalidArgument, "iv is short", info("wxident", "REQUEST_INVALID", nil),
				&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
					{Field: "iv", Description: "is short"}}}),
			want: Error{
				Reason:     wxidentv1.ErrorReason_ERROR_REASON_REQUEST_INVALID,
				ReasonName: "REQUEST_INVALID",
				Code:       codes.InvalidArgument,
				Message:    "iv is short",
				Violations: []FieldViolation{{Field: "iv", Description: "is short"}},
			},
			text: "wxident: Login: REQUEST_INVALID: iv is short",
		},
		"retry after": {
			err: statusError(t, codes.ResourceExhausted, "full; wait", info("wxident", "OVERLOADED", nil),
				&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)}),
			want: Error{
				Reason:     wxidentv1.ErrorReason_ERROR_REASON_OVERLOADED,
				ReasonName: "OVERLOADED",
				Code:       codes.ResourceExhausted,
				Message:    "full; wait",
				RetryAfter: 1500 * time.Millisecond,
			},
			text: "wxident: Login: OVERLOADED: full; wait",
		},
		"reason of a newer server": {
			err:  statusError(t, codes.Aborted, "new; do this", info("wxident", "NEWER_THAN_THIS", nil)),
			want: Error{ReasonName: "NEWER_THAN_THIS", Code: codes.Aborted, Message: "new; do this"},
			text: "wxident: Login: NEWER_THAN_THIS: new; do this",
		},
		"another domain": {
			err:  statusError(t, codes.NotFound, "no", info("googleapis.com", "USER_NOT_FOUND", nil)),
			want: Error{Code: codes.NotFound, Message: "no"},
			text: "wxident: Login: NOT_FOUND: no",
		},
		"no connection": {
			err: status.Error(codes.Unavailable, "connection refused."),
			want: Error{Code: codes.Unavailable, Message: "connection refused; the server could not be reached; " +
				"try again, and check the address and TLS settings if it stays so"},
			text: "wxident: Login: UNAVAILABLE: connection refused; the server could not be reached; " +
				"try again, and check the address and TLS settings if it stays so",
		},
		"the caller's deadline": {
			err: context.DeadlineExceeded,
			want: Error{Code: codes.DeadlineExceeded, Message: "context deadline exceeded; the deadline passed " +
				"before an answer came; give the call more time, or try again"},
			text: "wxident: Login: DEADLINE_EXCEEDED: context deadline exceeded; the deadline passed " +
				"before an answer came; give the call more time, or try again",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got *Error
			if err := errorOf("Login", test.err); !errors.As(err, &got) {
				t.Fatalf("errorOf gave %T", err)
			}
			if got.Error() != test.text {
				t.Errorf("Error() = %q\nwant      %q", got.Error(), test.text)
			}
			if code := status.Code(got); code != test.want.Code {
				t.Errorf("status.Code = %v", code)
			}
			test.want.Method, test.want.status = "Login", got.status
			if !reflect.DeepEqual(*got, test.want) {
				t.Errorf("got  %#v\nwant %#v", *got, test.want)
			}
		})
	}
}

func TestErrorOfNothingIsNothing(t *testing.T) {
	if err := errorOf("Login", nil); err != nil {
		t.Errorf("errorOf(nil) = %v", err)
	}
}

func TestErrorOfKeepsAnError(t *testing.T) {
	first := errorOf("Login", context.Canceled)
	if again := errorOf("GetUser", fmt.Errorf("wrapped: %w", first)); !errors.Is(again, first) ||
		!strings.Contains(again.Error(), "Login") {
		t.Errorf("errorOf changed %v into %v", first, again)
	}
}

func TestEachReasonHasItsSentinel(t *testing.T) {
	for number, name := range wxidentv1.ErrorReason_name {
		reason := wxidentv1.ErrorReason(number)
		if reason == wxidentv1.ErrorReason_ERROR_REASON_UNSPECIFIED {
			continue
		}
		t.Run(name, func(t *testing.T) {
			short := strings.TrimPrefix(name, "ERROR_REASON_")
			err := fmt.Errorf("handler: %w", errorOf("GetUser", statusError(t, codes.Internal, "m",
				&errdetails.ErrorInfo{Domain: "wxident", Reason: short})))
			own, ok := sentinels[reason]
			if !ok {
				t.Fatal("there is no sentinel")
			}
			for _, other := range sentinels {
				if got, want := errors.Is(err, other), other == own; got != want {
					t.Errorf("errors.Is(err, %s) = %v", other.name, got)
				}
			}
			if ReasonOf(err) != reason {
				t.Errorf("ReasonOf = %v", ReasonOf(err))
			}
			want := "Err" + strings.ReplaceAll(short, "_", "")
			if got := SentinelName(err); !strings.EqualFold(got, want) {
				t.Errorf("SentinelName = %q, want %q in another case", got, want)
			}
		})
	}
}

func TestErrorsWithoutReasonAreNoSentinel(t *testing.T) {
	err := errorOf("GetUser", status.Error(codes.NotFound, "no"))
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			t.Errorf("it is %s", sentinel.name)
		}
	}
	if got := SentinelName(err); got != "Error" {
		t.Errorf("SentinelName = %q", got)
	}
	if got := SentinelName(errors.New("another")); got != "Error" {
		t.Errorf("SentinelName of a stranger = %q", got)
	}
}

func TestErrorsAreTheContexts(t *testing.T) {
	tests := map[codes.Code]error{
		codes.DeadlineExceeded: context.DeadlineExceeded,
		codes.Canceled:         context.Canceled,
	}
	for code, want := range tests {
		if err := errorOf("Login", status.Error(code, "m")); !errors.Is(err, want) {
			t.Errorf("%v is not %v", err, want)
		}
	}
	if err := errorOf("Login", status.Error(codes.NotFound, "m")); errors.Is(err, context.Canceled) {
		t.Errorf("%v is context.Canceled", err)
	}
}
