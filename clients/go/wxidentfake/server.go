package wxidentfake

import (
	"context"
	"encoding/hex"
	"net"
	"path"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/wxident/wxident/clients/go"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

// TB is what New needs of a *testing.T or *testing.B.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Server is a wxident of its own. It may be used by many goroutines.
type Server struct {
	grpc   *grpc.Server
	health *health.Server
	addr   string
	client *wxident.Client

	mu       sync.Mutex
	skipped  time.Duration
	apps     map[string]*app
	people   map[string]*person
	codes    map[string]*code
	sealed   map[string]*sealed
	sessions map[string]*session
	web      map[*identity]*wxidentv1.GetAccessTokenResponse
	faults   map[string][]fault
	calls    map[string]int
	// Closed, and replaced, to end the streams that stand.
	endWatches chan struct{}
}

// New starts a server that ends with the test.
func New(t TB) *Server {
	t.Helper()
	s, err := Start()
	if err != nil {
		t.Fatalf("wxidentfake: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a server; Close ends it.
func Start() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{
		health:     health.NewServer(),
		addr:       listener.Addr().String(),
		apps:       map[string]*app{},
		people:     map[string]*person{},
		codes:      map[string]*code{},
		sealed:     map[string]*sealed{},
		sessions:   map[string]*session{},
		web:        map[*identity]*wxidentv1.GetAccessTokenResponse{},
		faults:     map[string][]fault{},
		calls:      map[string]int{},
		endWatches: make(chan struct{}),
	}
	s.client, err = wxident.New(s.addr, wxident.WithInsecure())
	if err != nil {
		listener.Close()
		return nil, err
	}
	s.grpc = grpc.NewServer(grpc.UnaryInterceptor(s.unary), grpc.StreamInterceptor(s.stream))
	wxidentv1.RegisterIdentityServiceServer(s.grpc, service{s: s})
	s.health.SetServingStatus(wxidentv1.IdentityService_ServiceDesc.ServiceName,
		healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(s.grpc, s.health)
	go s.grpc.Serve(listener)
	return s, nil
}

// Close ends the server and its Client.
func (s *Server) Close() {
	s.client.Close()
	s.grpc.Stop()
}

// Addr is the address, host:port, in plain text.
func (s *Server) Addr() string { return s.addr }

// Client is a client of this server, the same at each call. Close ends it.
func (s *Server) Client() *wxident.Client { return s.client }

// Calls is how many calls of a method came, such as "Login", with every retry.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// Advance moves the server's clock: sessions, codes and tokens grow older.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skipped += d
}

// SetServing says by the health service whether calls should come here; clients
// with several addresses go elsewhere when not.
func (s *Server) SetServing(serving bool) {
	status := healthpb.HealthCheckResponse_NOT_SERVING
	if serving {
		status = healthpb.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus(wxidentv1.IdentityService_ServiceDesc.ServiceName, status)
}

// EndWatches ends every WatchAccessToken stream with OK, as a server does that
// is about to stop.
func (s *Server) EndWatches() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.endWatches)
	s.endWatches = make(chan struct{})
}

// now needs the lock.
func (s *Server) now() time.Time { return time.Now().Add(s.skipped) }

func (s *Server) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	err := s.begin(ctx, info.FullMethod)
	var answer any
	if err == nil {
		s.mu.Lock()
		answer, err = handle(ctx, request)
		s.mu.Unlock()
	}
	if err != nil {
		return nil, withRequestID(ctx, err)
	}
	return answer, nil
}

func (s *Server) stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	err := s.begin(stream.Context(), info.FullMethod)
	if err == nil {
		err = handle(server, stream)
	}
	if err != nil {
		return withRequestID(stream.Context(), err)
	}
	return nil
}

// withRequestID has a failing call tell a request id, as the server's do.
func withRequestID(ctx context.Context, err error) error {
	// Without a stream under it there is nobody to tell.
	_ = grpc.SetTrailer(ctx, metadata.Pairs("wxident-request-id", hex.EncodeToString(randomBytes(8))))
	return err
}

// begin counts a call, and fails it when that was asked for.
func (s *Server) begin(ctx context.Context, fullMethod string) error {
	method := path.Base(fullMethod)
	s.mu.Lock()
	s.calls[method]++
	var next *fault
	if waiting := s.faults[method]; len(waiting) > 0 {
		next = &waiting[0]
		s.faults[method] = waiting[1:]
	}
	s.mu.Unlock()
	if next == nil {
		return nil
	}
	return next.fail(ctx)
}
