package dev.wxident.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.wxident.v1.GetUserRequest;
import dev.wxident.v1.GetUserResponse;
import dev.wxident.v1.IdentityServiceGrpc;
import dev.wxident.v1.WatchAccessTokenRequest;
import dev.wxident.v1.WatchAccessTokenResponse;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class ChannelPoolTest {
  /** More than a connection takes. */
  private static final int MANY = 300;

  private final HoldingService service = new HoldingService();
  private final Set<SocketAddress> connections = ConcurrentHashMap.newKeySet();
  private Server server;
  private WxidentClient client;

  /** The server takes 100 streams on a connection, fewer than wxident, and as proxies often do. */
  @BeforeEach
  void start() throws Exception {
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .maxConcurrentCallsPerConnection(100)
            .intercept(
                new ServerInterceptor() {
                  @Override
                  public <Q, A> ServerCall.Listener<Q> interceptCall(
                      ServerCall<Q, A> call, Metadata metadata, ServerCallHandler<Q, A> next) {
                    connections.add(call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR));
                    return next.startCall(call, metadata);
                  }
                })
            .addService(service)
            .build()
            .start();
    client = builder().build();
  }

  private WxidentClient.Builder builder() {
    return WxidentClient.builder("127.0.0.1:" + server.getPort())
        .insecure(true)
        .timeout(Duration.ofMinutes(1));
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.shutdownNow().awaitTermination();
  }

  /** No call waits for another one to end; and connections are used again. */
  @Test
  void moreUnaryCallsAtOnceThanAConnectionTakes() throws Exception {
    for (int round = 0; round < 3; round++) {
      List<CompletableFuture<GetUserResponse>> calls = new ArrayList<>();
      for (int i = 0; i < MANY; i++) {
        calls.add(client.async().getUser(GetUserRequest.getDefaultInstance()));
      }
      service.awaitCalls(MANY);
      service.answerAll();
      for (CompletableFuture<GetUserResponse> call : calls) {
        call.get();
      }
    }
    assertEquals(4, connections.size());
  }

  @Test
  void moreStreamsAtOnceThanAConnectionTakes() throws Exception {
    for (int round = 0; round < 3; round++) {
      Semaphore ended = new Semaphore(0);
      List<AsyncWxidentClient.Watch> watches = new ArrayList<>();
      for (int i = 0; i < MANY; i++) {
        watches.add(
            client
                .async()
                .watchAccessToken(
                    WatchAccessTokenRequest.getDefaultInstance(), new EndOfStream(ended)));
      }
      service.awaitCalls(MANY);
      // Half of them is left, the others end.
      watches.subList(0, MANY / 2).forEach(AsyncWxidentClient.Watch::close);
      service.answerAll();
      assertTrue(ended.tryAcquire(MANY, 1, TimeUnit.MINUTES));
    }
    assertEquals(4, connections.size());
  }

  @Test
  void callsThatDoNotStartTakeNoRoom() throws Exception {
    client.close();
    boolean[] broken = {true};
    client =
        builder()
            .traceContext(
                () -> {
                  if (broken[0]) {
                    throw new IllegalStateException("no trace");
                  }
                  return null;
                })
            .build();
    for (int i = 0; i < MANY; i++) {
      assertThrows(
          WxidentException.class, () -> client.getUser(GetUserRequest.getDefaultInstance()));
    }
    broken[0] = false;
    CompletableFuture<GetUserResponse> first =
        client.async().getUser(GetUserRequest.getDefaultInstance());
    service.awaitCalls(1);
    assertEquals(1, connections.size());
    service.answerAll();
    first.get();
  }

  /** With all channels full, calls are spread over them, and no further ones are opened. */
  @Test
  void thereAreSixteenConnectionsAtMost() throws Exception {
    int all = ChannelPool.FULL * ChannelPool.MAX_CHANNELS;
    List<CompletableFuture<GetUserResponse>> calls = new ArrayList<>();
    for (int i = 0; i < all + 2 * ChannelPool.MAX_CHANNELS; i++) {
      calls.add(client.async().getUser(GetUserRequest.getDefaultInstance()));
    }
    service.awaitCalls(calls.size());
    assertEquals(ChannelPool.MAX_CHANNELS, connections.size());
    service.answerAll();
    for (CompletableFuture<GetUserResponse> call : calls) {
      call.get();
    }
  }

  /** Answers no call before it is told to. */
  private static final class HoldingService extends IdentityServiceGrpc.IdentityServiceImplBase {
    private final Semaphore arrived = new Semaphore(0);
    private final BlockingQueue<Runnable> answers = new LinkedBlockingQueue<>();

    @Override
    public void getUser(GetUserRequest request, StreamObserver<GetUserResponse> observer) {
      answers.add(
          () -> {
            observer.onNext(GetUserResponse.getDefaultInstance());
            observer.onCompleted();
          });
      arrived.release();
    }

    @Override
    public void watchAccessToken(
        WatchAccessTokenRequest request, StreamObserver<WatchAccessTokenResponse> observer) {
      // The client may have left.
      ((ServerCallStreamObserver<WatchAccessTokenResponse>) observer).setOnCancelHandler(() -> {});
      answers.add(observer::onCompleted);
      arrived.release();
    }

    void awaitCalls(int number) throws InterruptedException {
      assertTrue(
          arrived.tryAcquire(number, 1, TimeUnit.MINUTES),
          () -> "only " + arrived.availablePermits() + " of " + number + " calls came");
    }

    void answerAll() {
      for (Runnable answer = answers.poll(); answer != null; answer = answers.poll()) {
        answer.run();
      }
    }
  }

  private record EndOfStream(Semaphore ended) implements StreamObserver<WatchAccessTokenResponse> {
    @Override
    public void onNext(WatchAccessTokenResponse response) {}

    @Override
    public void onError(Throwable failure) {
      ended.release();
    }

    @Override
    public void onCompleted() {
      ended.release();
    }
  }
}
