package dev.wxident.client;

import dev.wxident.v1.Session;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * Lets calls with an active session pass. The service finds it in {@link #SESSION}. All others end:
 * UNAUTHENTICATED where there is no token or it is not active, UNAVAILABLE where the server could
 * not be asked. No thread waits meanwhile.
 */
public final class SessionServerInterceptor implements ServerInterceptor {
  /** The session of the current call; null when it is anonymous. */
  public static final Context.Key<Session> SESSION = Context.key("dev.wxident.session");

  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final SessionAuthenticator authenticator;

  /**
   * An interceptor, for a server or one of its services.
   *
   * @param authenticator finds the sessions
   */
  public SessionServerInterceptor(SessionAuthenticator authenticator) {
    this.authenticator = authenticator;
  }

  /**
   * The session of the current call.
   *
   * @return the session; none when the call is anonymous
   */
  public static Optional<Session> session() {
    return Optional.ofNullable(SESSION.get());
  }

  @Override
  public <Q, A> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
    Optional<String> token = SessionAuthenticator.bearerToken(headers.get(AUTHORIZATION));
    Context context = Context.current();
    if (token.isEmpty() && authenticator.anonymous()) {
      return Contexts.interceptCall(context.withValue(SESSION, null), call, headers, next);
    }
    CompletableFuture<Session> session = authenticator.authenticateAsync(token.orElse(""));
    PendingListener<Q> listener = new PendingListener<>();
    session.whenComplete(
        (found, failure) -> {
          if (failure != null) {
            call.close(refusal(failure), new Metadata());
            listener.resolve(new ServerCall.Listener<Q>() {});
            return;
          }
          try {
            listener.resolve(
                Contexts.interceptCall(context.withValue(SESSION, found), call, headers, next));
          } catch (RuntimeException e) {
            call.close(
                Status.UNKNOWN.withDescription("the service failed").withCause(e), new Metadata());
            listener.resolve(new ServerCall.Listener<Q>() {});
          }
        });
    return listener;
  }

  private static Status refusal(Throwable failure) {
    WxidentException error = WxidentException.of("ValidateSession", failure);
    return error.reason() == Reason.SESSION_NOT_ACTIVE
        ? Status.UNAUTHENTICATED.withDescription("no active session; log in and send its token")
        : Status.UNAVAILABLE.withDescription("the session could not be checked; try again");
  }

  /** Keeps what happens in order until it is known who hears of it. */
  private static final class PendingListener<Q> extends ServerCall.Listener<Q> {
    private final Queue<Consumer<ServerCall.Listener<Q>>> waiting = new ArrayDeque<>();
    private ServerCall.Listener<Q> resolved;
    private boolean draining;

    void resolve(ServerCall.Listener<Q> listener) {
      synchronized (this) {
        resolved = listener;
      }
      drain();
    }

    private void hear(Consumer<ServerCall.Listener<Q>> what) {
      synchronized (this) {
        waiting.add(what);
      }
      drain();
    }

    /** One thread at a time; each leaves only when nothing waits. */
    private void drain() {
      while (true) {
        Consumer<ServerCall.Listener<Q>> next;
        synchronized (this) {
          if (draining || resolved == null || waiting.isEmpty()) {
            return;
          }
          draining = true;
          next = waiting.remove();
        }
        try {
          next.accept(resolved);
        } finally {
          synchronized (this) {
            draining = false;
          }
        }
      }
    }

    @Override
    public void onMessage(Q message) {
      hear(listener -> listener.onMessage(message));
    }

    @Override
    public void onHalfClose() {
      hear(ServerCall.Listener::onHalfClose);
    }

    @Override
    public void onCancel() {
      hear(ServerCall.Listener::onCancel);
    }

    @Override
    public void onComplete() {
      hear(ServerCall.Listener::onComplete);
    }

    @Override
    public void onReady() {
      hear(ServerCall.Listener::onReady);
    }
  }
}
