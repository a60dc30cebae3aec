// Command conformance lets a driver try the Go client: one JSON request a line
// on stdin, one JSON answer a line on stdout, in any order. The same program
// exists for each language, and tests/conformance drives them all.
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/wxident/wxident/clients/go"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

type request struct {
	ID   json.RawMessage `json:"id"`
	Op   string          `json:"op"`
	Args args            `json:"args"`
}

// args are those of all operations.
type args struct {
	Name        string            `json:"name"`
	Address     string            `json:"address"`
	Insecure    bool              `json:"insecure"`
	CAFile      string            `json:"ca_file"`
	CertFile    string            `json:"cert_file"`
	KeyFile     string            `json:"key_file"`
	ServerName  string            `json:"server_name"`
	Env         map[string]string `json:"env"`
	Client      string            `json:"client"`
	Method      string            `json:"method"`
	Request     json.RawMessage   `json:"request"`
	DeadlineMS  int64             `json:"deadline_ms"`
	Traceparent string            `json:"traceparent"`
	AppID       string            `json:"app_id"`
	Source      string            `json:"source"`
	AccessToken string            `json:"access_token"`
	Headers     map[string]string `json:"headers"`
	Kind        string            `json:"kind"`
	Strong      bool              `json:"strong"`
}

type answer struct {
	ID    json.RawMessage `json:"id"`
	OK    any             `json:"ok,omitempty"`
	Error *failure        `json:"error,omitempty"`
}

type failure struct {
	Reason       string   `json:"reason"`
	Code         string   `json:"code"`
	Errcode      string   `json:"errcode,omitempty"`
	RetryAfterMS int64    `json:"retry_after_ms,omitempty"`
	Violations   []string `json:"violations,omitempty"`
	RequestID    string   `json:"request_id,omitempty"`
	Message      string   `json:"message"`
	Kind         string   `json:"kind"`
}

type object = map[string]any

type traceparentKey struct{}

type authenticatorKey struct {
	client string
	strong bool
}

// runner holds what the driver has opened.
type runner struct {
	mu             sync.Mutex
	clients        map[string]*wxident.Client
	sources        map[string]*wxident.AccessTokenSource
	authenticators map[authenticatorKey]*wxident.Authenticator
}

// run works until "exit" or the end of the input.
func run(in io.Reader, out io.Writer) error {
	r := &runner{
		clients:        map[string]*wxident.Client{},
		sources:        map[string]*wxident.AccessTokenSource{},
		authenticators: map[authenticatorKey]*wxident.Authenticator{},
	}
	defer r.closeAll()
	var outMu sync.Mutex
	encoder := json.NewEncoder(out)
	reply := func(id json.RawMessage, ok any, err error) {
		outMu.Lock()
		defer outMu.Unlock()
		a := answer{ID: id, OK: ok}
		if err != nil {
			a.OK, a.Error = nil, failureOf(err)
		}
		if err := encoder.Encode(a); err != nil {
			fmt.Fprintln(os.Stderr, "conformance:", err)
		}
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var req request
		if err := json.Unmarshal(lines.Bytes(), &req); err != nil {
			return fmt.Errorf("a line is no request: %w", err)
		}
		if req.Op == "exit" {
			r.closeAll()
			reply(req.ID, object{}, nil)
			return nil
		}
		if do, ok := waiting[req.Op]; ok {
			go func() {
				ctx, cancel := context.WithCancel(context.Background())
				if req.Args.DeadlineMS > 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(req.Args.DeadlineMS)*time.Millisecond)
				}
				defer cancel()
				ok, err := do(r, ctx, req.Args)
				reply(req.ID, ok, err)
			}()
			continue
		}
		do, ok := immediate[req.Op]
		if !ok {
			reply(req.ID, nil, fmt.Errorf("there is no operation %q", req.Op))
			continue
		}
		result, err := do(r, req.Args)
		reply(req.ID, result, err)
	}
	return lines.Err()
}

// Operations that wait for nothing, done in the order of their requests.
var immediate = map[string]func(*runner, args) (any, error){
	"hello": func(*runner, args) (any, error) {
		return object{"language": "go", "client_version": wxident.Version, "grpc_version": grpc.Version}, nil
	},
	"open": func(r *runner, a args) (any, error) {
		var opts []wxident.Option
		if a.Insecure {
			opts = append(opts, wxident.WithInsecure())
		}
		if a.CAFile != "" {
			opts = append(opts, wxident.WithCAFile(a.CAFile))
		}
		if a.CertFile != "" || a.KeyFile != "" {
			opts = append(opts, wxident.WithClientCertificate(a.CertFile, a.KeyFile))
		}
		if a.ServerName != "" {
			opts = append(opts, wxident.WithServerName(a.ServerName))
		}
		client, err := wxident.New(a.Address, append(opts, traced)...)
		return r.opened(a.Name, client, err)
	},
	"open_env": func(r *runner, a args) (any, error) {
		for _, name := range []string{wxident.EnvAddress, wxident.EnvCAFile, wxident.EnvCertFile,
			wxident.EnvKeyFile, wxident.EnvServerName, wxident.EnvInsecure} {
			os.Unsetenv(name)
		}
		for name, value := range a.Env {
			os.Setenv(name, value)
		}
		client, err := wxident.FromEnv(traced)
		return r.opened(a.Name, client, err)
	},
	"close": func(r *runner, a args) (any, error) {
		client, err := r.client(a.Name)
		if err != nil {
			return nil, err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.clients, a.Name)
		for _, strong := range []bool{false, true} {
			delete(r.authenticators, authenticatorKey{a.Name, strong})
		}
		return object{}, client.Close()
	},
	"token_source": func(r *runner, a args) (any, error) {
		client, err := r.client(a.Client)
		if err != nil {
			return nil, err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if old := r.sources[a.Name]; old != nil {
			old.Close()
		}
		r.sources[a.Name] = client.AccessTokenSource(a.AppID)
		return object{}, nil
	},
	"token_close": func(r *runner, a args) (any, error) {
		name := cmp.Or(a.Source, a.Name)
		source, err := r.source(name)
		if err != nil {
			return nil, err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.sources, name)
		return object{}, source.Close()
	},
}

// Operations that may wait, each in a goroutine of its own.
var waiting = map[string]func(*runner, context.Context, args) (any, error){
	"call": func(r *runner, ctx context.Context, a args) (any, error) {
		client, err := r.client(a.Client)
		if err != nil {
			return nil, err
		}
		call, ok := methods[a.Method]
		if !ok {
			return nil, fmt.Errorf("there is no method %q", a.Method)
		}
		if a.Traceparent != "" {
			ctx = context.WithValue(ctx, traceparentKey{}, a.Traceparent)
		}
		return call(client, ctx, a.Request)
	},
	"token_get": func(r *runner, ctx context.Context, a args) (any, error) {
		source, err := r.source(a.Source)
		if err != nil {
			return nil, err
		}
		token, err := source.Get(ctx)
		return tokenObject(token), err
	},
	"token_reject": func(r *runner, ctx context.Context, a args) (any, error) {
		source, err := r.source(a.Source)
		if err != nil {
			return nil, err
		}
		token, err := source.ReportRejected(ctx, a.AccessToken)
		return tokenObject(token), err
	},
	"authenticate": func(r *runner, ctx context.Context, a args) (any, error) {
		authenticator, err := r.authenticator(a.Client, a.Strong)
		if err != nil {
			return nil, err
		}
		if a.Kind == "grpc" {
			return authenticateGRPC(ctx, authenticator, a.Headers)
		}
		return authenticateHTTP(ctx, authenticator, a.Headers)
	},
}

// The client's methods by name.
var methods = map[string]func(*wxident.Client, context.Context, json.RawMessage) (any, error){
	"Login":             method((*wxident.Client).Login),
	"ValidateSession":   method((*wxident.Client).ValidateSession),
	"RefreshSession":    method((*wxident.Client).RefreshSession),
	"RevokeSession":     method((*wxident.Client).RevokeSession),
	"CheckSessionKey":   method((*wxident.Client).CheckSessionKey),
	"DecryptPhone":      method((*wxident.Client).DecryptPhone),
	"DecryptUserData":   method((*wxident.Client).DecryptUserData),
	"GetUserInfo":       method((*wxident.Client).GetUserInfo),
	"GetAccessToken":    method((*wxident.Client).GetAccessToken),
	"GetJsapiSignature": method((*wxident.Client).GetJsapiSignature),
	"GetAuthorizeUrl":   method((*wxident.Client).GetAuthorizeUrl),
	"GetUser":           method((*wxident.Client).GetUser),
	"BatchGetUsers":     method((*wxident.Client).BatchGetUsers),
}

func method[Request any, Response proto.Message, PRequest interface {
	*Request
	proto.Message
}](do func(*wxident.Client, context.Context, PRequest, ...grpc.CallOption) (Response, error)) func(*wxident.Client, context.Context, json.RawMessage) (any, error) {
	return func(client *wxident.Client, ctx context.Context, text json.RawMessage) (any, error) {
		request := PRequest(new(Request))
		if len(text) > 0 {
			if err := protojson.Unmarshal(text, request); err != nil {
				return nil, err
			}
		}
		response, err := do(client, ctx, request)
		if err != nil {
			return nil, err
		}
		encoded, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(response)
		return object{"response": json.RawMessage(encoded)}, err
	}
}

// traced sends the traceparent of a "call" along.
var traced = wxident.WithTraceContext(func(ctx context.Context) (string, string) {
	traceparent, _ := ctx.Value(traceparentKey{}).(string)
	return traceparent, ""
})

func tokenObject(token wxident.AccessToken) object {
	return object{"access_token": token.Value, "generation": strconv.FormatInt(token.Generation, 10)}
}

func authenticateHTTP(ctx context.Context, authenticator *wxident.Authenticator, headers map[string]string) (any, error) {
	result := object{}
	handler := authenticator.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := wxident.SessionFromContext(r.Context())
		tell(result, session)
	}))
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	result["status"] = recorder.Code
	return result, nil
}

func authenticateGRPC(ctx context.Context, authenticator *wxident.Authenticator, headers map[string]string) (any, error) {
	result := object{}
	ctx = metadata.NewIncomingContext(ctx, metadata.New(headers))
	_, err := authenticator.UnaryServerInterceptor()(ctx, nil, &grpc.UnaryServerInfo{},
		func(ctx context.Context, _ any) (any, error) {
			session, _ := wxident.SessionFromContext(ctx)
			tell(result, session)
			return nil, nil
		})
	result["status"] = code.Code(status.Code(err)).String()
	return result, nil
}

func tell(result object, session *wxidentv1.Session) {
	result["user_id"] = session.GetUser().GetUserId()
	result["openid"] = session.GetIdentity().GetOpenid()
}

func (r *runner) opened(name string, client *wxident.Client, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.clients[name]
	r.clients[name] = client
	for _, strong := range []bool{false, true} {
		delete(r.authenticators, authenticatorKey{name, strong})
	}
	if old != nil {
		return object{}, old.Close()
	}
	return object{}, nil
}

func (r *runner) client(name string) (*wxident.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if found := r.clients[name]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("there is no client %q", name)
}

func (r *runner) source(name string) (*wxident.AccessTokenSource, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if found := r.sources[name]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("there is no source %q", name)
}

func (r *runner) authenticator(client string, strong bool) (*wxident.Authenticator, error) {
	of, err := r.client(client)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := authenticatorKey{client, strong}
	if r.authenticators[key] == nil {
		var opts []wxident.AuthenticatorOption
		if strong {
			opts = append(opts, wxident.WithStrong())
		}
		r.authenticators[key] = wxident.NewAuthenticator(of, opts...)
	}
	return r.authenticators[key], nil
}

func (r *runner) closeAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, source := range r.sources {
		source.Close()
	}
	for _, client := range r.clients {
		client.Close()
	}
	clear(r.sources)
	clear(r.clients)
}

func failureOf(err error) *failure {
	var e *wxident.Error
	if !errors.As(err, &e) {
		// What the driver asked for makes no sense.
		return &failure{Code: "INVALID_ARGUMENT", Message: err.Error(), Kind: "error"}
	}
	f := &failure{
		Reason:       e.ReasonName,
		Code:         code.Code(e.Code).String(),
		Errcode:      e.Metadata["errcode"],
		RetryAfterMS: e.RetryAfter.Milliseconds(),
		RequestID:    e.RequestID,
		Message:      e.Error(),
		Kind:         wxident.SentinelName(e),
	}
	for _, violation := range e.Violations {
		f.Violations = append(f.Violations, violation.Field)
	}
	return f
}
