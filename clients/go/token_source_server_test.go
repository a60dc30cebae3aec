package wxident_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/wxident/wxident/clients/go"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
	"github.com/wxident/wxident/clients/go/wxidentfake"
)

func newSource(t *testing.T, fake *wxidentfake.Server, appID string) *wxident.AccessTokenSource {
	t.Helper()
	source := fake.Client().AccessTokenSource(appID)
	t.Cleanup(func() { source.Close() })
	return source
}

func TestTokenSourceFollowsTheServer(t *testing.T) {
	fake := wxidentfake.New(t)
	source := newSource(t, fake, fake.AddApp(testApp))
	first, err := source.Get(t.Context())
	if err != nil || first.Generation != 1 || first.Value == "" {
		t.Fatalf("Get = %v, %v", first, err)
	}
	holds := func(value string) func() bool {
		return func() bool {
			token, err := source.Get(t.Context())
			return err == nil && token.Value == value
		}
	}
	eventually(t, "the rotated token is handed out", holds(fake.RotateToken(testApp)))

	// The server stops, and another goes on: the stream is opened again.
	fake.EndWatches()
	eventually(t, "the next stream is open", func() bool { return fake.Calls("WatchAccessToken") == 2 })
	eventually(t, "the next token comes by the next stream", holds(fake.RotateToken(testApp)))
	if calls := fake.Calls("GetAccessToken"); calls != 0 {
		t.Errorf("GetAccessToken was called %d times", calls)
	}

	// The stream fails.
	fake.FailNext("WatchAccessToken", wxidentv1.ErrorReason_ERROR_REASON_STORE_UNAVAILABLE)
	fake.EndWatches()
	eventually(t, "the stream after a failed one is open", func() bool { return fake.Calls("WatchAccessToken") == 4 })
	eventually(t, "the token comes by it", holds(fake.RotateToken(testApp)))
}

func TestTokenSourceReportsToTheServer(t *testing.T) {
	fake := wxidentfake.New(t)
	source := newSource(t, fake, fake.AddApp(testApp))
	old, err := source.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			token, err := source.ReportRejected(t.Context(), old.Value)
			if err != nil || token.Generation != 2 || token.Value == old.Value {
				t.Errorf("ReportRejected = %v, %v", token, err)
			}
		})
	}
	group.Wait()
	token, err := source.Get(t.Context())
	if err != nil || token.Generation != 2 {
		t.Errorf("Get = %v, %v", token, err)
	}
}

func TestTokenSourceOfAnUnknownApp(t *testing.T) {
	fake := wxidentfake.New(t)
	source := newSource(t, fake, testApp)
	if _, err := source.Get(t.Context()); !errors.Is(err, wxident.ErrAppUnknown) {
		t.Errorf("Get failed with %v", err)
	}
	// It comes to know the app.
	fake.AddApp(testApp)
	if _, err := source.Get(t.Context()); err != nil {
		t.Errorf("Get failed with %v", err)
	}
}

func TestWatchAccessTokenMayBeLeft(t *testing.T) {
	fake := wxidentfake.New(t)
	fake.AddApp(testApp)
	seen := 0
	for token, err := range fake.Client().WatchAccessToken(t.Context(), &wxidentv1.WatchAccessTokenRequest{AppId: testApp}) {
		if err != nil || token.GetGeneration() != int64(seen+1) {
			t.Fatalf("token %d is %v, %v", seen, token, err)
		}
		if seen++; seen == 2 {
			break
		}
		fake.RotateToken(testApp)
	}
	if seen != 2 {
		t.Errorf("%d tokens came", seen)
	}
}
