package wxident_test

import (
	"context"
	"errors"
	"net"
	"path"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/wxident/wxident/clients/go"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
	"github.com/wxident/wxident/clients/go/wxidentfake"
)

func replaceToken(text, token string) string { return strings.ReplaceAll(text, "%TOKEN%", token) }

// invoke makes a call by name with an empty request.
func invoke(ctx context.Context, client *wxident.Client, method string) error {
	return calls[method](ctx, client)
}

func empty[Request, Response any](do func(*wxident.Client, context.Context, *Request, ...grpc.CallOption) (*Response, error)) func(context.Context, *wxident.Client) error {
	return func(ctx context.Context, client *wxident.Client) error {
		_, err := do(client, ctx, new(Request))
		return err
	}
}

var calls = map[string]func(context.Context, *wxident.Client) error{
	"Login":             empty((*wxident.Client).Login),
	"ValidateSession":   empty((*wxident.Client).ValidateSession),
	"RefreshSession":    empty((*wxident.Client).RefreshSession),
	"RevokeSession":     empty((*wxident.Client).RevokeSession),
	"CheckSessionKey":   empty((*wxident.Client).CheckSessionKey),
	"DecryptPhone":      empty((*wxident.Client).DecryptPhone),
	"DecryptUserData":   empty((*wxident.Client).DecryptUserData),
	"GetUserInfo":       empty((*wxident.Client).GetUserInfo),
	"GetAccessToken":    empty((*wxident.Client).GetAccessToken),
	"GetJsapiSignature": empty((*wxident.Client).GetJsapiSignature),
	"GetAuthorizeUrl":   empty((*wxident.Client).GetAuthorizeUrl),
	"GetUser":           empty((*wxident.Client).GetUser),
	"BatchGetUsers":     empty((*wxident.Client).BatchGetUsers),
}

func TestClientHasEachUnaryCall(t *testing.T) {
	for _, method := range wxidentv1.IdentityService_ServiceDesc.Methods {
		if calls[method.MethodName] == nil {
			t.Errorf("there is no %s", method.MethodName)
		}
	}
}

// deadlines is a client that notes how long each call has, and makes none.
func deadlines(t *testing.T, opts ...wxident.Option) (*wxident.Client, func() time.Duration) {
	t.Helper()
	var left time.Duration
	client, err := wxident.New("127.0.0.1:1", append(opts, wxident.WithInsecure(),
		wxident.WithDialOptions(grpc.WithChainUnaryInterceptor(func(ctx context.Context, _ string, _, _ any,
			_ *grpc.ClientConn, _ grpc.UnaryInvoker, _ ...grpc.CallOption) error {
			if end, ok := ctx.Deadline(); ok {
				left = time.Until(end)
			}
			return nil
		})))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client, func() time.Duration { return left.Round(time.Second) }
}

func TestDeadlines(t *testing.T) {
	want := map[string]time.Duration{
		"ValidateSession": 2 * time.Second, "RevokeSession": 2 * time.Second, "RefreshSession": 2 * time.Second,
		"GetUser": 2 * time.Second, "GetAuthorizeUrl": 2 * time.Second, "BatchGetUsers": 3 * time.Second,
		"Login": 5 * time.Second, "DecryptPhone": 5 * time.Second, "DecryptUserData": 5 * time.Second,
		"GetUserInfo": 5 * time.Second, "CheckSessionKey": 5 * time.Second, "GetAccessToken": 5 * time.Second,
		"GetJsapiSignature": 5 * time.Second,
	}
	for method := range calls {
		t.Run(method, func(t *testing.T) {
			client, left := deadlines(t)
			invoke(t.Context(), client, method)
			if left() != want[method] {
				t.Errorf("it has %v by default, want %v", left(), want[method])
			}
			ctx, cancel := context.WithTimeout(t.Context(), 42*time.Second)
			defer cancel()
			invoke(ctx, client, method)
			if left() != 42*time.Second {
				t.Errorf("it has %v of the context's 42 s", left())
			}
			client, left = deadlines(t, wxident.WithTimeout(17*time.Second))
			invoke(t.Context(), client, method)
			if left() != 17*time.Second {
				t.Errorf("it has %v WithTimeout(17 s)", left())
			}
			invoke(ctx, client, method)
			if left() != 42*time.Second {
				t.Errorf("it has %v of the context's 42 s WithTimeout", left())
			}
		})
	}
	client, left := deadlines(t)
	client.BatchGetUsers(t.Context(), &wxidentv1.BatchGetUsersRequest{RefreshFollowers: true})
	if left() != 10*time.Second {
		t.Errorf("BatchGetUsers with refresh_followers has %v", left())
	}
}

// A server that does not answer is left at the deadline.
func TestDeadlinePasses(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client := newClient(t, listener.Addr().String())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = invoke(ctx, client, "GetUser")
	var e *wxident.Error
	if !errors.As(err, &e) || e.Code != codes.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ended with %v", err)
	}
}

func newClient(t *testing.T, address string, opts ...wxident.Option) *wxident.Client {
	t.Helper()
	client, err := wxident.New(address, append([]wxident.Option{wxident.WithInsecure()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func TestRetries(t *testing.T) {
	const (
		storeDown = wxidentv1.ErrorReason_ERROR_REASON_STORE_UNAVAILABLE
		notActive = wxidentv1.ErrorReason_ERROR_REASON_SESSION_NOT_ACTIVE
		full      = wxidentv1.ErrorReason_ERROR_REASON_OVERLOADED
		noAudit   = wxidentv1.ErrorReason_ERROR_REASON_AUDIT_UNAVAILABLE
		noCaller  = wxidentv1.ErrorReason_ERROR_REASON_CALLER_UNAUTHENTICATED
		noRow     = wxidentv1.ErrorReason_ERROR_REASON_CALLER_NOT_ALLOWED
		tooFast   = wxidentv1.ErrorReason_ERROR_REASON_CALLER_RATE_LIMITED
	)
	again := []wxidentfake.FailOption{wxidentfake.WithRetries(0)}
	tests := map[string]struct {
		reason   wxidentv1.ErrorReason
		failures int
		opts     []wxidentfake.FailOption
		tries    int
		fails    bool
		atLeast  time.Duration
	}{
		"once unavailable":              {storeDown, 1, again, 2, false, 0},
		"twice unavailable":             {storeDown, 2, again, 3, false, 0},
		"for ever unavailable":          {storeDown, 9, again, 3, true, 0},
		"pushed back for good":          {storeDown, 1, nil, 1, true, 0},
		"pushed back for a while":       {storeDown, 1, []wxidentfake.FailOption{wxidentfake.WithRetries(400 * time.Millisecond)}, 2, false, 400 * time.Millisecond},
		"no audit log for a moment":     {noAudit, 2, again, 3, false, 0},
		"no audit log after an effect":  {noAudit, 1, nil, 1, true, 0},
		"an unknown caller":             {noCaller, 1, again, 1, true, 0},
		"a caller without a row":        {noRow, 1, again, 1, true, 0},
		"a caller over its rate":        {tooFast, 1, again, 1, true, 0},
		"another code":                  {notActive, 1, again, 1, true, 0},
		"another code with a push-back": {full, 1, []wxidentfake.FailOption{wxidentfake.WithRetries(time.Millisecond)}, 1, true, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			fake := wxidentfake.New(t)
			for range test.failures {
				fake.FailNext("ValidateSession", test.reason, test.opts...)
			}
			began := time.Now()
			answer, err := fake.Client().ValidateSession(t.Context(), &wxidentv1.ValidateSessionRequest{SessionToken: "wxs1_x"})
			if (err != nil) != test.fails {
				t.Errorf("it ended with %v, %v", answer, err)
			}
			if test.fails && wxident.ReasonOf(err) != test.reason {
				t.Errorf("the reason is %v", wxident.ReasonOf(err))
			}
			if tries := fake.Calls("ValidateSession"); tries != test.tries {
				t.Errorf("%d tries, want %d", tries, test.tries)
			}
			if took := time.Since(began); took < test.atLeast {
				t.Errorf("it came again after %v", took)
			}
		})
	}
}

// What a caller can tell the server's operator, of both kinds of calls.
func TestFailuresTellTheirRequest(t *testing.T) {
	fake := wxidentfake.New(t)
	var ids []string
	check := func(err error) {
		t.Helper()
		var e *wxident.Error
		if !errors.As(err, &e) || !regexp.MustCompile("^[0-9a-f]{16}$").MatchString(e.RequestID) {
			t.Fatalf("it ended with %#v", err)
		}
		if !strings.HasSuffix(e.Error(), " (request "+e.RequestID+")") {
			t.Errorf("Error() = %q", e.Error())
		}
		ids = append(ids, e.RequestID)
	}
	_, err := fake.Client().GetUser(t.Context(), &wxidentv1.GetUserRequest{})
	check(err)
	fake.FailNext("WatchAccessToken", wxidentv1.ErrorReason_ERROR_REASON_CALLER_NOT_ALLOWED)
	for _, err := range fake.Client().WatchAccessToken(t.Context(), &wxidentv1.WatchAccessTokenRequest{}) {
		check(err)
	}
	if len(ids) != 2 || ids[0] == ids[1] {
		t.Errorf("the requests are %q", ids)
	}
}

func TestEachUnaryCallIsRetried(t *testing.T) {
	for method := range calls {
		t.Run(method, func(t *testing.T) {
			fake := wxidentfake.New(t)
			fake.FailNext(method, wxidentv1.ErrorReason_ERROR_REASON_STORE_UNAVAILABLE, wxidentfake.WithRetries(time.Millisecond))
			invoke(t.Context(), fake.Client(), method)
			if tries := fake.Calls(method); tries != 2 {
				t.Errorf("%d tries", tries)
			}
		})
	}
}

// When most calls fail, retries stop: the budget of 10 is at its half after five
// failed tries.
func TestRetriesAreThrottled(t *testing.T) {
	fake := wxidentfake.New(t)
	const failing = 20
	for range 3 * failing {
		fake.FailNext("GetUser", wxidentv1.ErrorReason_ERROR_REASON_STORE_UNAVAILABLE, wxidentfake.WithRetries(time.Millisecond))
	}
	for range failing {
		if err := invoke(t.Context(), fake.Client(), "GetUser"); !errors.Is(err, wxident.ErrStoreUnavailable) {
			t.Fatalf("it ended with %v", err)
		}
	}
	if tries := fake.Calls("GetUser"); tries < failing+1 || tries > failing+5 {
		t.Errorf("%d tries of %d calls", tries, failing)
	}
}

func TestCallsGoToAllServers(t *testing.T) {
	one, two := wxidentfake.New(t), wxidentfake.New(t)
	client := newClient(t, one.Addr()+", "+two.Addr())
	eventually(t, "both servers answer", func() bool {
		client.ValidateSession(t.Context(), &wxidentv1.ValidateSessionRequest{SessionToken: "wxs1_x"})
		return one.Calls("ValidateSession") > 0 && two.Calls("ValidateSession") > 0
	})
}

func TestOneServerIsDead(t *testing.T) {
	fake := wxidentfake.New(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := listener.Addr().String()
	listener.Close()
	client := newClient(t, dead+","+fake.Addr())
	for range 20 {
		if _, err := client.ValidateSession(t.Context(), &wxidentv1.ValidateSessionRequest{SessionToken: "wxs1_x"}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUnhealthyServersAreLeftOut(t *testing.T) {
	well, ill := wxidentfake.New(t), wxidentfake.New(t)
	client := newClient(t, well.Addr()+","+ill.Addr())
	validate := func() {
		if _, err := client.ValidateSession(t.Context(), &wxidentv1.ValidateSessionRequest{SessionToken: "wxs1_x"}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "both servers answer", func() bool {
		validate()
		return well.Calls("ValidateSession") > 0 && ill.Calls("ValidateSession") > 0
	})
	ill.SetServing(false)
	eventually(t, "the ill server is left out", func() bool {
		before := ill.Calls("ValidateSession")
		for range 10 {
			validate()
		}
		return ill.Calls("ValidateSession") == before
	})
	ill.SetServing(true)
	before := ill.Calls("ValidateSession")
	eventually(t, "the server that is well again answers", func() bool {
		validate()
		return ill.Calls("ValidateSession") > before
	})
}

// eventually tries until something holds; the test's own time limit ends it.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("after 20 s it is not so that %s", what)
		}
	}
}

// metadataServer notes what calls bring along.
type metadataServer struct {
	wxidentv1.UnimplementedIdentityServiceServer
	mu   sync.Mutex
	seen map[string]metadata.MD
	// What GetUser answers.
	user *wxidentv1.GetUserResponse
}

func (s *metadataServer) GetUser(context.Context, *wxidentv1.GetUserRequest) (*wxidentv1.GetUserResponse, error) {
	return s.user, nil
}

func (s *metadataServer) note(ctx context.Context, method string) {
	md, _ := metadata.FromIncomingContext(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]metadata.MD{}
	}
	s.seen[path.Base(method)] = md
}

func (s *metadataServer) of(method, key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.seen[method].Get(key), ",")
}

func startMetadataServer(t *testing.T, opts ...grpc.ServerOption) (*metadataServer, string) {
	t.Helper()
	s := &metadataServer{user: &wxidentv1.GetUserResponse{}}
	server := grpc.NewServer(append(opts,
		grpc.UnaryInterceptor(func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			s.note(ctx, info.FullMethod)
			return handle(ctx, request)
		}),
		grpc.StreamInterceptor(func(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
			s.note(stream.Context(), info.FullMethod)
			return handle(server, stream)
		}))...)
	wxidentv1.RegisterIdentityServiceServer(server, s)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return s, listener.Addr().String()
}

func TestMetadata(t *testing.T) {
	server, address := startMetadataServer(t)
	type key struct{}
	client := newClient(t, address, wxident.WithTraceContext(func(ctx context.Context) (string, string) {
		trace, _ := ctx.Value(key{}).([2]string)
		return trace[0], trace[1]
	}))
	tests := map[string]struct {
		ctx                           context.Context
		traceparent, tracestate, mine string
	}{
		"no trace":             {t.Context(), "", "", ""},
		"traceparent":          {context.WithValue(t.Context(), key{}, [2]string{"00-a-b-01", ""}), "00-a-b-01", "", ""},
		"traceparent and more": {context.WithValue(t.Context(), key{}, [2]string{"00-a-b-01", "v=1"}), "00-a-b-01", "v=1", ""},
		"the caller's metadata stays": {metadata.AppendToOutgoingContext(
			context.WithValue(t.Context(), key{}, [2]string{"00-a-b-01", ""}), "mine", "m"), "00-a-b-01", "", "m"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := client.GetUser(test.ctx, &wxidentv1.GetUserRequest{}); err != nil {
				t.Fatal(err)
			}
			for _, err := range client.WatchAccessToken(test.ctx, &wxidentv1.WatchAccessTokenRequest{}) {
				if err == nil {
					t.Error("a token came")
				}
			}
			for _, method := range []string{"GetUser", "WatchAccessToken"} {
				for key, want := range map[string]string{
					"traceparent": test.traceparent, "tracestate": test.tracestate, "mine": test.mine} {
					if got := server.of(method, key); got != want {
						t.Errorf("%s: %s = %q, want %q", method, key, got, want)
					}
				}
			}
			if agent := server.of("GetUser", "user-agent"); !strings.HasPrefix(agent, "wxident-go/"+wxident.Version) {
				t.Errorf("the user agent is %q", agent)
			}
		})
	}
}

func TestAnswersOfFourMegabytesAtMost(t *testing.T) {
	server, address := startMetadataServer(t)
	client := newClient(t, address)
	tests := map[string]struct {
		size  int
		fails bool
	}{
		"the limit": {4 << 20, false},
		"one more":  {4<<20 + 1, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server.user = &wxidentv1.GetUserResponse{User: &wxidentv1.User{UserId: strings.Repeat("x", test.size-100)}}
			server.user.User.UserId += strings.Repeat("x", test.size-proto.Size(server.user))
			_, err := client.GetUser(t.Context(), &wxidentv1.GetUserRequest{})
			var e *wxident.Error
			if test.fails != (errors.As(err, &e) && e.Code == codes.ResourceExhausted) || !test.fails && err != nil {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// The server knows no such call: the error says what that means.
func TestErrorsSayWhatToDo(t *testing.T) {
	_, address := startMetadataServer(t)
	err := invoke(t.Context(), newClient(t, address), "Login")
	if err == nil || !strings.Contains(err.Error(), "older than this client") {
		t.Errorf("it ended with %v", err)
	}
}

func TestClosedClient(t *testing.T) {
	fake := wxidentfake.New(t)
	client := newClient(t, fake.Addr())
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if err := invoke(t.Context(), client, "GetUser"); !errors.Is(err, context.Canceled) {
		t.Errorf("a call of a closed client ended with %v", err)
	}
}
