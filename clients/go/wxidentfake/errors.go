package wxidentfake

import (
	"context"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/wxident/wxident/clients/go/internal/contract"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

// failure is an error as wxident answers it.
type failure struct {
	reason  wxidentv1.ErrorReason
	message string
	field   string
	errcode string
	wait    time.Duration
}

func (f failure) err() error {
	info := &errdetails.ErrorInfo{
		Domain: "wxident",
		Reason: strings.TrimPrefix(f.reason.String(), "ERROR_REASON_"),
	}
	if f.errcode != "" {
		info.Metadata = map[string]string{"errcode": f.errcode, "rid": "00000000-00000000-00000000"}
	}
	details := []protoadapt.MessageV1{info}
	if f.field != "" {
		_, what, _ := strings.Cut(f.message, " ")
		details = append(details, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: f.field, Description: what}}})
	}
	if f.wait > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(f.wait)})
	}
	s, err := status.New(contract.CodeOf(f.reason), f.message).WithDetails(details...)
	if err != nil {
		return status.Error(codes.Internal, "a detail cannot be packed")
	}
	return s.Err()
}

// invalid is REQUEST_INVALID of one field.
func invalid(field, what string) error {
	return failure{reason: wxidentv1.ErrorReason_ERROR_REASON_REQUEST_INVALID,
		message: field + " " + what, field: field}.err()
}

// itemError is an error as an answer about several things tells it of one.
func itemError(err error) *wxidentv1.ItemError {
	told := status.Convert(err)
	item := &wxidentv1.ItemError{Message: told.Message()}
	for _, detail := range told.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			item.Reason, item.Errcode = info.GetReason(), info.GetMetadata()["errcode"]
		}
	}
	return item
}

func notActive() error {
	return failure{reason: wxidentv1.ErrorReason_ERROR_REASON_SESSION_NOT_ACTIVE,
		message: "the session token is unknown, expired or revoked; log in again"}.err()
}

func userNotFound() error {
	return failure{reason: wxidentv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND,
		message: "no user is found by this; check it, or let the person log in first"}.err()
}

// fault is a failure that a test asked for.
type fault struct {
	failure
	pushback string
}

func (f *fault) fail(ctx context.Context) error {
	if f.pushback != "" {
		// Without a stream under it there is nobody to push back.
		_ = grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", f.pushback))
	}
	return f.err()
}

// FailOption is a setting of FailNext.
type FailOption func(*fault)

// WithMessage replaces the error's message.
func WithMessage(message string) FailOption {
	return func(f *fault) { f.message = message }
}

// WithErrcode has the error carry an errcode of WeChat in its metadata.
func WithErrcode(errcode int) FailOption {
	return func(f *fault) { f.errcode = strconv.Itoa(errcode) }
}

// WithField names a wrong field of the request.
func WithField(field string) FailOption {
	return func(f *fault) { f.field = field }
}

// WithRetryAfter has the error say how long to wait.
func WithRetryAfter(d time.Duration) FailOption {
	return func(f *fault) { f.wait = d }
}

// WithRetries lets the client try again by itself: after d, or by its own
// back-off when d is 0. Then a single failure with UNAVAILABLE is not seen by
// the caller.
func WithRetries(d time.Duration) FailOption {
	return func(f *fault) {
		f.pushback = ""
		if d > 0 {
			f.pushback = strconv.FormatInt(d.Milliseconds(), 10)
		}
	}
}

// FailNext has the next call of a method, such as "Login", fail for a reason.
// Called several times, it fails as many calls, in that order. The client hears
// of it at the first try, unless WithRetries says otherwise.
func (s *Server) FailNext(method string, reason wxidentv1.ErrorReason, opts ...FailOption) {
	f := fault{
		failure:  failure{reason: reason, message: "a failure that the test asked for"},
		pushback: "-1",
	}
	for _, option := range opts {
		option(&f)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[method] = append(s.faults[method], f)
}
