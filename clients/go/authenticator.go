package wxident

import (
	"container/list"
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/wxident/wxident/clients/go/internal/contract"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

const (
	// How long an answer may be used again, from when it was asked for.
	sessionCacheTime = time.Second
	sessionCacheSize = 10_000
	// What is longer is no token of ours.
	maxSessionToken = 512
)

// Authenticator finds the session of incoming requests: [Authenticator.Middleware]
// for net/http, [Authenticator.UnaryServerInterceptor] and
// [Authenticator.StreamServerInterceptor] for gRPC. Handlers get it by
// [SessionFromContext].
//
// The token comes as "Authorization: Bearer <session token>". Answers are kept
// for at most a second, so that a revoked session is refused after two seconds
// at the latest; with WithStrong at once. A request whose session could not be
// asked for is turned away as such, never as one without a session. An
// Authenticator may be used by many goroutines.
type Authenticator struct {
	validate  func(context.Context, string) (*wxidentv1.Session, error)
	cookie    string
	strong    bool
	anonymous bool
	now       func() time.Time
	asking    flights[tokenHash, *wxidentv1.Session]

	mu     sync.Mutex
	cached map[tokenHash]*list.Element
	// By age, the oldest first.
	ages *list.List
}

type tokenHash [sha256.Size]byte

type cachedSession struct {
	hash    tokenHash
	session *wxidentv1.Session
	until   time.Time
}

// AuthenticatorOption is one setting of an Authenticator.
type AuthenticatorOption func(*Authenticator)

// WithCookie has the HTTP middleware look for the session token in this cookie
// too, when there is no Authorization header with one. Only that: protecting
// the site from forged requests stays the caller's.
func WithCookie(name string) AuthenticatorOption {
	return func(a *Authenticator) { a.cookie = name }
}

// WithStrong asks the server's database about each request, so that a session
// revoked on any replica is refused at once. Nothing is cached.
func WithStrong() AuthenticatorOption {
	return func(a *Authenticator) { a.strong = true }
}

// WithAnonymous lets requests without a token pass, without a session. A token
// that is not active is refused all the same.
func WithAnonymous() AuthenticatorOption {
	return func(a *Authenticator) { a.anonymous = true }
}

// NewAuthenticator makes an authenticator that asks through a client.
func NewAuthenticator(client *Client, opts ...AuthenticatorOption) *Authenticator {
	a := &Authenticator{now: time.Now, cached: map[tokenHash]*list.Element{}, ages: list.New()}
	for _, option := range opts {
		option(a)
	}
	a.validate = func(ctx context.Context, token string) (*wxidentv1.Session, error) {
		response, err := client.ValidateSession(ctx, &wxidentv1.ValidateSessionRequest{
			SessionToken: token, Strong: a.strong})
		if err != nil || !response.GetActive() {
			return nil, err
		}
		return response.GetSession(), nil
	}
	return a
}

// Authenticate is the session of a token. Where the token is not active it
// fails with [ErrSessionNotActive]; any other error means that the server could
// not be asked.
func (a *Authenticator) Authenticate(ctx context.Context, token string) (*wxidentv1.Session, error) {
	if !wellFormed(token) {
		return nil, notActive()
	}
	// However long the request may take, this is a small part of it.
	ctx, cancel := context.WithTimeout(ctx, contract.ValidateSessionDeadline)
	defer cancel()
	session, err := a.lookUp(ctx, token)
	if err != nil {
		return nil, errorOf("ValidateSession", err)
	}
	if session == nil {
		return nil, notActive()
	}
	return session, nil
}

func notActive() error {
	return &Error{
		Method:     "ValidateSession",
		Code:       codes.FailedPrecondition,
		Reason:     wxidentv1.ErrorReason_ERROR_REASON_SESSION_NOT_ACTIVE,
		ReasonName: "SESSION_NOT_ACTIVE",
		Message:    "the session token is unknown, expired or revoked; log in again",
	}
}

// lookUp is nil for a token that is not active.
func (a *Authenticator) lookUp(ctx context.Context, token string) (*wxidentv1.Session, error) {
	if a.strong {
		// Not even shared: a call under way may be older than a revocation.
		return a.validate(ctx, token)
	}
	hash := sha256.Sum256([]byte(token))
	if session := a.recall(hash); session != nil {
		return session, nil
	}
	return a.asking.join(ctx, hash, func(ctx context.Context) (*wxidentv1.Session, error) {
		// Another call may have landed since.
		if session := a.recall(hash); session != nil {
			return session, nil
		}
		asked := a.now()
		session, err := a.validate(ctx, token)
		if err == nil && session != nil {
			a.remember(hash, session, asked)
		}
		return session, err
	}).wait(ctx)
}

func (a *Authenticator) recall(hash tokenHash) *wxidentv1.Session {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	element, ok := a.cached[hash]
	if !ok {
		return nil
	}
	entry := element.Value.(*cachedSession)
	if !now.Before(entry.until) {
		return nil
	}
	return entry.session
}

func (a *Authenticator) remember(hash tokenHash, session *wxidentv1.Session, asked time.Time) {
	until := asked.Add(sessionCacheTime)
	if end := session.GetExpireTime(); end != nil && end.AsTime().Before(until) {
		until = end.AsTime()
	}
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if old, ok := a.cached[hash]; ok {
		a.forget(old)
	}
	for oldest := a.ages.Front(); oldest != nil; oldest = a.ages.Front() {
		if a.ages.Len() < sessionCacheSize && now.Before(oldest.Value.(*cachedSession).until) {
			break
		}
		a.forget(oldest)
	}
	a.cached[hash] = a.ages.PushBack(&cachedSession{hash: hash, session: session, until: until})
}

// forget needs the lock.
func (a *Authenticator) forget(element *list.Element) {
	delete(a.cached, a.ages.Remove(element).(*cachedSession).hash)
}

// wellFormed tells whether a text can be a token of RFC 6750, and of ours.
func wellFormed(token string) bool {
	if token == "" || len(token) > maxSessionToken {
		return false
	}
	for _, c := range []byte(token) {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c == '-', c == '.', c == '_', c == '~', c == '+', c == '/', c == '=':
		default:
			return false
		}
	}
	return true
}

type sessionKey struct{}

// SessionFromContext is the session that an Authenticator put into a request's
// context. false: the request is anonymous. It is shared; do not change it.
func SessionFromContext(ctx context.Context) (*wxidentv1.Session, bool) {
	session, ok := ctx.Value(sessionKey{}).(*wxidentv1.Session)
	return session, ok
}

// ContextWithSession puts a session into a context, as an Authenticator does:
// for unit tests of handlers.
func ContextWithSession(ctx context.Context, session *wxidentv1.Session) context.Context {
	return context.WithValue(ctx, sessionKey{}, session)
}
