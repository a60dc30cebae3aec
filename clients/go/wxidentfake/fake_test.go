package wxidentfake_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

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
	fake := wxidentfake.New(t)
	values := wxidentv1.ErrorReason(0).Descriptor().Values()
	for i := range values.Len() {
		value := values.Get(i)
		if value.Number() == 0 {
			continue
		}
		t.Run(string(value.Name()), func(t *testing.T) {
			rules := proto.GetExtension(value.Options(), wxidentv1.E_ReasonRules).(*wxidentv1.ReasonRules)
			reason := wxidentv1.ErrorReason(value.Number())
			fake.FailNext("GetUser", reason)
			_, err := fake.Client().GetUser(t.Context(), &wxidentv1.GetUserRequest{})
			var e *wxident.Error
			if !errors.As(err, &e) || e.Reason != reason || int32(e.Code) != int32(rules.GetCode()) {
				t.Errorf("it ended with %v, want code %s", err, rules.GetCode())
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
