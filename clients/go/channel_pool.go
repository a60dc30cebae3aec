package wxident

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/grpc"
)

// The server allows 256 streams on a connection, and a proxy before it often
// 100, the least that RFC 9113 advises. A call beyond them is not refused: gRPC
// keeps it back, without a word, until another one ends.
const (
	// A channel with so many calls under way gets no more while another has
	// room. What is left of 100 is for calls that the pool does not count: health
	// checks.
	fullChannel = 80
	// With all of these full, calls are spread over them, and wait when there is
	// no stream left, as gRPC has it.
	maxChannels = 16
)

// channelPool is one channel for those who call, and further ones to the same
// servers behind it while there are more calls under way than a connection
// takes. The first channel with room gets a call, so further ones are left
// when there are fewer calls again, and gRPC ends the connections of a channel
// that has none for 30 minutes. It may be used by many goroutines.
type channelPool struct {
	dial func() (*grpc.ClientConn, error)

	mu sync.Mutex
	// At least one; only more are added.
	channels []*channel
	closed   bool
}

// channel counts its calls under the pool's lock.
type channel struct {
	*grpc.ClientConn
	calls int
}

var _ grpc.ClientConnInterface = (*channelPool)(nil)

// newChannelPool has dial make each channel; none of them connects before it is
// used.
func newChannelPool(dial func() (*grpc.ClientConn, error)) (*channelPool, error) {
	first, err := dial()
	if err != nil {
		return nil, err
	}
	return &channelPool{dial: dial, channels: []*channel{{ClientConn: first}}}, nil
}

// take gives the channel for one more call, and what must be done once when
// that call has ended.
func (p *channelPool) take() (*channel, func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.withRoom()
	c.calls++
	return c, sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		c.calls--
	})
}

// withRoom needs the lock.
func (p *channelPool) withRoom() *channel {
	least := p.channels[0]
	for _, c := range p.channels {
		if c.calls < fullChannel {
			return c
		}
		if c.calls < least.calls {
			least = c
		}
	}
	if len(p.channels) == maxChannels || p.closed {
		return least
	}
	// What made the first channel makes others; should it fail all the same,
	// there is still one that works.
	conn, err := p.dial()
	if err != nil {
		return least
	}
	added := &channel{ClientConn: conn}
	p.channels = append(p.channels, added)
	return added
}

// Invoke makes a unary call.
func (p *channelPool) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	c, ended := p.take()
	defer ended()
	return c.ClientConn.Invoke(ctx, method, args, reply, opts...)
}

// NewStream begins a stream.
func (p *channelPool) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	c, ended := p.take()
	opts = append(opts[:len(opts):len(opts)], grpc.OnFinish(func(error) { ended() }))
	stream, err := c.ClientConn.NewStream(ctx, desc, method, opts...)
	if err != nil {
		ended()
	}
	return stream, err
}

// close ends all connections.
func (p *channelPool) close() error {
	p.mu.Lock()
	p.closed = true
	channels := p.channels
	p.mu.Unlock()
	var all error
	for _, c := range channels {
		all = errors.Join(all, c.Close())
	}
	return all
}
