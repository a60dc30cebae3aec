package wxident

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/wxident/wxident/clients/go/internal/contract"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

const (
	// Without a stream, a token with less left than this is asked for again.
	expiringSoon = 60 * time.Second
	// How long a caller without a token leaves a stream that is being opened
	// time to bring one.
	openingHeadStart = 500 * time.Millisecond
	minReopenDelay   = 100 * time.Millisecond
	maxReopenDelay   = 5 * time.Second
)

// AccessToken is an app's access_token of WeChat. Printing or logging it leaves
// its value out.
type AccessToken struct {
	// Value is what WeChat's APIs take.
	Value string

	// ExpireTime is when WeChat stops accepting it.
	ExpireTime time.Time

	// Generation rises with each new token of the app; 0 when the server had to
	// fetch it without its database.
	Generation int64
}

// String tells all but the value.
func (t AccessToken) String() string {
	return fmt.Sprintf("access token of generation %d, until %s", t.Generation,
		t.ExpireTime.UTC().Format(time.RFC3339))
}

// GoString is String.
func (t AccessToken) GoString() string { return t.String() }

// LogValue is String.
func (t AccessToken) LogValue() slog.Value { return slog.StringValue(t.String()) }

// AccessTokenSource hands out the current access_token of one app from memory.
// It keeps a WatchAccessToken stream open, and opens it again when it ends;
// meanwhile it asks GetAccessToken when the token that it has is about to
// expire. It may be used by many goroutines. Close it before its client.
type AccessTokenSource struct {
	appID   string
	api     tokenAPI
	root    context.Context
	cancel  context.CancelFunc
	stopped chan struct{}
	// By the rejected token; "" asks for the current one.
	fetches flights[string, AccessToken]

	mu       sync.Mutex
	held     *AccessToken
	rejected bool
	stream   streamState
	// Closed, and replaced, whenever one of the three above changes.
	changed chan struct{}
}

type streamState int

const (
	streamOpening streamState = iota
	streamUp
	streamDown
)

// tokenAPI is what a source asks of the server.
type tokenAPI interface {
	watch(ctx context.Context, appID string) iter.Seq2[AccessToken, error]
	fetch(ctx context.Context, appID, rejected string) (AccessToken, error)
}

// AccessTokenSource starts to watch an app's access_token. One source for each
// app is enough for a process.
func (c *Client) AccessTokenSource(appID string) *AccessTokenSource {
	return newAccessTokenSource(appID, clientTokens{c})
}

func newAccessTokenSource(appID string, api tokenAPI) *AccessTokenSource {
	root, cancel := context.WithCancel(context.Background())
	s := &AccessTokenSource{
		appID:   appID,
		api:     api,
		root:    root,
		cancel:  cancel,
		stopped: make(chan struct{}),
		changed: make(chan struct{}),
	}
	go s.run()
	return s
}

// Close ends the stream. Calls of Get and ReportRejected that wait fail.
func (s *AccessTokenSource) Close() error {
	s.cancel()
	<-s.stopped
	return nil
}

// Get is the current token. It comes from memory, but for the first one and
// where the server has been away for long; then Get waits, as long as
// GetAccessToken when the context has no deadline.
func (s *AccessTokenSource) Get(ctx context.Context) (AccessToken, error) {
	if s.root.Err() != nil {
		return AccessToken{}, s.closed()
	}
	if token, ok := s.usable(); ok {
		return token, nil
	}
	ctx, cancel := withDefaultTimeout(ctx, contract.GetAccessTokenDeadline)
	defer cancel()
	headStart := time.NewTimer(openingHeadStart)
	defer headStart.Stop()
	headStartOver := false
	var asked *flight[AccessToken]
	var landed <-chan struct{}
	var unavailable error
	for {
		s.mu.Lock()
		changed, opening := s.changed, s.stream == streamOpening
		s.mu.Unlock()
		if token, ok := s.usable(); ok {
			return token, nil
		}
		if asked == nil && (!opening || headStartOver) {
			asked = s.fetch(ctx, "")
			landed = asked.landed
		}
		select {
		case <-changed:
		case <-headStart.C:
			headStartOver = true
		case <-landed:
			landed = nil
			if asked.err == nil {
				return asked.value, nil
			}
			// Not much time is left, but it is not over.
			if token, ok := s.unexpired(); ok {
				return token, nil
			}
			if s.root.Err() != nil {
				return AccessToken{}, s.closed()
			}
			if codeOf(asked.err) != codes.Unavailable {
				return AccessToken{}, asked.err
			}
			// The stream may still bring one in time.
			unavailable = asked.err
		case <-ctx.Done():
			if unavailable != nil {
				return AccessToken{}, unavailable
			}
			return AccessToken{}, errorOf("AccessTokenSource", ctx.Err())
		case <-s.root.Done():
			return AccessToken{}, s.closed()
		}
	}
}

// ReportRejected tells that WeChat refused a token (40001, 40014, 42001), and
// returns the one to use instead. The server replaces it only if it is still
// the current one. Callers that report the same token at once share one call.
func (s *AccessTokenSource) ReportRejected(ctx context.Context, token string) (AccessToken, error) {
	if s.root.Err() != nil {
		return AccessToken{}, s.closed()
	}
	if token == "" {
		return AccessToken{}, &Error{Method: "AccessTokenSource", Code: codes.InvalidArgument,
			Message: "the rejected token is empty; give the one that WeChat refused"}
	}
	ctx, cancel := withDefaultTimeout(ctx, contract.GetAccessTokenDeadline)
	defer cancel()
	s.mu.Lock()
	if s.held != nil && s.held.Value == token {
		s.rejected = true
	}
	s.mu.Unlock()
	fetched, err := s.fetch(ctx, token).wait(ctx)
	if s.root.Err() != nil {
		return AccessToken{}, s.closed()
	}
	return fetched, errorOf("AccessTokenSource", err)
}

// fetch asks GetAccessToken; what it gives is what is to be used.
func (s *AccessTokenSource) fetch(ctx context.Context, rejected string) *flight[AccessToken] {
	return s.fetches.join(ctx, rejected, func(ctx context.Context) (AccessToken, error) {
		ctx, cancel := context.WithTimeout(ctx, contract.GetAccessTokenDeadline)
		defer cancel()
		defer context.AfterFunc(s.root, cancel)()
		token, err := s.api.fetch(ctx, s.appID, rejected)
		if err != nil {
			return AccessToken{}, err
		}
		if held := s.offer(token); held.Value != rejected {
			return held, nil
		}
		return token, nil
	})
}

// run watches until Close.
func (s *AccessTokenSource) run() {
	defer close(s.stopped)
	for failures := 0; ; failures++ {
		s.setStream(streamOpening)
		for token, err := range s.api.watch(s.root, s.appID) {
			if err != nil {
				break
			}
			failures = 0
			s.offer(token)
			s.setStream(streamUp)
		}
		s.setStream(streamDown)
		limit := maxReopenDelay
		if failures < 6 {
			limit = min(limit, minReopenDelay<<failures)
		}
		select {
		case <-s.root.Done():
			return
		case <-time.After(rand.N(limit)):
		}
	}
}

func (s *AccessTokenSource) setStream(state streamState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream = state
	s.announce()
}

// offer takes a token unless a better one is held, and returns what is held.
func (s *AccessTokenSource) offer(token AccessToken) AccessToken {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.better(token) {
		return *s.held
	}
	if s.held == nil || s.held.Value != token.Value {
		s.rejected = false
	}
	s.held = &token
	s.announce()
	return token
}

// better needs the lock.
func (s *AccessTokenSource) better(token AccessToken) bool {
	switch {
	case s.held == nil, left(*s.held) <= 0:
		return true
	case token.Generation > 0:
		return token.Generation >= s.held.Generation
	default:
		// Out of order: the server could not number it.
		return s.held.Generation == 0 || s.rejected || left(*s.held) < expiringSoon
	}
}

// announce needs the lock.
func (s *AccessTokenSource) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// usable is the token in memory if it may be handed out without asking.
func (s *AccessTokenSource) usable() (AccessToken, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		return AccessToken{}, false
	}
	// A stream brings the next token in time.
	if s.stream == streamUp {
		return *s.held, left(*s.held) > 0
	}
	return *s.held, left(*s.held) >= expiringSoon
}

func (s *AccessTokenSource) unexpired() (AccessToken, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		return AccessToken{}, false
	}
	return *s.held, left(*s.held) > 0
}

func (s *AccessTokenSource) closed() error {
	return &Error{Method: "AccessTokenSource", Code: codes.Canceled,
		Message: "the source is closed; make another one"}
}

func left(token AccessToken) time.Duration { return time.Until(token.ExpireTime) }

func withDefaultTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}

// clientTokens asks through a Client.
type clientTokens struct{ client *Client }

func (t clientTokens) watch(ctx context.Context, appID string) iter.Seq2[AccessToken, error] {
	return func(yield func(AccessToken, error) bool) {
		request := &wxidentv1.WatchAccessTokenRequest{AppId: appID}
		for response, err := range t.client.WatchAccessToken(ctx, request) {
			if !yield(accessTokenOf(response), err) {
				return
			}
		}
	}
}

func (t clientTokens) fetch(ctx context.Context, appID, rejected string) (AccessToken, error) {
	response, err := t.client.GetAccessToken(ctx, &wxidentv1.GetAccessTokenRequest{
		AppId: appID, RejectedAccessToken: rejected})
	return accessTokenOf(response), err
}

func accessTokenOf(response interface {
	GetAccessToken() string
	GetGeneration() int64
	GetExpireTime() *timestamppb.Timestamp
}) AccessToken {
	return AccessToken{
		Value:      response.GetAccessToken(),
		ExpireTime: response.GetExpireTime().AsTime(),
		Generation: response.GetGeneration(),
	}
}
