package dev.wxident.client;

import dev.wxident.v1.IdentityServiceGrpc;
import dev.wxident.v1.WatchAccessTokenRequest;
import dev.wxident.v1.WatchAccessTokenResponse;
import io.grpc.CallOptions;
import io.grpc.Context;
import io.grpc.MethodDescriptor;
import io.grpc.stub.ClientCalls;
import java.util.Iterator;

/**
 * The answers of {@link WxidentClient#watchAccessToken}, each when it comes. {@link #hasNext}
 * waits, and is false when the server ends the stream because it is about to stop. Close it to stop
 * watching; another thread may.
 */
public final class AccessTokenStream
    implements Iterator<WatchAccessTokenResponse>, AutoCloseable {
  private final Connection connection;
  private final MethodDescriptor<?, ?> method;
  private final Context.CancellableContext context;
  private final Iterator<WatchAccessTokenResponse> answers;

  private AccessTokenStream(
      Connection connection,
      MethodDescriptor<?, ?> method,
      Context.CancellableContext context,
      Iterator<WatchAccessTokenResponse> answers) {
    this.connection = connection;
    this.method = method;
    this.context = context;
    this.answers = answers;
  }

  static AccessTokenStream open(Connection connection, WatchAccessTokenRequest request) {
    var method = IdentityServiceGrpc.getWatchAccessTokenMethod();
    Context.CancellableContext context = Context.current().withCancellation();
    Context before = context.attach();
    try {
      Iterator<WatchAccessTokenResponse> answers =
          ClientCalls.blockingServerStreamingCall(
              connection.channel(), method, CallOptions.DEFAULT, request);
      return new AccessTokenStream(connection, method, context, answers);
    } catch (RuntimeException e) {
      context.cancel(null);
      throw connection.failed(method, e);
    } finally {
      context.detach(before);
    }
  }

  /**
   * Waits for the next answer.
   *
   * @return whether there is one
   * @throws WxidentException when the stream breaks
   */
  @Override
  public boolean hasNext() {
    try {
      return answers.hasNext();
    } catch (RuntimeException e) {
      throw connection.failed(method, e);
    }
  }

  /**
   * Waits for the next answer.
   *
   * @return it
   * @throws WxidentException when the stream breaks
   * @throws java.util.NoSuchElementException when the server has ended it
   */
  @Override
  public WatchAccessTokenResponse next() {
    hasNext();
    return answers.next();
  }

  /** Stops watching. */
  @Override
  public void close() {
    context.cancel(null);
  }
}
