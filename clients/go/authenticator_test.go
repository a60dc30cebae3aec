package wxident

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/wxident/wxident/clients/go/internal/contract"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

// asked is an authenticator before a server that the test plays: it counts what
// is asked and answers by a function.
func asked(answer func(token string) (*wxidentv1.Session, error), opts ...AuthenticatorOption) (*Authenticator, *atomic.Int64) {
	a := NewAuthenticator(nil, opts...)
	var count atomic.Int64
	a.validate = func(_ context.Context, token string) (*wxidentv1.Session, error) {
		count.Add(1)
		return answer(token)
	}
	return a, &count
}

func sessionOf(userID string) *wxidentv1.Session {
	return &wxidentv1.Session{User: &wxidentv1.User{UserId: userID},
		ExpireTime: timestamppb.New(time.Now().Add(time.Hour))}
}

func active(token string) (*wxidentv1.Session, error) { return sessionOf("user of " + token), nil }

func TestAuthenticatorCachesActiveSessions(t *testing.T) {
	tests := map[string]struct {
		answer func(string) (*wxidentv1.Session, error)
		opts   []AuthenticatorOption
		after  time.Duration
		asked  int64
	}{
		"within a second": {active, nil, sessionCacheTime - time.Nanosecond, 1},
		"after a second":  {active, nil, sessionCacheTime, 2},
		"strong":          {active, []AuthenticatorOption{WithStrong()}, 0, 2},
		"one that ends sooner": {func(string) (*wxidentv1.Session, error) {
			return &wxidentv1.Session{ExpireTime: timestamppb.New(time.Now().Add(100 * time.Millisecond))}, nil
		}, nil, 100 * time.Millisecond, 2},
		"not active": {func(string) (*wxidentv1.Session, error) { return nil, nil }, nil, 0, 2},
		"no answer":  {func(string) (*wxidentv1.Session, error) { return nil, unavailable() }, nil, 0, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, count := asked(test.answer, test.opts...)
				a.Authenticate(t.Context(), "token")
				time.Sleep(test.after)
				a.Authenticate(t.Context(), "token")
				if count.Load() != test.asked {
					t.Errorf("asked %d times, want %d", count.Load(), test.asked)
				}
			})
		})
	}
}

// The age of an answer counts from the question, not from its arrival.
func TestAuthenticatorCountsSlowAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, count := asked(func(token string) (*wxidentv1.Session, error) {
			time.Sleep(600 * time.Millisecond)
			return active(token)
		})
		for range 2 {
			if _, err := a.Authenticate(t.Context(), "token"); err != nil {
				t.Error(err)
			}
			time.Sleep(400 * time.Millisecond)
		}
		if count.Load() != 2 {
			t.Errorf("asked %d times", count.Load())
		}
	})
}

func TestAuthenticatorErrors(t *testing.T) {
	tests := map[string]struct {
		token  string
		answer func(string) (*wxidentv1.Session, error)
		want   error
		asked  int64
	}{
		"not active":     {"token", func(string) (*wxidentv1.Session, error) { return nil, nil }, ErrSessionNotActive, 1},
		"empty":          {"", active, ErrSessionNotActive, 0},
		"too long":       {string(make([]byte, 513)), active, ErrSessionNotActive, 0},
		"not of RFC6750": {"to\xffken", active, ErrSessionNotActive, 0},
		"no answer": {"token", func(string) (*wxidentv1.Session, error) {
			return nil, &Error{Reason: wxidentv1.ErrorReason_ERROR_REASON_STORE_UNAVAILABLE}
		}, ErrStoreUnavailable, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, count := asked(test.answer)
			session, err := a.Authenticate(t.Context(), test.token)
			if session != nil || !errors.Is(err, test.want) || count.Load() != test.asked {
				t.Errorf("got %v, %v after %d questions", session, err, count.Load())
			}
		})
	}
}

// A token of the greatest length is asked for.
func TestAuthenticatorAsksForAnyWellFormedToken(t *testing.T) {
	long := make([]byte, maxSessionToken)
	for i := range long {
		long[i] = "ABCZabcz0189-._~+/="[i%19]
	}
	a, _ := asked(active)
	session, err := a.Authenticate(t.Context(), string(long))
	if err != nil || session.GetUser().GetUserId() != "user of "+string(long) {
		t.Errorf("got %v, %v", session, err)
	}
}

func TestAuthenticatorSharesACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, count := asked(func(token string) (*wxidentv1.Session, error) {
			time.Sleep(500 * time.Millisecond)
			return active(token)
		})
		var group sync.WaitGroup
		for i := range 1000 {
			token := fmt.Sprint("token", i%10)
			group.Go(func() {
				session, err := a.Authenticate(t.Context(), token)
				if err != nil || session.GetUser().GetUserId() != "user of "+token {
					t.Errorf("%s is %v, %v", token, session, err)
				}
			})
		}
		group.Wait()
		if count.Load() != 10 {
			t.Errorf("asked %d times for 10 tokens", count.Load())
		}
	})
}

// A caller who goes away takes no other with it, and nobody waits longer than
// for a call.
func TestAuthenticatorWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAuthenticator(nil)
		a.validate = func(ctx context.Context, token string) (*wxidentv1.Session, error) {
			select {
			case <-time.After(time.Second):
				return active(token)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		hasty, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := a.Authenticate(hasty, "token"); !errors.Is(err, context.Canceled) {
				t.Errorf("the hasty one got %v", err)
			}
		})
		synctest.Wait()
		group.Go(func() {
			if _, err := a.Authenticate(t.Context(), "token"); err != nil {
				t.Errorf("the patient one got %v", err)
			}
		})
		synctest.Wait()
		cancel()
		group.Wait()

		slow, _ := asked(func(string) (*wxidentv1.Session, error) {
			time.Sleep(time.Minute)
			return nil, nil
		})
		long, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		began := time.Now()
		_, err := slow.Authenticate(long, "token")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != contract.ValidateSessionDeadline {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		time.Sleep(time.Minute) // lets the call land
	})
}

func TestAuthenticatorKeepsNoMoreThanItsSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, count := asked(active)
		authenticate := func(i int) { a.Authenticate(t.Context(), fmt.Sprint("token", i)) }
		for i := range sessionCacheSize + 1 {
			authenticate(i)
		}
		if len(a.cached) != sessionCacheSize || a.ages.Len() != sessionCacheSize {
			t.Errorf("%d kept, %d ages", len(a.cached), a.ages.Len())
		}
		before := count.Load()
		authenticate(sessionCacheSize) // the newest is there
		authenticate(1)                // and so is the oldest but one
		if count.Load() != before {
			t.Error("one within the size was asked for again")
		}
		authenticate(0) // the oldest is not
		if count.Load() != before+1 {
			t.Error("the oldest was still there")
		}
		// What has expired goes first, and all of it.
		time.Sleep(sessionCacheTime)
		authenticate(-1)
		if len(a.cached) != 1 || a.ages.Len() != 1 {
			t.Errorf("%d kept after all had expired, %d ages", len(a.cached), a.ages.Len())
		}
	})
}

// What the race detector looks at: hits, misses, evictions and expiry at once.
func TestAuthenticatorUnderManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, count := asked(func(token string) (*wxidentv1.Session, error) {
			if token[len(token)-1] == '7' {
				return nil, nil
			}
			return active(token)
		})
		var group sync.WaitGroup
		for i := range 64 {
			group.Go(func() {
				for j := range 400 {
					token := fmt.Sprint("token", (i*j)%499)
					session, err := a.Authenticate(t.Context(), token)
					refused := errors.Is(err, ErrSessionNotActive)
					if wantRefused := token[len(token)-1] == '7'; refused != wantRefused ||
						!refused && session.GetUser().GetUserId() != "user of "+token {
						t.Errorf("%s is %v, %v", token, session, err)
					}
					if j%100 == 99 {
						time.Sleep(300 * time.Millisecond)
					}
				}
			})
		}
		group.Wait()
		if a.ages.Len() != len(a.cached) || count.Load() == 0 {
			t.Errorf("%d ages of %d entries", a.ages.Len(), len(a.cached))
		}
	})
}
