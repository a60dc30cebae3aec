package dev.wxident.client;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import java.util.function.Supplier;

/** Sends the current trace context with each call. */
final class TraceInterceptor implements ClientInterceptor {
  private static final Metadata.Key<String> TRACEPARENT =
      Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER);
  private static final Metadata.Key<String> TRACESTATE =
      Metadata.Key.of("tracestate", Metadata.ASCII_STRING_MARSHALLER);

  private final Supplier<TraceContext> current;

  TraceInterceptor(Supplier<TraceContext> current) {
    this.current = current;
  }

  @Override
  public <Q, A> ClientCall<Q, A> interceptCall(
      MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
    return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
      @Override
      public void start(Listener<A> listener, Metadata headers) {
        TraceContext trace = current.get();
        if (trace != null) {
          headers.put(TRACEPARENT, trace.traceparent());
          if (trace.tracestate() != null) {
            headers.put(TRACESTATE, trace.tracestate());
          }
        }
        super.start(listener, headers);
      }
    };
  }
}
