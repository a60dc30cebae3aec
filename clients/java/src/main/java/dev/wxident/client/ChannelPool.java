package dev.wxident.client;

import io.grpc.Attributes;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * One channel for those who call, and further ones to the same servers behind it while there are
 * more calls under way than a connection takes: the server allows 256 streams, a proxy before it
 * often 100, the least that RFC 9113 advises, and gRPC keeps a call beyond them back, without an
 * error, until another one ends.
 *
 * <p>The first channel with room gets a call, so further ones are left when there are fewer calls
 * again, and gRPC ends the connections of a channel that has none for 30 minutes. Thread-safe.
 */
final class ChannelPool extends Channel {
  /**
   * A channel with so many calls under way gets no more while another has room. What is left of 100
   * is for calls that are not counted here: health checks.
   */
  static final int FULL = 80;

  /**
   * With all of these full, calls are spread over them, and wait when there is no stream left, as
   * gRPC has it.
   */
  static final int MAX_CHANNELS = 16;

  private final Supplier<ManagedChannel> factory;

  /** At least one; only more are added. */
  private final List<Member> members = new ArrayList<>();

  private boolean closed;

  /** The factory makes each channel; none of them connects before it is used. */
  ChannelPool(Supplier<ManagedChannel> factory) {
    this.factory = factory;
    members.add(new Member(factory.get()));
  }

  @Override
  public <Q, A> ClientCall<Q, A> newCall(MethodDescriptor<Q, A> method, CallOptions options) {
    return new PooledCall<>(method, options);
  }

  @Override
  public String authority() {
    return channels().get(0).authority();
  }

  /** As of each channel. */
  void resetConnectBackoff() {
    channels().forEach(ManagedChannel::resetConnectBackoff);
  }

  /** Ends all calls and connections, and waits a second at most until they have ended. */
  void close() {
    synchronized (this) {
      closed = true;
    }
    List<ManagedChannel> channels = channels();
    channels.forEach(ManagedChannel::shutdownNow);
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(1);
    try {
      for (ManagedChannel channel : channels) {
        channel.awaitTermination(end - System.nanoTime(), TimeUnit.NANOSECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized List<ManagedChannel> channels() {
    return members.stream().map(member -> member.channel).toList();
  }

  /** The channel for one more call, which gives it back when it has ended. */
  private synchronized Member take() {
    Member member = withRoom();
    member.calls++;
    return member;
  }

  private synchronized void giveBack(Member member) {
    member.calls--;
  }

  private Member withRoom() {
    Member least = members.get(0);
    for (Member member : members) {
      if (member.calls < FULL) {
        return member;
      }
      if (member.calls < least.calls) {
        least = member;
      }
    }
    if (members.size() == MAX_CHANNELS || closed) {
      return least;
    }
    Member added = new Member(factory.get());
    members.add(added);
    return added;
  }

  /** A channel, and how many calls are under way on it. */
  private static final class Member {
    final ManagedChannel channel;
    int calls;

    Member(ManagedChannel channel) {
      this.channel = channel;
    }
  }

  /**
   * Chooses its channel when it starts: whatever interceptors do before that, a call which never
   * starts takes no room.
   */
  private final class PooledCall<Q, A> extends ClientCall<Q, A> {
    private final MethodDescriptor<Q, A> method;
    private final CallOptions options;
    private volatile ClientCall<Q, A> call;
    private volatile boolean cancelled;

    PooledCall(MethodDescriptor<Q, A> method, CallOptions options) {
      this.method = method;
      this.options = options;
    }

    @Override
    public void start(Listener<A> listener, Metadata headers) {
      if (call != null) {
        throw new IllegalStateException("the call has started already");
      }
      Member member = take();
      try {
        call = member.channel.newCall(method, options);
        if (cancelled) {
          call.cancel("cancelled before it started", null);
        }
        call.start(
            new SimpleForwardingClientCallListener<>(listener) {
              @Override
              public void onClose(Status status, Metadata trailers) {
                giveBack(member);
                super.onClose(status, trailers);
              }
            },
            headers);
      } catch (RuntimeException | Error e) {
        // It has not started, and is not closed either.
        giveBack(member);
        throw e;
      }
    }

    @Override
    public void cancel(String message, Throwable cause) {
      cancelled = true;
      if (call != null) {
        call.cancel(message, cause);
      }
    }

    @Override
    public void request(int messages) {
      call.request(messages);
    }

    @Override
    public void halfClose() {
      call.halfClose();
    }

    @Override
    public void sendMessage(Q message) {
      call.sendMessage(message);
    }

    @Override
    public boolean isReady() {
      return call != null && call.isReady();
    }

    @Override
    public void setMessageCompression(boolean enabled) {
      call.setMessageCompression(enabled);
    }

    @Override
    public Attributes getAttributes() {
      return call == null ? Attributes.EMPTY : call.getAttributes();
    }
  }
}
