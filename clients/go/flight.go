package wxident

import (
	"context"
	"sync"
)

// flights lets callers that want the same thing at once share one call.
type flights[K comparable, T any] struct {
	mu      sync.Mutex
	flights map[K]*flight[T]
}

type flight[T any] struct {
	landed chan struct{}
	value  T
	err    error
}

// join starts do unless a call for the key is under way, and returns that one.
// do runs apart from the caller, with the caller's values but not its end.
func (f *flights[K, T]) join(ctx context.Context, key K, do func(context.Context) (T, error)) *flight[T] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if under, ok := f.flights[key]; ok {
		return under
	}
	if f.flights == nil {
		f.flights = map[K]*flight[T]{}
	}
	started := &flight[T]{landed: make(chan struct{})}
	f.flights[key] = started
	ctx = context.WithoutCancel(ctx)
	go func() {
		started.value, started.err = do(ctx)
		f.mu.Lock()
		delete(f.flights, key)
		f.mu.Unlock()
		close(started.landed)
	}()
	return started
}

// wait is the call's outcome, or the caller's own end.
func (f *flight[T]) wait(ctx context.Context) (T, error) {
	select {
	case <-f.landed:
		return f.value, f.err
	default:
	}
	select {
	case <-f.landed:
		return f.value, f.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
