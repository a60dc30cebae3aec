package wxident

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wxident/wxident/clients/go/internal/contract"
)

// scriptedTokens is a server whose streams and answers the test makes.
type scriptedTokens struct {
	mu      sync.Mutex
	opened  []time.Time
	stream  chan watched
	fetched []string
	// What fetch answers.
	answer func(rejected string) (AccessToken, error)
}

// watched is one thing that a stream gives; end ends it.
type watched struct {
	token AccessToken
	err   error
	end   bool
}

func (s *scriptedTokens) watch(ctx context.Context, _ string) iter.Seq2[AccessToken, error] {
	s.mu.Lock()
	s.opened = append(s.opened, time.Now())
	s.mu.Unlock()
	return func(yield func(AccessToken, error) bool) {
		for {
			select {
			case next := <-s.stream:
				if next.end || !yield(next.token, next.err) {
					return
				}
			case <-ctx.Done():
				yield(AccessToken{}, ctx.Err())
				return
			}
		}
	}
}

func (s *scriptedTokens) fetch(ctx context.Context, _, rejected string) (AccessToken, error) {
	s.mu.Lock()
	s.fetched = append(s.fetched, rejected)
	answer := s.answer
	s.mu.Unlock()
	if answer == nil {
		<-ctx.Done()
		return AccessToken{}, errorOf("GetAccessToken", ctx.Err())
	}
	return answer(rejected)
}

func (s *scriptedTokens) fetches() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.fetched...)
}

// withTokens runs a test in a bubble whose clock is its own.
func withTokens(t *testing.T, test func(*testing.T, *scriptedTokens, *AccessTokenSource)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		api := &scriptedTokens{stream: make(chan watched)}
		source := newAccessTokenSource("wx1", api)
		defer source.Close()
		test(t, api, source)
	})
}

func token(value string, generation int64, life time.Duration) AccessToken {
	return AccessToken{Value: value, Generation: generation, ExpireTime: time.Now().Add(life)}
}

func wantToken(t *testing.T, source *AccessTokenSource, want string) {
	t.Helper()
	got, err := source.Get(t.Context())
	if err != nil || got.Value != want {
		t.Errorf("Get = %q, %v, want %q", got.Value, err, want)
	}
}

func unavailable() error {
	return errorOf("GetAccessToken", status.Error(codes.Unavailable, "down"))
}

func TestSourceWaitsForTheFirstToken(t *testing.T) {
	withTokens(t, func(t *testing.T, api *scriptedTokens, source *AccessTokenSource) {
		go func() { api.stream <- watched{token: token("a", 1, time.Hour)} }()
		wantToken(t, source, "a")
		if got := api.fetches(); len(got) != 0 {
			t.Errorf("GetAccessToken was asked: %q", got)
		}
	})
}

func TestSourceFollowsTheStream(t *testing.T) {
	withTokens(t, func(t *testing.T, api *scriptedTokens, source *AccessTokenSource) {
		for generation := int64(1); generation <= 3; generation++ {
			value := fmt.Sprint("token", generation)
			api.stream <- watched{token: token(value, generation, time.Hour)}
			synctest.Wait()
			wantToken(t, source, value)
		}
	})
}

func TestSourceAsksWhenTheStreamGivesNothing(t *testing.T) {
	withTokens(t, func(t *testing.T, api *scriptedTokens, source *AccessTokenSource) {
		api.answer = func(string) (AccessToken, error) { return token("fetched", 1, time.Hour), nil }
		began := time.Now()
		wantToken(t, source, "fetched")
		if waited := time.Since(began); waited != openingHeadStart {
			t.Errorf("the stream had %v to bring it", waited)
		}
	})
}

func TestSourceGivesUpAtTheDeadline(t *testing.T) {
	withTokens(t, func(t *testing.T, _ *scriptedTokens, source *AccessTokenSource) {
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
		defer cancel()
		_, err := source.Get(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || codeOf(err) != codes.DeadlineExceeded {
			t.Errorf("Get failed with %v", err)
		}
	})
}

func TestSourceHasADeadlineOfItsOwn(t *testing.T) {
	withTokens(t, func(t *testing.T, _ *scriptedTokens, source *AccessTokenSource) {
		began := time.Now()
		_, err := source.Get(context.Background())
		if codeOf(err) != codes.DeadlineExceeded || time.Since(began) != contract.GetAccessTokenDeadline {
			t.Errorf("Get failed with %v after %v", err, time.Since(began))
		}
	})
}

func TestSourceSaysWhatIsWrong(t *testing.T) {
	withTokens(t, func(t *testing.T, api *scriptedTokens, source *AccessTokenSource) {
		wrong := &Error{Code: codes.InvalidArgument, Message: "no app"}
		api.answer = func(string) (AccessToken, error) { return AccessToken{}, wrong }
		api.stream <- watched{err: wrong}
		if _, err := source.Get(t.Context()); !errors.Is(err, wrong) {
			t.Errorf("Get failed with %v", err)
		}
	})
}

func TestSourceWaitsForAServerThatComesBack(t *testing.T) {
	withTokens(t, func(t *testing.T, api *scriptedTokens, source *AccessTokenSource) {
		api.answer = func(string) (AccessToken, error) { return AccessToken{}, unavailable() }
		api.stream <- watched{err: unavailable()}
		go func() {
			time.Sleep(2 * time.Second)
			api.stream <- watched{token: token("late", 1, time.Hour)}
		}()
		wantToken(t, source, "late")
		if got := len(api.fetches()); got != 1 {
			t.Errorf("GetAccessToken was asked %d times", got)
		}
	})
}

func TestSourceSaysUnavailableAtTheDeadline(t *testing.T) {
	withTokens(t, func(t *testing.T, api *scriptedTokens, source *AccessTokenSource) {
		api.answer = func(string) (AccessToken, error) { return AccessToken{}, unavailable() }
		api.stream <- watched{err: unavailable()}
		if _, err := source.Get(t.Context()); codeOf(err) != codes.Unavailable {
			t.Errorf("Get failed with %v", err)
		}
	})
}

func TestSourceReopensWithBackOff(t *testing.T) {
	withTokens(t, func(t *testing.T, api *scriptedTokens, _ *AccessTokenSource) {
		for range 40 {
			api.stream <- watched{err: unavailable()}
		}
		synctest.Wait()
		var longest time.Duration
		for i := 1; i < len(api.opened); i++ {
			gap := api.opened[i].Sub(api.opened[i-1])
			longest = max(longest, gap)
			limit := maxReopenDelay
			if i-1 < 6 {
				limit = min(limit, minReopenDelay<<(i-1))
			}
			if gap > limit {
				t.Errorf("after failure %d it waited %v, over %v", i, gap, limit)
			}
		}
		// Of 34 waits of up to 5 s each, the longest is hardly below 1 s.
		if len(api.opened) < 40 || longest < time.Second {
			t.Errorf("%d streams, the longest wait %v", len(api.opened), longest)
		}
	})
}

func TestSourceReopensSoonAfterATokenCame(t *testing.T) {
	withTokens(t, func(t *testing.T, api *scriptedTokens, _ *AccessTokenSource) {
		for range 10 {
			api.stream <- watched{err: unavailable()}
		}
		api.stream <- watched{token: token("a", 1, time.Hour)}
		ended := time.Now()
		api.stream <- watched{end: true}
		api.stream <- watched{token: token("b", 2, time.Hour)}
		if waited := time.Since(ended); waited > minReopenDelay {
			t.Errorf("it waited %v after a stream that had been good", waited)
		}
	})
}

func TestSourceWithoutStream(t *testing.T) {
	tests := map[string]struct {
		life    time.Duration
		fetch   func(string) (AccessToken, error)
		want    string
		fetches int
	}{
		"with a minute left it is handed out": {
			life: expiringSoon, want: "held"},
		"with less a new one is asked for": {
			life:  expiringSoon - time.Nanosecond,
			fetch: func(string) (AccessToken, error) { return token("new", 2, time.Hour), nil },
			want:  "new", fetches: 1},
		"with less, and no answer, it is better than none": {
			life:  expiringSoon - time.Nanosecond,
			fetch: func(string) (AccessToken, error) { return AccessToken{}, unavailable() },
			want:  "held", fetches: 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			withTokens(t, func(t *testing.T, api *scriptedTokens, source *AccessTokenSource) {
				api.answer = test.fetch
				api.stream <- watched{token: token("held", 1, test.life)}
				api.stream <- watched{end: true}
				synctest.Wait()
				wantToken(t, source, test.want)
				if got := len(api.fetches()); got != test.fetches {
					t.Errorf("GetAccessToken was asked %d times, want %d", got, test.fetches)
				}
			})
		})
	}
}

func TestSourceTrustsAStreamUntilTheTokenExpires(t *testing.T) {
	withTokens(t, func(t *testing.T, api *scriptedTokens, source *AccessTokenSource) {
		api.answer = func(string) (AccessToken, error) { return token("new", 2, time.Hour), nil }
		api.stream <- watched{token: token("held", 1, 2*time.Second)}
		synctest.Wait()
		wantToken(t, source, "held")
		time.Sleep(2 * time.Second)
		wantToken(t, source, "new")
	})
}

func TestSourceTakesTheBetterToken(t *testing.T) {
	const long, soon = time.Hour, expiringSoon - time.Second
	tests := map[string]struct {
		held     AccessToken
		life     time.Duration
		rejected bool
		offered  AccessToken
		taken    bool
	}{
		"the next":                         {AccessToken{Generation: 1}, long, false, AccessToken{Generation: 2}, true},
		"one of long ago":                  {AccessToken{Generation: 2}, long, false, AccessToken{Generation: 1}, false},
		"one of long ago for a rejected":   {AccessToken{Generation: 2}, long, true, AccessToken{Generation: 1}, false},
		"one of long ago for an old one":   {AccessToken{Generation: 2}, soon, false, AccessToken{Generation: 1}, false},
		"any for one that has expired":     {AccessToken{Generation: 2}, -1, false, AccessToken{Generation: 1}, true},
		"the same with a longer life":      {AccessToken{Generation: 2}, long, false, AccessToken{Generation: 2}, true},
		"unnumbered for a good one":        {AccessToken{Generation: 2}, long, false, AccessToken{}, false},
		"unnumbered for one that ends":     {AccessToken{Generation: 2}, soon, false, AccessToken{}, true},
		"unnumbered for a rejected one":    {AccessToken{Generation: 2}, long, true, AccessToken{}, true},
		"unnumbered for an unnumbered one": {AccessToken{}, long, false, AccessToken{}, true},
		"numbered for an unnumbered one":   {AccessToken{}, long, false, AccessToken{Generation: 1}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &AccessTokenSource{changed: make(chan struct{})}
				test.held.Value, test.offered.Value = "held", "offered"
				test.held.ExpireTime = time.Now().Add(test.life)
				test.offered.ExpireTime = time.Now().Add(2 * time.Hour)
				source.offer(test.held)
				source.rejected = test.rejected
				if got := source.offer(test.offered).Value == "offered"; got != test.taken {
					t.Errorf("taken: %v, want %v", got, test.taken)
				}
			})
		})
	}
}

func TestSourceReportsRejected(t *testing.T) {
	withTokens(t, func(t *testing.T, api *scriptedTokens, source *AccessTokenSource) {
		api.answer = func(string) (AccessToken, error) { return token("b", 2, time.Hour), nil }
		api.stream <- watched{token: token("a", 1, time.Hour)}
		got, err := source.ReportRejected(t.Context(), "a")
		if err != nil || got.Value != "b" {
			t.Errorf("ReportRejected = %q, %v", got.Value, err)
		}
		wantToken(t, source, "b")
		// A message of before.
		api.stream <- watched{token: token("a", 1, time.Hour)}
		synctest.Wait()
		wantToken(t, source, "b")
		if got := api.fetches(); len(got) != 1 || got[0] != "a" {
			t.Errorf("GetAccessToken was asked with %q", got)
		}
	})
}

func TestSourceGivesWhatTheServerSaysOfAnOldToken(t *testing.T) {
	withTokens(t, func(t *testing.T, api *scriptedTokens, source *AccessTokenSource) {
		// A server that lags behind what the stream gave.
		api.answer = func(string) (AccessToken, error) { return token("b", 2, time.Hour), nil }
		api.stream <- watched{token: token("c", 3, time.Hour)}
		got, err := source.ReportRejected(t.Context(), "a")
		if err != nil || got.Value != "c" {
			t.Errorf("ReportRejected = %q, %v, want what is newer", got.Value, err)
		}
	})
}

func TestSourceKeepsTheTokenWhenNoneReplacesIt(t *testing.T) {
	withTokens(t, func(t *testing.T, api *scriptedTokens, source *AccessTokenSource) {
		api.answer = func(string) (AccessToken, error) { return AccessToken{}, unavailable() }
		api.stream <- watched{token: token("a", 1, time.Hour)}
		if _, err := source.ReportRejected(t.Context(), "a"); codeOf(err) != codes.Unavailable {
			t.Errorf("ReportRejected failed with %v", err)
		}
		wantToken(t, source, "a")
	})
}

func TestSourceRefusesAnEmptyRejectedToken(t *testing.T) {
	withTokens(t, func(t *testing.T, _ *scriptedTokens, source *AccessTokenSource) {
		if _, err := source.ReportRejected(t.Context(), ""); codeOf(err) != codes.InvalidArgument {
			t.Errorf("ReportRejected failed with %v", err)
		}
	})
}

func TestSourceSharesCallsOfManyCallers(t *testing.T) {
	const callers = 500
	tests := map[string]struct {
		call    func(context.Context, *AccessTokenSource) (AccessToken, error)
		fetched string
	}{
		"Get": {func(ctx context.Context, s *AccessTokenSource) (AccessToken, error) { return s.Get(ctx) }, ""},
		"ReportRejected": {func(ctx context.Context, s *AccessTokenSource) (AccessToken, error) {
			return s.ReportRejected(ctx, "old")
		}, "old"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			withTokens(t, func(t *testing.T, api *scriptedTokens, source *AccessTokenSource) {
				api.answer = func(string) (AccessToken, error) {
					time.Sleep(time.Second)
					return token("new", 2, time.Hour), nil
				}
				var group sync.WaitGroup
				for range callers {
					group.Go(func() {
						if got, err := test.call(t.Context(), source); err != nil || got.Value != "new" {
							t.Errorf("got %q, %v", got.Value, err)
						}
					})
				}
				group.Wait()
				if got := api.fetches(); len(got) != 1 || got[0] != test.fetched {
					t.Errorf("GetAccessToken was asked with %q", got)
				}
			})
		})
	}
}

func TestSourceOneCallerLeavesTheOthersAlone(t *testing.T) {
	withTokens(t, func(t *testing.T, api *scriptedTokens, source *AccessTokenSource) {
		api.answer = func(string) (AccessToken, error) {
			time.Sleep(2 * time.Second)
			return token("new", 2, time.Hour), nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := source.ReportRejected(ctx, "old"); codeOf(err) != codes.DeadlineExceeded {
				t.Errorf("the hasty one got %v", err)
			}
		})
		synctest.Wait()
		group.Go(func() {
			if got, err := source.ReportRejected(t.Context(), "old"); err != nil || got.Value != "new" {
				t.Errorf("the patient one got %q, %v", got.Value, err)
			}
		})
		group.Wait()
	})
}

// Readers, reporters and the stream at once: what the race detector looks at.
// The generation that a reader sees never falls.
func TestSourceUnderManyGoroutines(t *testing.T) {
	withTokens(t, func(t *testing.T, api *scriptedTokens, source *AccessTokenSource) {
		var mu sync.Mutex
		generation := int64(1)
		api.answer = func(rejected string) (AccessToken, error) {
			mu.Lock()
			defer mu.Unlock()
			if rejected == fmt.Sprint(generation) {
				generation++
			}
			return token(fmt.Sprint(generation), generation, time.Hour), nil
		}
		api.stream <- watched{token: token("1", 1, time.Hour)}
		synctest.Wait()
		var group sync.WaitGroup
		for i := range 64 {
			group.Go(func() {
				seen := int64(0)
				for range 200 {
					got, err := source.Get(t.Context())
					if err != nil || got.Generation < seen {
						t.Errorf("after generation %d came %v, %v", seen, got, err)
						return
					}
					seen = got.Generation
					if i%8 == 0 {
						if _, err := source.ReportRejected(t.Context(), got.Value); err != nil {
							t.Errorf("ReportRejected: %v", err)
						}
					}
				}
			})
		}
		group.Go(func() {
			for range 50 {
				mu.Lock()
				now := token(fmt.Sprint(generation), generation, time.Hour)
				mu.Unlock()
				api.stream <- watched{token: now}
				api.stream <- watched{end: true}
			}
		})
		group.Wait()
		if generation < 2 {
			t.Error("nothing was replaced")
		}
	})
}

func TestSourceClose(t *testing.T) {
	withTokens(t, func(t *testing.T, _ *scriptedTokens, source *AccessTokenSource) {
		var group sync.WaitGroup
		closed := func(err error) {
			if codeOf(err) != codes.Canceled || !strings.Contains(err.Error(), "source is closed") {
				t.Errorf("it failed with %v", err)
			}
		}
		group.Go(func() {
			_, err := source.Get(t.Context())
			closed(err)
		})
		group.Go(func() {
			_, err := source.ReportRejected(t.Context(), "a")
			closed(err)
		})
		synctest.Wait()
		if err := source.Close(); err != nil {
			t.Error(err)
		}
		group.Wait()
		_, err := source.Get(t.Context())
		closed(err)
		_, err = source.ReportRejected(t.Context(), "a")
		closed(err)
		if err := source.Close(); err != nil {
			t.Errorf("the second Close: %v", err)
		}
	})
}

func TestAccessTokenHidesItsValue(t *testing.T) {
	secret := AccessToken{Value: "98_secret", Generation: 3, ExpireTime: time.Unix(0, 0)}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "token", secret)
	for _, text := range []string{fmt.Sprint(secret), fmt.Sprintf("%+v", secret), fmt.Sprintf("%#v", secret),
		fmt.Sprintf("%s", secret), fmt.Sprint(&secret), log.String()} {
		if strings.Contains(text, "secret") || !strings.Contains(text, "generation 3") {
			t.Errorf("printed as %q", text)
		}
	}
}
