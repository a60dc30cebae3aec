package dev.wxident.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Message;
import dev.wxident.testing.FakeUser;
import dev.wxident.testing.FakeWxident;
import dev.wxident.v1.GetUserRequest;
import dev.wxident.v1.IdentityServiceGrpc;
import dev.wxident.v1.LoginRequest;
import dev.wxident.v1.ValidateSessionRequest;
import dev.wxident.v1.ValidateSessionResponse;
import dev.wxident.v1.WatchAccessTokenRequest;
import dev.wxident.v1.WatchAccessTokenResponse;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.lang.reflect.Method;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(60)
class CallsTest {
  private static final String APP = "wx4f4bc4dec97d474b";

  private FakeWxident fake;

  @BeforeEach
  void start() {
    fake = FakeWxident.start().addApp(APP);
  }

  @AfterEach
  void stop() {
    fake.close();
  }

  private WxidentClient.Builder builder() {
    return WxidentClient.builder(fake.address()).insecure(true);
  }

  private static ValidateSessionRequest unknown() {
    return ValidateSessionRequest.newBuilder().setSessionToken("wxs1_unknown").build();
  }

  private static List<MethodDescriptor<?, ?>> unary() {
    return IdentityServiceGrpc.getServiceDescriptor().getMethods().stream()
        .filter(method -> method.getType() == MethodDescriptor.MethodType.UNARY)
        .<MethodDescriptor<?, ?>>map(method -> method)
        .toList();
  }

  private static Object invoke(Object client, MethodDescriptor<?, ?> rpc) throws Exception {
    Message request = request(rpc);
    String name = rpc.getBareMethodName();
    Method method =
        client
            .getClass()
            .getMethod(name.substring(0, 1).toLowerCase() + name.substring(1), request.getClass());
    return method.invoke(client, request);
  }

  private static Message request(MethodDescriptor<?, ?> rpc) throws Exception {
    return (Message)
        Class.forName("dev.wxident.v1." + rpc.getBareMethodName() + "Request")
            .getMethod("getDefaultInstance")
            .invoke(null);
  }

  @Test
  void bothFacesHaveEachUnaryRpcWithItsDeadline() throws Exception {
    Map<String, Long> expected =
        Map.of(
            "ValidateSession", 2000L,
            "RevokeSession", 2000L,
            "RefreshSession", 2000L,
            "GetUser", 2000L,
            "GetAuthorizeUrl", 2000L,
            "BatchGetUsers", 3000L);
    Map<String, Long> seen = new ConcurrentHashMap<>();
    try (WxidentClient client = builder().interceptor(new Deadline(seen)).build()) {
      for (MethodDescriptor<?, ?> rpc : unary()) {
        String name = rpc.getBareMethodName();
        fake.failNext(name, Reason.TAMPERED);
        Exception e = assertThrows(Exception.class, () -> invoke(client, rpc));
        assertEquals(Reason.TAMPERED, ((WxidentException) e.getCause()).reason());
        near(expected.getOrDefault(name, 5000L), seen.remove(name));
        fake.failNext(name, Reason.TAMPERED);
        CompletableFuture<?> future = (CompletableFuture<?>) invoke(client.async(), rpc);
        e = assertThrows(Exception.class, future::get);
        assertEquals(name, ((WxidentException) e.getCause()).method());
        near(expected.getOrDefault(name, 5000L), seen.remove(name));
      }
      assertEquals(13, unary().size());
      client.withTimeout(Duration.ofSeconds(40)).validateSession(unknown());
      near(40_000, seen.remove("ValidateSession"));
    }
    try (WxidentClient client =
        builder().timeout(Duration.ofSeconds(30)).interceptor(new Deadline(seen)).build()) {
      client.async().validateSession(unknown()).join();
      near(30_000, seen.remove("ValidateSession"));
    }
  }

  private static void near(long expected, long seen) {
    assertTrue(seen > expected - 1500 && seen <= expected, seen + " ms, not " + expected);
  }

  /** Notes how much time each call has. */
  private record Deadline(Map<String, Long> seen) implements ClientInterceptor {
    @Override
    public <Q, A> ClientCall<Q, A> interceptCall(
        MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
      seen.put(
          method.getBareMethodName(), options.getDeadline().timeRemaining(TimeUnit.MILLISECONDS));
      return next.newCall(method, options);
    }
  }

  @Test
  void aLoginIsValidatedAndRevoked() {
    FakeUser alice = fake.addUser(APP, "alice");
    WxidentClient client = fake.client();
    LoginRequest request =
        LoginRequest.newBuilder().setAppId(APP).setMiniProgramCode(alice.loginCode()).build();
    String token = client.login(request).getSessionToken();
    assertEquals(token, client.async().login(request).join().getSessionToken());
    ValidateSessionRequest validate =
        ValidateSessionRequest.newBuilder().setSessionToken(token).build();
    assertEquals(
        alice.userId(), client.validateSession(validate).getSession().getUser().getUserId());
    fake.revoke(token);
    assertFalse(client.validateSession(validate).getActive());
  }

  @Test
  void unavailableIsTriedThreeTimes() {
    for (int i = 0; i < 2; i++) {
      fake.failNext("ValidateSession", new StatusRuntimeException(Status.UNAVAILABLE));
    }
    assertFalse(fake.client().validateSession(unknown()).getActive());
    assertEquals(3, fake.calls("ValidateSession"));
  }

  @Test
  void afterThreeTriesItIsUnavailable() {
    for (int i = 0; i < 3; i++) {
      fake.failNext("ValidateSession", new StatusRuntimeException(Status.UNAVAILABLE));
    }
    WxidentException e =
        assertThrows(WxidentException.class, () -> fake.client().validateSession(unknown()));
    assertEquals(Code.UNAVAILABLE, e.code());
    assertTrue(e.getMessage().contains("check the address and TLS settings"), e.getMessage());
    assertEquals(3, fake.calls("ValidateSession"));
  }

  @Test
  void theServersPushbackIsObeyed() {
    Metadata trailers = new Metadata();
    trailers.put(
        Metadata.Key.of("grpc-retry-pushback-ms", Metadata.ASCII_STRING_MARSHALLER), "-1");
    fake.failNext("ValidateSession", new StatusRuntimeException(Status.UNAVAILABLE, trailers));
    assertThrows(WxidentException.class, () -> fake.client().validateSession(unknown()));
    assertEquals(1, fake.calls("ValidateSession"));
  }

  @ParameterizedTest
  @EnumSource(
      value = Code.class,
      names = {"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "UNAUTHENTICATED"})
  void refusalsOfTheCallerAreNotTriedAgain(Code code) {
    fake.failNext("ValidateSession", new StatusRuntimeException(code.toStatus()));
    WxidentException e =
        assertThrows(WxidentException.class, () -> fake.client().validateSession(unknown()));
    assertEquals(code, e.code());
    assertEquals(1, fake.calls("ValidateSession"));
  }

  @Test
  void otherCodesAreNotTriedAgain() {
    fake.failNext("ValidateSession", Reason.TAMPERED);
    fake.failNext("GetUser", new StatusRuntimeException(Status.INTERNAL));
    assertThrows(WxidentException.class, () -> fake.client().validateSession(unknown()));
    assertThrows(
        WxidentException.class,
        () -> fake.client().getUser(GetUserRequest.getDefaultInstance()));
    assertEquals(1, fake.calls("ValidateSession"));
    assertEquals(1, fake.calls("GetUser"));
  }

  @Test
  void headersAreSent() throws Exception {
    BlockingQueue<Metadata> headers = new LinkedBlockingQueue<>();
    ServerInterceptor recorder =
        new ServerInterceptor() {
          @Override
          public <Q, A> ServerCall.Listener<Q> interceptCall(
              ServerCall<Q, A> call, Metadata metadata, ServerCallHandler<Q, A> next) {
            if (call.getMethodDescriptor().getBareMethodName().equals("ValidateSession")) {
              headers.add(metadata);
            }
            return next.startCall(call, metadata);
          }
        };
    Server server = startServer(recorder, true);
    TraceContext[] current = {new TraceContext("00-1-2-01", "k=v")};
    try (WxidentClient client =
        WxidentClient.builder("127.0.0.1:" + server.getPort())
            .insecure(true)
            .traceContext(() -> current[0])
            .build()) {
      client.validateSession(unknown());
      Metadata first = headers.take();
      assertEquals("00-1-2-01", header(first, "traceparent"));
      assertEquals("k=v", header(first, "tracestate"));
      assertTrue(
          header(first, "user-agent").startsWith("wxident-java/" + WxidentClient.VERSION + " "),
          header(first, "user-agent"));
      current[0] = null;
      client.validateSession(unknown());
      assertNull(header(headers.take(), "traceparent"));
    } finally {
      server.shutdownNow();
    }
  }

  private static String header(Metadata metadata, String name) {
    return metadata.get(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER));
  }

  /** A server that answers ValidateSession, or lets it wait. */
  private static Server startServer(ServerInterceptor interceptor, boolean answers)
      throws Exception {
    return NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
        .intercept(interceptor)
        .addService(new ValidateSessionService(answers))
        .build()
        .start();
  }

  private static final ServerInterceptor NOTHING =
      new ServerInterceptor() {
        @Override
        public <Q, A> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, A> call, Metadata metadata, ServerCallHandler<Q, A> next) {
          return next.startCall(call, metadata);
        }
      };

  @Test
  void theDeadlineEndsACall() throws Exception {
    Server server = startServer(NOTHING, false);
    try (WxidentClient client =
        WxidentClient.builder("127.0.0.1:" + server.getPort()).insecure(true).build()) {
      WxidentException e =
          assertThrows(
              WxidentException.class,
              () -> client.withTimeout(Duration.ofMillis(100)).validateSession(unknown()));
      assertEquals(Code.DEADLINE_EXCEEDED, e.code());
      assertEquals(Reason.UNSPECIFIED, e.reason());
      assertTrue(e.getMessage().contains("give the call more time"), e.getMessage());
    } finally {
      server.shutdownNow();
    }
  }

  @Test
  void cancellingTheFutureCancelsTheCall() throws Exception {
    CountDownLatch cancelled = new CountDownLatch(1);
    CountDownLatch begun = new CountDownLatch(1);
    ServerInterceptor tell =
        new ServerInterceptor() {
          @Override
          public <Q, A> ServerCall.Listener<Q> interceptCall(
              ServerCall<Q, A> call, Metadata metadata, ServerCallHandler<Q, A> next) {
            ServerCall.Listener<Q> listener = next.startCall(call, metadata);
            if (!call.getMethodDescriptor().getBareMethodName().equals("ValidateSession")) {
              return listener;
            }
            begun.countDown();
            return new SimpleForwardingServerCallListener<>(listener) {
              @Override
              public void onCancel() {
                cancelled.countDown();
                super.onCancel();
              }
            };
          }
        };
    Server server = startServer(tell, false);
    try (WxidentClient client =
        WxidentClient.builder("127.0.0.1:" + server.getPort())
            .insecure(true)
            .timeout(Duration.ofSeconds(50))
            .build()) {
      CompletableFuture<ValidateSessionResponse> future =
          client.async().validateSession(unknown());
      begun.await();
      future.cancel(false);
      assertTrue(cancelled.await(20, TimeUnit.SECONDS));
    } finally {
      server.shutdownNow();
    }
  }

  @Test
  void aClosedClientSaysSo() {
    WxidentClient client = builder().build();
    client.close();
    WxidentException e =
        assertThrows(WxidentException.class, () -> client.validateSession(unknown()));
    assertEquals(Code.CANCELLED, e.code());
    assertTrue(e.getMessage().contains("the client is closed"), e.getMessage());
  }

  @Test
  void watchingGivesEachToken() {
    String first =
        fake.client()
            .getAccessToken(
                dev.wxident.v1.GetAccessTokenRequest.newBuilder().setAppId(APP).build())
            .getAccessToken();
    try (AccessTokenStream stream =
        fake.client()
            .watchAccessToken(WatchAccessTokenRequest.newBuilder().setAppId(APP).build())) {
      assertEquals(first, stream.next().getAccessToken());
      String second = fake.rotateToken(APP);
      assertTrue(stream.hasNext());
      assertEquals(second, stream.next().getAccessToken());
      fake.endWatches();
      assertFalse(stream.hasNext());
    }
  }

  @Test
  void watchingWhatIsNotThereFails() throws Exception {
    WatchAccessTokenRequest request =
        WatchAccessTokenRequest.newBuilder().setAppId("wx-none").build();
    try (AccessTokenStream stream = fake.client().watchAccessToken(request)) {
      assertEquals(
          Reason.APP_UNKNOWN, assertThrows(WxidentException.class, stream::hasNext).reason());
    }
    CompletableFuture<Throwable> failure = new CompletableFuture<>();
    fake.client()
        .async()
        .watchAccessToken(
            request,
            new StreamObserver<WatchAccessTokenResponse>() {
              @Override
              public void onNext(WatchAccessTokenResponse response) {
                failure.complete(null);
              }

              @Override
              public void onError(Throwable error) {
                failure.complete(error);
              }

              @Override
              public void onCompleted() {
                failure.complete(null);
              }
            });
    assertEquals(Reason.APP_UNKNOWN, ((WxidentException) failure.get()).reason());
  }
}
