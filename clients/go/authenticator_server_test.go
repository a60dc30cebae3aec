package wxident_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/wxident/wxident/clients/go"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
	"github.com/wxident/wxident/clients/go/wxidentfake"
)

const testApp = "wx4f4bc4dec97d474b"

type authCase struct {
	header, cookie string
	opts           []wxident.AuthenticatorOption
	fail           []wxidentfake.FailOption
	status         int
	code           codes.Code
	user           bool
	headers        map[string]string
}

// authCases are what an authenticator may meet; %TOKEN% stands for alice's.
func authCases() map[string]authCase {
	ok := authCase{status: 200, code: codes.OK, user: true}
	refused := authCase{status: 401, code: codes.Unauthenticated, headers: map[string]string{"WWW-Authenticate": "Bearer"}}
	with := func(c authCase, header string, opts ...wxident.AuthenticatorOption) authCase {
		c.header, c.opts = header, opts
		return c
	}
	cases := map[string]authCase{
		"active":                     with(ok, "Bearer %TOKEN%"),
		"scheme in any case":         with(ok, "bearer  %TOKEN%"),
		"strong":                     with(ok, "Bearer %TOKEN%", wxident.WithStrong()),
		"unknown":                    with(refused, "Bearer wxs1_unknown"),
		"strange":                    with(refused, "Bearer wxs1 unknown"),
		"none":                       with(refused, ""),
		"another scheme":             with(refused, "Basic %TOKEN%"),
		"empty":                      with(refused, "Bearer "),
		"unknown where none is fine": with(refused, "Bearer wxs1_unknown", wxident.WithAnonymous()),
		"none where it is fine":      with(authCase{status: 200, code: codes.OK}, "", wxident.WithAnonymous()),
	}
	down := with(authCase{status: 503, code: codes.Unavailable, headers: map[string]string{"Retry-After": "1"}}, "Bearer %TOKEN%")
	down.fail = []wxidentfake.FailOption{}
	cases["no answer"] = down
	down.fail, down.headers = []wxidentfake.FailOption{wxidentfake.WithRetryAfter(2500 * time.Millisecond)}, map[string]string{"Retry-After": "3"}
	cases["no answer for a while"] = down
	down.opts = []wxident.AuthenticatorOption{wxident.WithAnonymous()}
	cases["no answer where none is fine"] = down
	return cases
}

// setUp makes a server that knows alice, and an authenticator.
func setUp(t *testing.T, test *authCase) (*wxidentfake.Server, *wxidentfake.User, *wxident.Authenticator) {
	t.Helper()
	fake := wxidentfake.New(t)
	alice := fake.AddUser(testApp, "alice")
	token := alice.Login()
	for _, text := range []*string{&test.header, &test.cookie} {
		*text = replaceToken(*text, token)
	}
	if test.fail != nil {
		fake.FailNext("ValidateSession", wxidentv1.ErrorReason_ERROR_REASON_STORE_UNAVAILABLE, test.fail...)
	}
	return fake, alice, wxident.NewAuthenticator(fake.Client(), test.opts...)
}

func TestMiddleware(t *testing.T) {
	cases := authCases()
	byCookie := []wxident.AuthenticatorOption{wxident.WithCookie("sid")}
	cases["cookie"] = authCase{cookie: "%TOKEN%", opts: byCookie, status: 200, user: true}
	cases["cookie nobody asked for"] = authCase{cookie: "%TOKEN%", status: 401}
	cases["header before cookie"] = authCase{header: "Bearer wxs1_unknown", cookie: "%TOKEN%", opts: byCookie, status: 401}
	cases["cookie without header's token"] = authCase{header: "Basic abc", cookie: "%TOKEN%", opts: byCookie, status: 200, user: true}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			_, alice, authenticator := setUp(t, &test)
			called := false
			handler := authenticator.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				called = true
				session, ok := wxident.SessionFromContext(r.Context())
				if ok != test.user || session.GetUser().GetUserId() != "" && session.GetUser().GetUserId() != alice.ID() {
					t.Errorf("the session is %v, %v", session, ok)
				}
			}))
			request := httptest.NewRequest(http.MethodGet, "/", nil)
			if test.header != "" {
				request.Header.Set("Authorization", test.header)
			}
			if test.cookie != "" {
				request.AddCookie(&http.Cookie{Name: "sid", Value: test.cookie})
			}
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(recorder, request)
			if recorder.Code != test.status || called != (test.status == 200) {
				t.Errorf("status %d, handler called: %v", recorder.Code, called)
			}
			for name, want := range test.headers {
				if got := recorder.Header().Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

// tellUser is a health service whose handlers note whose session they have.
type tellUser struct {
	*health.Server
	users chan string
}

func (s tellUser) note(ctx context.Context) {
	session, _ := wxident.SessionFromContext(ctx)
	s.users <- session.GetUser().GetUserId()
}

func (s tellUser) Check(ctx context.Context, request *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	s.note(ctx)
	return s.Server.Check(ctx, request)
}

func (s tellUser) Watch(_ *healthpb.HealthCheckRequest, stream healthpb.Health_WatchServer) error {
	s.note(stream.Context())
	return stream.Send(&healthpb.HealthCheckResponse{})
}

func TestInterceptors(t *testing.T) {
	calls := map[string]func(context.Context, healthpb.HealthClient) error{
		"unary": func(ctx context.Context, client healthpb.HealthClient) error {
			_, err := client.Check(ctx, &healthpb.HealthCheckRequest{})
			return err
		},
		"stream": func(ctx context.Context, client healthpb.HealthClient) error {
			stream, err := client.Watch(ctx, &healthpb.HealthCheckRequest{})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
	}
	for name, test := range authCases() {
		for kind, call := range calls {
			t.Run(name+"/"+kind, func(t *testing.T) {
				test := test
				_, alice, authenticator := setUp(t, &test)
				server := grpc.NewServer(grpc.UnaryInterceptor(authenticator.UnaryServerInterceptor()),
					grpc.StreamInterceptor(authenticator.StreamServerInterceptor()))
				users := make(chan string, 1)
				healthpb.RegisterHealthServer(server, tellUser{health.NewServer(), users})
				listener, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				go server.Serve(listener)
				defer server.Stop()
				conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				ctx := t.Context()
				if test.header != "" {
					ctx = metadata.AppendToOutgoingContext(ctx, "authorization", test.header)
				}
				err = call(ctx, healthpb.NewHealthClient(conn))
				if status.Code(err) != test.code {
					t.Fatalf("the call ended with %v", err)
				}
				if test.code == codes.OK {
					want := ""
					if test.user {
						want = alice.ID()
					}
					if got := <-users; got != want {
						t.Errorf("the user is %q, want %q", got, want)
					}
				}
				if test.code == codes.Unavailable {
					details := status.Convert(err).Details()
					if len(details) != 1 || details[0].(*errdetails.RetryInfo).GetRetryDelay().AsDuration() < time.Second {
						t.Errorf("the details are %v", details)
					}
				}
			})
		}
	}
}

func TestAuthenticatorSeesARevocation(t *testing.T) {
	fake := wxidentfake.New(t)
	token := fake.AddUser(testApp, "alice").Login()
	strong := wxident.NewAuthenticator(fake.Client(), wxident.WithStrong())
	cached := wxident.NewAuthenticator(fake.Client())
	for _, authenticator := range []*wxident.Authenticator{strong, cached} {
		if _, err := authenticator.Authenticate(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	fake.Revoke(token)
	if _, err := strong.Authenticate(t.Context(), token); err == nil {
		t.Error("strong let a revoked session pass")
	}
}
