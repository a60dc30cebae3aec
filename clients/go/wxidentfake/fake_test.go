package wxidentfake_test

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"

	"github.com/wxident/wxident/clients/go"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
	"github.com/wxident/wxident/clients/go/wxidentfake"
)

const (
	mini     = "wx4f4bc4dec97d474b"
	official = "wx0a1b2c3d4e5f6071"
)

func miniCode(code string) *wxidentv1.LoginRequest {
	return &wxidentv1.LoginRequest{AppId: mini,
		Credential: &wxidentv1.LoginRequest_MiniProgramCode{MiniProgramCode: code}}
}

func oauthCode(code string) *wxidentv1.LoginRequest {
	return &wxidentv1.LoginRequest{AppId: official,
		Credential: &wxidentv1.LoginRequest_OauthCode{OauthCode: code}}
}

func wantError(t *testing.T, err, want error, violations ...string) {
	t.Helper()
	var e *wxident.Error
	if !errors.As(err, &e) || !errors.Is(err, want) {
		t.Errorf("it ended with %v, want %v", err, want)
		return
	}
	var got []string
	for _, violation := range e.Violations {
		got = append(got, violation.Field)
	}
	if strings.Join(got, " ") != strings.Join(violations, " ") {
		t.Errorf("the violations are %q, want %q", got, violations)
	}
}

func active(t *testing.T, fake *wxidentfake.Server, token string) bool {
	t.Helper()
	answer, err := fake.Client().ValidateSession(t.Context(), &wxidentv1.ValidateSessionRequest{SessionToken: token})
	if err != nil {
		t.Fatal(err)
	}
	return answer.GetActive()
}

// Each reason comes with the code that error_reason.proto names.
func TestFailNextWithEachReason(t *testing.T) {
	text, err := os.ReadFile("../../../protos/wxident/v1/error_reason.proto")
	if err != nil {
		t.Fatal(err)
	}
	reasons := regexp.MustCompile(`(?:^|\n)\n  // ([A-Z_]+)\. (?:.*\n  // )*.*\n  (ERROR_REASON_[A-Z_]+) = `).
		FindAllStringSubmatch(string(text), -1)
	if want := len(wxidentv1.ErrorReason_name) - 1; len(reasons) != want {
		t.Fatalf("the file has %d reasons, want %d", len(reasons), want)
	}
	fake := wxidentfake.New(t)
	for _, match := range reasons {
		name := match[2]
		t.Run(name, func(t *testing.T) {
			reason := wxidentv1.ErrorReason(wxidentv1.ErrorReason_value[name])
			fake.FailNext("GetUser", reason)
			_, err := fake.Client().GetUser(t.Context(), &wxidentv1.GetUserRequest{})
			var e *wxident.Error
			if !errors.As(err, &e) || e.Reason != reason || code.Code(e.Code).String() != match[1] {
				t.Errorf("it ended with %v, want code %s", err, match[1])
			}
		})
	}
}

func TestFailNext(t *testing.T) {
	fake := wxidentfake.New(t)
	fake.FailNext("GetUser", wxidentv1.ErrorReason_ERROR_REASON_WECHAT_RATE_LIMITED,
		wxidentfake.WithErrcode(45009), wxidentfake.WithRetryAfter(time.Minute), wxidentfake.WithMessage("enough for today"))
	fake.FailNext("GetUser", wxidentv1.ErrorReason_ERROR_REASON_REQUEST_INVALID, wxidentfake.WithField("user_id"))
	get := func() *wxident.Error {
		t.Helper()
		_, err := fake.Client().GetUser(t.Context(), &wxidentv1.GetUserRequest{})
		var e *wxident.Error
		if !errors.As(err, &e) {
			t.Fatalf("it ended with %v", err)
		}
		return e
	}
	e := get()
	if !errors.Is(e, wxident.ErrWeChatRateLimited) || e.Metadata["errcode"] != "45009" ||
		e.RetryAfter != time.Minute || e.Message != "enough for today" {
		t.Errorf("first %#v", e)
	}
	if e := get(); len(e.Violations) != 1 || e.Violations[0].Field != "user_id" {
		t.Errorf("second %#v", e)
	}
	if e := get(); e.Violations[0].Field != "subject" {
		t.Errorf("third %#v", e)
	}
	if calls := fake.Calls("GetUser"); calls != 3 {
		t.Errorf("%d calls", calls)
	}
}

// fatal is a test that fails to start.
type fatal struct{ cleanups []func() }

func (*fatal) Helper()                   {}
func (f *fatal) Cleanup(clean func())    { f.cleanups = append(f.cleanups, clean) }
func (*fatal) Fatalf(_ string, _ ...any) {}

func TestNewEndsWithTheTest(t *testing.T) {
	test := &fatal{}
	fake := wxidentfake.New(test)
	if active(t, fake, "wxs1_x") {
		t.Error("it is active")
	}
	for _, clean := range test.cleanups {
		clean()
	}
	client, err := wxident.New(fake.Addr(), wxident.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.ValidateSession(t.Context(), &wxidentv1.ValidateSessionRequest{SessionToken: "wxs1_x"})
	var e *wxident.Error
	if !errors.As(err, &e) || e.Code != codes.Unavailable {
		t.Errorf("after its end a call gave %v", err)
	}
}
