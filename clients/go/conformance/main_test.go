package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/wxident/wxident/clients/go"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
	"github.com/wxident/wxident/clients/go/wxidentfake"
)

const app = "wx4f4bc4dec97d474b"

// driver speaks to a runner as tests/conformance does.
type driver struct {
	t      *testing.T
	in     io.Writer
	lines  *bufio.Scanner
	ended  chan error
	lastID int
}

func newDriver(t *testing.T) *driver {
	t.Helper()
	in, toRunner := io.Pipe()
	fromRunner, out := io.Pipe()
	d := &driver{t: t, in: toRunner, lines: bufio.NewScanner(fromRunner), ended: make(chan error, 1)}
	go func() {
		err := run(in, out)
		out.Close()
		d.ended <- err
	}()
	t.Cleanup(func() { toRunner.Close() })
	return d
}

// ask is the "ok" of an answer, or its "error".
func (d *driver) ask(op string, args object) (ok, failed object) {
	d.t.Helper()
	d.lastID++
	line, err := json.Marshal(object{"id": d.lastID, "op": op, "args": args})
	if err != nil {
		d.t.Fatal(err)
	}
	fmt.Fprintf(d.in, "%s\n", line)
	if !d.lines.Scan() {
		d.t.Fatalf("the runner ended: %v", d.lines.Err())
	}
	var got struct {
		ID        int
		OK, Error object
	}
	if err := json.Unmarshal(d.lines.Bytes(), &got); err != nil {
		d.t.Fatal(err)
	}
	if got.ID != d.lastID || (got.OK == nil) == (got.Error == nil) {
		d.t.Fatalf("%s was answered by %s", line, d.lines.Text())
	}
	return got.OK, got.Error
}

func (d *driver) do(op string, args object) object {
	d.t.Helper()
	ok, failed := d.ask(op, args)
	if failed != nil {
		d.t.Fatalf("%s failed: %v", op, failed)
	}
	return ok
}

func (d *driver) want(got, want object) {
	d.t.Helper()
	if !reflect.DeepEqual(got, want) {
		d.t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestConversation(t *testing.T) {
	fake := wxidentfake.New(t)
	alice := fake.AddUser(app, "alice")
	d := newDriver(t)

	hello := d.do("hello", object{})
	if hello["language"] != "go" || hello["client_version"] != wxident.Version || hello["grpc_version"] == "" {
		t.Errorf("hello gave %v", hello)
	}
	d.want(d.do("open", object{"name": "c1", "address": fake.Addr(), "insecure": true}), object{})
	d.want(d.do("open_env", object{"name": "c2", "env": object{"WXIDENT_CLIENT_ADDR": fake.Addr(), "WXIDENT_CLIENT_INSECURE": "true"}}), object{})

	// Calls, with both ways to write a field.
	var token string
	for client, field := range map[string]string{"c1": "mini_program_code", "c2": "miniProgramCode"} {
		login := d.do("call", object{"client": client, "method": "Login", "deadline_ms": 5000, "traceparent": "00-a-b-01",
			"request": object{"app_id": app, field: alice.LoginCode()}})["response"].(object)
		token = login["session_token"].(string)
		if login["user"].(object)["user_id"] != alice.ID() {
			t.Errorf("Login gave %v", login)
		}
	}

	for kind, status := range map[string][2]any{"http": {200.0, 401.0}, "grpc": {"OK", "UNAUTHENTICATED"}} {
		for _, strong := range []bool{false, true} {
			ask := func(token string) object {
				return d.do("authenticate", object{"client": "c1", "kind": kind, "strong": strong,
					"headers": object{"authorization": "Bearer " + token}})
			}
			d.want(ask(token), object{"status": status[0], "user_id": alice.ID(), "openid": alice.OpenID()})
			d.want(ask("wxs1_unknown"), object{"status": status[1]})
		}
	}
	// The first answer is used again; the strong ones are not, nor is "no".
	if calls := fake.Calls("ValidateSession"); calls < 7 || calls > 8 {
		t.Errorf("%d calls of ValidateSession", calls)
	}

	d.want(d.do("token_source", object{"client": "c1", "name": "t1", "app_id": app}), object{})
	got := d.do("token_get", object{"source": "t1", "deadline_ms": 5000})
	if got["generation"] != "1" || got["access_token"] == "" {
		t.Errorf("token_get gave %v", got)
	}
	rejected := d.do("token_reject", object{"source": "t1", "access_token": got["access_token"]})
	if rejected["generation"] != "2" || rejected["access_token"] == got["access_token"] {
		t.Errorf("token_reject gave %v", rejected)
	}
	d.want(d.do("token_close", object{"source": "t1"}), object{})
	d.want(d.do("close", object{"name": "c2"}), object{})
	d.want(d.do("exit", object{}), object{})
	if err := <-d.ended; err != nil {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	fake := wxidentfake.New(t)
	fake.AddApp(app)
	d := newDriver(t)
	d.do("open", object{"name": "c1", "address": fake.Addr(), "insecure": true})
	tests := map[string]struct {
		op   string
		args object
		want object
	}{
		"WeChat's words": {"call", object{"client": "c1", "method": "Login",
			"request": object{"app_id": app, "mini_program_code": "invented"}},
			object{"reason": "LOGIN_CODE_INVALID", "code": "FAILED_PRECONDITION", "errcode": "40029", "kind": "ErrLoginCodeInvalid"}},
		"a violation": {"call", object{"client": "c1", "method": "GetAccessToken", "request": object{"app_id": "wx0"}},
			object{"reason": "APP_UNKNOWN", "code": "INVALID_ARGUMENT", "violations": []any{"app_id"}, "kind": "ErrAppUnknown"}},
		"a refusal": {"open", object{"name": "c3", "address": "10.0.0.1:1", "insecure": true},
			object{"reason": "", "code": "INVALID_ARGUMENT", "kind": "Error"}},
		"a refusal of the environment": {"open_env", object{"name": "c3", "env": object{}},
			object{"reason": "", "code": "INVALID_ARGUMENT", "kind": "Error"}},
		"an unknown operation": {"dance", object{}, object{"reason": "", "code": "INVALID_ARGUMENT", "kind": "error"}},
		"an unknown method":    {"call", object{"client": "c1", "method": "Dance"}, object{"reason": "", "code": "INVALID_ARGUMENT", "kind": "error"}},
		"an unknown client":    {"call", object{"client": "c9", "method": "Login"}, object{"reason": "", "code": "INVALID_ARGUMENT", "kind": "error"}},
		"an unknown source":    {"token_get", object{"source": "t9"}, object{"reason": "", "code": "INVALID_ARGUMENT", "kind": "error"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, failed := d.ask(test.op, test.args)
			if message, _ := failed["message"].(string); message == "" {
				t.Error("there is no message")
			}
			delete(failed, "message")
			// Those that a server made.
			if id, _ := failed["request_id"].(string); (id != "") != (test.want["reason"] != "") {
				t.Errorf("the request is %q", id)
			}
			delete(failed, "request_id")
			d.want(failed, test.want)
		})
	}

	fake.FailNext("GetUser", wxidentv1.ErrorReason_ERROR_REASON_OVERLOADED, wxidentfake.WithRetryAfter(1500000000))
	_, failed := d.ask("call", object{"client": "c1", "method": "GetUser"})
	if failed["retry_after_ms"] != 1500.0 || failed["kind"] != "ErrOverloaded" {
		t.Errorf("an overload gives %v", failed)
	}
}

func TestMethodsAreAll(t *testing.T) {
	for _, method := range wxidentv1.IdentityService_ServiceDesc.Methods {
		if methods[method.MethodName] == nil {
			t.Errorf("there is no %s", method.MethodName)
		}
	}
}

func TestEndOfInput(t *testing.T) {
	if err := run(strings.NewReader(""), io.Discard); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if err := run(strings.NewReader("no JSON\n"), io.Discard); err == nil {
		t.Error("what is no request was taken")
	}
}
