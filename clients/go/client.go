package wxident

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // client-side health checks
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"github.com/wxident/wxident/clients/go/internal/contract"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

const (
	maxReceiveSize   = 4 << 20
	keepaliveTime    = 60 * time.Second
	keepaliveTimeout = 10 * time.Second
	// A server that comes back is found within this time.
	maxReconnectDelay = 5 * time.Second
)

// Client speaks to wxident. It may be used by many goroutines, and one for each
// process is enough. Close it in the end.
//
// A call obeys the deadline of its context. When there is none, it gets the
// method's default one, which docs/errors.md lists; BatchGetUsers with
// refresh_followers gets the longest that the server allows. WithTimeout sets
// another. A call that ends with UNAVAILABLE is tried up to
// three times within its deadline, unless the server says that it must not be.
// A connection takes 256 calls and streams; long before it has them, calls go over
// a further one. Every error is an [*Error].
type Client struct {
	channels *channelPool
	stub     wxidentv1.IdentityServiceClient
	timeout  time.Duration
}

// New makes a client of the servers at an address: host:port, several of them
// separated by commas, or dns:///name:port. It refuses settings that cannot
// work, but does not wait for a connection.
func New(address string, opts ...Option) (*Client, error) {
	return newClient(address, options{}, opts)
}

// FromEnv makes a client from the environment: WXIDENT_CLIENT_ADDR (required),
// WXIDENT_CLIENT_TLS_CA_FILE, WXIDENT_CLIENT_TLS_CERT_FILE,
// WXIDENT_CLIENT_TLS_KEY_FILE, WXIDENT_CLIENT_TLS_SERVER_NAME and
// WXIDENT_CLIENT_INSECURE. Options given here win.
func FromEnv(opts ...Option) (*Client, error) {
	address, o, err := optionsFromEnv()
	if err != nil {
		return nil, err
	}
	return newClient(address, o, opts)
}

func newClient(address string, o options, opts []Option) (*Client, error) {
	for _, option := range opts {
		option(&o)
	}
	to, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	var transport credentials.TransportCredentials
	if o.insecure {
		for _, host := range to.hosts {
			if !isLoopback(host) {
				return nil, refused("WithInsecure (%s) allows loopback addresses only, and %s (%s) is none; use TLS",
					EnvInsecure, host, EnvAddress)
			}
		}
		transport = insecure.NewCredentials()
	} else {
		transport, err = newReloadingTLS(&o)
		if err != nil {
			return nil, err
		}
	}
	reconnect := backoff.DefaultConfig
	reconnect.BaseDelay = 100 * time.Millisecond
	reconnect.MaxDelay = maxReconnectDelay
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithResolvers(listBuilder{}),
		grpc.WithDisableServiceConfig(), // what DNS says
		grpc.WithDefaultServiceConfig(contract.ServiceConfig),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: maxReconnectDelay}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReceiveSize)),
		grpc.WithUserAgent("wxident-go/" + Version),
	}
	if o.traceContext != nil {
		dial = append(dial,
			grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any,
				cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
				return invoke(withTrace(ctx, o.traceContext), method, req, reply, cc, opts...)
			}),
			grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc,
				cc *grpc.ClientConn, method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
				return stream(withTrace(ctx, o.traceContext), desc, cc, method, opts...)
			}))
	}
	dial = append(dial, o.dial...)
	channels, err := newChannelPool(func() (*grpc.ClientConn, error) { return grpc.NewClient(to.uri, dial...) })
	if err != nil {
		return nil, refused("address (%s): %v", EnvAddress, err)
	}
	return &Client{channels: channels, stub: wxidentv1.NewIdentityServiceClient(channels), timeout: o.timeout}, nil
}

func withTrace(ctx context.Context, of func(context.Context) (string, string)) context.Context {
	traceparent, tracestate := of(ctx)
	if traceparent == "" {
		return ctx
	}
	md, _ := metadata.FromOutgoingContext(ctx)
	md = md.Copy()
	if md == nil {
		md = metadata.MD{}
	}
	md.Set("traceparent", traceparent)
	if tracestate != "" {
		md.Set("tracestate", tracestate)
	}
	return metadata.NewOutgoingContext(ctx, md)
}

// Close ends the connections; calls under way fail with CANCELLED. Close the
// client's token sources first.
func (c *Client) Close() error { return c.channels.close() }

// Conn is the connection, for gRPC services that this client has no methods
// for, such as health.
func (c *Client) Conn() grpc.ClientConnInterface { return c.channels }

// call makes one unary call with a deadline, and its error an *Error.
func call[Request, Response any](ctx context.Context, c *Client, method string, timeout time.Duration,
	do func(context.Context, *Request, ...grpc.CallOption) (*Response, error),
	request *Request, opts []grpc.CallOption) (*Response, error) {
	if c.timeout > 0 {
		timeout = c.timeout
	}
	ctx, cancel := withDefaultTimeout(ctx, timeout)
	defer cancel()
	var trailer metadata.MD
	response, err := do(ctx, request, append(slices.Clip(opts), grpc.Trailer(&trailer))...)
	if err != nil {
		return nil, failed(method, err, trailer)
	}
	return response, nil
}

// WatchAccessToken gives an app's access_token at once and then each new one
// until the server is about to stop, the context is done, or an error comes,
// which is the last thing given. It has no deadline of its own. Most callers
// want [Client.AccessTokenSource], which watches again when this ends.
//
// Errors: those of GetAccessToken, while there is no token to begin with.
func (c *Client) WatchAccessToken(ctx context.Context, request *wxidentv1.WatchAccessTokenRequest, opts ...grpc.CallOption) iter.Seq2[*wxidentv1.WatchAccessTokenResponse, error] {
	return func(yield func(*wxidentv1.WatchAccessTokenResponse, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var trailer metadata.MD
		stream, err := c.stub.WatchAccessToken(ctx, request, append(slices.Clip(opts), grpc.Trailer(&trailer))...)
		for err == nil {
			var response *wxidentv1.WatchAccessTokenResponse
			response, err = stream.Recv()
			if err == nil && !yield(response, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(nil, failed("WatchAccessToken", err, trailer))
		}
	}
}
