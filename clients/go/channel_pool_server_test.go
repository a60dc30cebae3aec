package wxident_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"

	"github.com/wxident/wxident/clients/go"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

// holdingServer takes 100 streams on a connection, fewer than wxident and as many
// as proxies often do, and answers no call before it is told to.
type holdingServer struct {
	wxidentv1.UnimplementedIdentityServiceServer

	mu          sync.Mutex
	held        int
	connections map[string]bool
	release     chan struct{}
}

func startHoldingServer(t *testing.T) (*holdingServer, string) {
	t.Helper()
	s := &holdingServer{connections: map[string]bool{}, release: make(chan struct{})}
	server := grpc.NewServer(grpc.MaxConcurrentStreams(100))
	wxidentv1.RegisterIdentityServiceServer(server, s)
	healthy := health.NewServer()
	healthy.SetServingStatus(wxidentv1.IdentityService_ServiceDesc.ServiceName, healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(server, healthy)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return s, listener.Addr().String()
}

func (s *holdingServer) hold(ctx context.Context) {
	caller, _ := peer.FromContext(ctx)
	s.mu.Lock()
	s.held++
	s.connections[caller.Addr.String()] = true
	release := s.release
	s.mu.Unlock()
	select {
	case <-release:
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.held--
	s.mu.Unlock()
}

// letGo answers all calls that are held; those that come later are held anew.
func (s *holdingServer) letGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.release)
	s.release = make(chan struct{})
}

// holds tells how many calls are here, and over how many connections calls have
// come so far.
func (s *holdingServer) holds() (calls, connections int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held, len(s.connections)
}

func (s *holdingServer) GetUser(ctx context.Context, _ *wxidentv1.GetUserRequest) (*wxidentv1.GetUserResponse, error) {
	s.hold(ctx)
	return &wxidentv1.GetUserResponse{}, nil
}

func (s *holdingServer) WatchAccessToken(_ *wxidentv1.WatchAccessTokenRequest, stream grpc.ServerStreamingServer[wxidentv1.WatchAccessTokenResponse]) error {
	s.hold(stream.Context())
	return nil
}

// No call waits for another one to end, though there are more of them than a
// connection takes; and connections are used again.
func TestMoreCallsAtOnceThanAConnectionTakes(t *testing.T) {
	const many = 300
	kinds := map[string]func(context.Context, *wxident.Client) error{
		"unary calls": func(ctx context.Context, client *wxident.Client) error {
			_, err := client.GetUser(ctx, &wxidentv1.GetUserRequest{})
			return err
		},
		"streams": func(ctx context.Context, client *wxident.Client) error {
			for _, err := range client.WatchAccessToken(ctx, &wxidentv1.WatchAccessTokenRequest{}) {
				return err
			}
			return nil
		},
	}
	for name, call := range kinds {
		t.Run(name, func(t *testing.T) {
			server, address := startHoldingServer(t)
			client := newClient(t, address)
			for round := range 3 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				ended := make(chan error, many)
				for range many {
					go func() { ended <- call(ctx, client) }()
				}
				eventually(t, "all calls are at the server", func() bool {
					calls, _ := server.holds()
					return calls == many
				})
				server.letGo()
				for range many {
					if err := <-ended; err != nil {
						t.Errorf("round %d: a call ended with %v", round, err)
					}
				}
			}
			if _, connections := server.holds(); connections != 4 {
				t.Errorf("there were %d connections", connections)
			}
		})
	}
}

// Who leaves a stream early makes room for another one.
func TestStreamsThatAreLeftMakeRoom(t *testing.T) {
	server, address := startHoldingServer(t)
	client := newClient(t, address)
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		var left sync.WaitGroup
		for range 60 {
			left.Go(func() {
				for range client.WatchAccessToken(ctx, &wxidentv1.WatchAccessTokenRequest{}) {
				}
			})
		}
		eventually(t, "all streams are at the server", func() bool {
			calls, _ := server.holds()
			return calls == 60
		})
		cancel()
		left.Wait()
		eventually(t, "all streams have ended", func() bool {
			calls, _ := server.holds()
			return calls == 0
		})
	}
	if _, connections := server.holds(); connections != 1 {
		t.Errorf("there were %d connections", connections)
	}
}
