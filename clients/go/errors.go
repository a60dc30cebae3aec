package wxident

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

const (
	errorDomain  = "wxident"
	reasonPrefix = "ERROR_REASON_"
	requestIDKey = "wxident-request-id"
)

// Error is what every call of a [Client] returns when it fails, and what its
// constructors return when they refuse. Use errors.As to get at it, or
// errors.Is with a sentinel such as [ErrSessionNotActive] to ask for one
// reason. It holds no token, code or phone number and may be logged.
type Error struct {
	// Method is the call that failed, such as "Login"; empty in an error of a
	// constructor.
	Method string

	// Reason is why, or unspecified when the answer did not come from wxident
	// itself: no connection, the caller's own deadline, a refusal on the way.
	Reason wxidentv1.ErrorReason

	// ReasonName is the reason as the server wrote it, without prefix. It tells
	// more than Reason when the server is newer than this client.
	ReasonName string

	// Code is the gRPC code.
	Code codes.Code

	// Message says what is wrong and what to do next.
	Message string

	// Metadata has "errcode" and "rid" where WeChat answered.
	Metadata map[string]string

	// Violations names the fields of the request that are wrong.
	Violations []FieldViolation

	// RetryAfter is how long the server asks to wait before the next try; 0
	// when it did not say.
	RetryAfter time.Duration

	// RequestID is what the server's logs call this call, for a question to its
	// operator; empty when no server answered.
	RequestID string

	status *status.Status
}

// FieldViolation is one wrong field of a request.
type FieldViolation struct {
	// Field is its path, such as "app_id".
	Field string
	// Description says what is wrong with it.
	Description string
}

// Error tells the call, the reason or code, the message and the request id.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("wxident: ")
	if e.Method != "" {
		b.WriteString(e.Method)
		b.WriteString(": ")
	}
	switch {
	case e.ReasonName != "":
		b.WriteString(e.ReasonName)
		b.WriteString(": ")
	case e.Method != "":
		b.WriteString(code.Code(e.Code).String())
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	if e.RequestID != "" {
		b.WriteString(" (request ")
		b.WriteString(e.RequestID)
		b.WriteString(")")
	}
	return b.String()
}

// Is makes errors.Is true for the sentinel of this error's reason.
func (e *Error) Is(target error) bool {
	sentinel, ok := target.(*reasonSentinel)
	return ok && e.Reason == sentinel.reason
}

// Unwrap makes errors.Is true for context.DeadlineExceeded and
// context.Canceled where the code says so.
func (e *Error) Unwrap() error {
	switch e.Code {
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	case codes.Canceled:
		return context.Canceled
	}
	return nil
}

// GRPCStatus is the status as it came, for status.Code and status.FromError.
func (e *Error) GRPCStatus() *status.Status {
	if e.status == nil {
		return status.New(e.Code, e.Message)
	}
	return e.status
}

// ReasonOf is the reason of an error of this package, or unspecified.
func ReasonOf(err error) wxidentv1.ErrorReason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return wxidentv1.ErrorReason_ERROR_REASON_UNSPECIFIED
}

// A sentinel stands for one reason in errors.Is.
type reasonSentinel struct {
	reason wxidentv1.ErrorReason
	// What it is called in this package.
	name string
	what string
}

func (s *reasonSentinel) Error() string { return "wxident: " + s.what }

// Filled as the sentinels are made.
var sentinels = map[wxidentv1.ErrorReason]*reasonSentinel{}

func sentinel(reason wxidentv1.ErrorReason, name, what string) error {
	s := &reasonSentinel{reason: reason, name: name, what: what}
	sentinels[reason] = s
	return s
}

// SentinelName is the name of the sentinel that err is, such as
// "ErrLoginCodeInvalid", or "Error" when it has none: a short label for metrics.
func SentinelName(err error) string {
	if sentinel, ok := sentinels[ReasonOf(err)]; ok {
		return sentinel.name
	}
	return "Error"
}

// What to do about an error that wxident itself did not make.
var codeAdvice = map[codes.Code]string{
	codes.Canceled:         "the caller gave the call up",
	codes.DeadlineExceeded: "the deadline passed before an answer came; give the call more time, or try again",
	codes.Unavailable: "the server could not be reached; try again, and check the address and TLS settings " +
		"if it stays so",
	codes.Unauthenticated: "the server does not accept who is calling; check the client certificate",
	codes.PermissionDenied: "the server does not let this service make the call; " +
		"have the server's operator allow it",
	codes.Unimplemented: "the server does not know the call; it is older than this client, " +
		"or the address is another service's",
	codes.ResourceExhausted: "a message is larger than the limit, or the server is full; " +
		"ask for less, or try again later",
	codes.InvalidArgument: "mend the request",
}

// errorOf makes an *Error of what gRPC returned.
func errorOf(method string, err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	s, ok := status.FromError(err)
	if !ok {
		s = status.FromContextError(err)
	}
	e := &Error{Method: method, Code: s.Code(), Message: s.Message(), status: s}
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() != errorDomain {
				continue
			}
			e.ReasonName = d.GetReason()
			e.Reason = wxidentv1.ErrorReason(
				wxidentv1.ErrorReason_value[reasonPrefix+d.GetReason()])
			e.Metadata = maps.Clone(d.GetMetadata())
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				e.Violations = append(e.Violations,
					FieldViolation{Field: v.GetField(), Description: v.GetDescription()})
			}
		case *errdetails.RetryInfo:
			e.RetryAfter = d.GetRetryDelay().AsDuration()
		}
	}
	// What wxident says ends with what to do; what others say does not.
	if e.ReasonName == "" {
		if advice, ok := codeAdvice[e.Code]; ok {
			e.Message = strings.TrimSuffix(e.Message, ".") + "; " + advice
		}
	}
	return e
}

// failed is errorOf for a call that ended with a trailer.
func failed(method string, err error, trailer metadata.MD) error {
	err = errorOf(method, err)
	var e *Error
	if ids := trailer.Get(requestIDKey); len(ids) > 0 && errors.As(err, &e) {
		e.RequestID = ids[0]
	}
	return err
}

func codeOf(err error) codes.Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return codes.Unknown
}

// refused is an error of a constructor: it names the option and the variable.
func refused(format string, args ...any) *Error {
	return &Error{Code: codes.InvalidArgument, Message: fmt.Sprintf(format, args...)}
}
