package wxident

import (
	"errors"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// unconnected makes channels that nobody uses.
func unconnected() (*grpc.ClientConn, error) {
	return grpc.NewClient("127.0.0.1:1", grpc.WithTransportCredentials(insecure.NewCredentials()))
}

func newTestPool(t *testing.T, dial func() (*grpc.ClientConn, error)) *channelPool {
	t.Helper()
	pool, err := newChannelPool(dial)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.close() })
	return pool
}

func TestChannelPoolFillsOneChannelAfterTheOther(t *testing.T) {
	pool := newTestPool(t, unconnected)
	var end []func()
	for call := range maxChannels * fullChannel {
		c, ended := pool.take()
		if want := call / fullChannel; c != pool.channels[want] || len(pool.channels) != want+1 {
			t.Fatalf("call %d is not on channel %d of %d", call, want, len(pool.channels))
		}
		end = append(end, ended)
	}
	// All are full: the calls are spread, and there are no more channels.
	for want := range maxChannels {
		if c, _ := pool.take(); c != pool.channels[want] || len(pool.channels) != maxChannels {
			t.Fatalf("the call for channel %d of %d went elsewhere", want, len(pool.channels))
		}
	}
	for _, ended := range end {
		ended()
		ended() // as gRPC may for a stream that does not begin
	}
	if c, _ := pool.take(); c != pool.channels[0] || c.calls != 2 {
		t.Errorf("after all calls the first channel has %d", pool.channels[0].calls)
	}
}

// A channel that cannot be made costs nothing but room.
func TestChannelPoolWithoutAFurtherChannel(t *testing.T) {
	dialed := false
	pool := newTestPool(t, func() (*grpc.ClientConn, error) {
		if dialed {
			return nil, errors.New("no more")
		}
		dialed = true
		return unconnected()
	})
	for range fullChannel + 1 {
		if c, _ := pool.take(); c != pool.channels[0] {
			t.Fatal("a call went elsewhere")
		}
	}
}

func TestClosedChannelPoolMakesNoChannels(t *testing.T) {
	pool := newTestPool(t, unconnected)
	if err := pool.close(); err != nil {
		t.Fatal(err)
	}
	for range fullChannel + 1 {
		pool.take()
	}
	if len(pool.channels) != 1 {
		t.Errorf("there are %d channels", len(pool.channels))
	}
}
