package dev.wxident.client;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.MethodDescriptor;
import io.grpc.Status.Code;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** What all views of one client share: the channels, a timer, the token sources. */
final class Connection {
  private static final long KEEPALIVE_SECONDS = 60;
  private static final long KEEPALIVE_TIMEOUT_SECONDS = 10;
  private static final int MAX_RECEIVE_SIZE = 4 << 20;

  /** A server that comes back is found within this time; gRPC alone takes up to two minutes. */
  private static final long MAX_RECONNECT_SECONDS = 5;

  private final ChannelPool channels;
  private final Channel intercepted;
  private final ScheduledThreadPoolExecutor timer;
  private final Set<AccessTokenSource> sources = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  Connection(
      Address address,
      boolean insecure,
      ChannelCredentials tls,
      String serverName,
      List<ClientInterceptor> interceptors) {
    ChannelCredentials credentials = insecure ? InsecureChannelCredentials.create() : tls;
    channels = new ChannelPool(() -> newChannel(address, credentials, serverName));
    intercepted = ClientInterceptors.intercept(channels, interceptors);
    timer =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread thread = new Thread(task, "wxident-timer");
              thread.setDaemon(true);
              return thread;
            });
    timer.setRemoveOnCancelPolicy(true);
    timer.scheduleWithFixedDelay(
        channels::resetConnectBackoff,
        MAX_RECONNECT_SECONDS,
        MAX_RECONNECT_SECONDS,
        TimeUnit.SECONDS);
  }

  private static ManagedChannel newChannel(
      Address address, ChannelCredentials credentials, String serverName) {
    ManagedChannelBuilder<?> builder =
        Grpc.newChannelBuilder(address.target(), credentials)
            .defaultServiceConfig(Contract.serviceConfig())
            .disableServiceConfigLookUp()
            .keepAliveTime(KEEPALIVE_SECONDS, TimeUnit.SECONDS)
            .keepAliveTimeout(KEEPALIVE_TIMEOUT_SECONDS, TimeUnit.SECONDS)
            .keepAliveWithoutCalls(false)
            .maxInboundMessageSize(MAX_RECEIVE_SIZE)
            .userAgent("wxident-java/" + WxidentClient.VERSION);
    if (serverName != null) {
      builder.overrideAuthority(serverName);
    }
    return builder.build();
  }

  Channel channel() {
    return intercepted;
  }

  ScheduledExecutorService timer() {
    return timer;
  }

  <Q, A> A call(MethodDescriptor<Q, A> method, Duration timeout, Q request) {
    try {
      return ClientCalls.blockingUnaryCall(intercepted, method, options(timeout), request);
    } catch (RuntimeException e) {
      throw failed(method, e);
    }
  }

  <Q, A> CompletableFuture<A> callAsync(
      MethodDescriptor<Q, A> method, Duration timeout, Q request) {
    CompletableFuture<A> result = new CompletableFuture<>();
    try {
      ClientCall<Q, A> call = intercepted.newCall(method, options(timeout));
      ClientCalls.asyncUnaryCall(
          call,
          request,
          new StreamObserver<A>() {
            private A response;

            @Override
            public void onNext(A value) {
              response = value;
            }

            @Override
            public void onError(Throwable failure) {
              result.completeExceptionally(failed(method, failure));
            }

            @Override
            public void onCompleted() {
              result.complete(response);
            }
          });
      result.whenComplete(
          (response, failure) -> {
            if (result.isCancelled()) {
              call.cancel("the future was cancelled", null);
            }
          });
    } catch (RuntimeException e) {
      result.completeExceptionally(failed(method, e));
    }
    return result;
  }

  WxidentException failed(MethodDescriptor<?, ?> method, Throwable failure) {
    WxidentException error = WxidentException.of(method.getBareMethodName(), failure);
    if (closed && error.reasonName().isEmpty()) {
      return WxidentException.of(
          method.getBareMethodName(), Code.CANCELLED, "the client is closed; make another one");
    }
    return error;
  }

  private static CallOptions options(Duration timeout) {
    return CallOptions.DEFAULT.withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS);
  }

  /** Closes the source with the client; false: that is closed already. */
  boolean add(AccessTokenSource source) {
    sources.add(source);
    return !closed;
  }

  void remove(AccessTokenSource source) {
    sources.remove(source);
  }

  void close() {
    closed = true;
    sources.forEach(AccessTokenSource::close);
    timer.shutdownNow();
    channels.close();
  }
}
