package dev.wxident.testing;

import dev.wxident.client.Reason;
import dev.wxident.client.WxidentClient;
import dev.wxident.v1.IdentityServiceGrpc;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

/**
 * A wxident for unit tests: a gRPC server in this process, on a free loopback port, that speaks as
 * the real one does and keeps all in memory.
 *
 * <pre>{@code
 * try (FakeWxident fake = FakeWxident.start()) {
 *   fake.addApp("wx4f4bc4dec97d474b");
 *   FakeUser alice = fake.addUser("wx4f4bc4dec97d474b", "alice");
 *   LoginResponse login = fake.client().login(
 *       LoginRequest.newBuilder()
 *           .setAppId("wx4f4bc4dec97d474b")
 *           .setMiniProgramCode(alice.loginCode())
 *           .build());
 * }
 * }</pre>
 *
 * <p>A person of one name is one user in all apps. Nothing is encrypted, and WeChat is never asked.
 */
public final class FakeWxident implements AutoCloseable {
  private static final Set<String> METHODS =
      IdentityServiceGrpc.getServiceDescriptor().getMethods().stream()
          .map(method -> method.getBareMethodName())
          .collect(Collectors.toUnmodifiableSet());

  private final FakePeople people = new FakePeople();
  private final Map<String, FakeTokens> apps = new ConcurrentHashMap<>();
  private final Map<String, Queue<StatusRuntimeException>> failures = new ConcurrentHashMap<>();
  private final Map<String, AtomicInteger> calls = new ConcurrentHashMap<>();
  private final Queue<WxidentClient> clients = new ConcurrentLinkedQueue<>();
  private final HealthStatusManager health = new HealthStatusManager();
  private final Server server;
  private WxidentClient client;

  private FakeWxident() {
    server =
        NettyServerBuilder.forAddress(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .addService(new FakeIdentityService(this))
            .addService(health.getHealthService())
            .intercept(new Failing())
            .permitKeepAliveTime(10, TimeUnit.SECONDS)
            .build();
    setServing(true);
    try {
      server.start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Starts a server.
   *
   * @return the server; close it in the end
   */
  public static FakeWxident start() {
    return new FakeWxident();
  }

  /**
   * Where the server is, for {@link WxidentClient#builder} with insecure.
   *
   * @return host:port
   */
  public String address() {
    return "127.0.0.1:" + server.getPort();
  }

  /**
   * A client of this server. It is closed with the server.
   *
   * @return the same one at each call
   */
  public synchronized WxidentClient client() {
    if (client == null) {
      client = WxidentClient.builder(address()).insecure(true).build();
      clients.add(client);
    }
    return client;
  }

  /**
   * Configures an app.
   *
   * @param appId of any form
   * @return this
   */
  public FakeWxident addApp(String appId) {
    apps.computeIfAbsent(appId, id -> new FakeTokens());
    return this;
  }

  /**
   * Lets a person use an app. The user appears, as on the real server, with the first login.
   *
   * @param appId an app that was added
   * @param name one person for each name
   * @return the person in this app
   */
  public FakeUser addUser(String appId, String name) {
    tokens(appId);
    return people.add(this, appId, name);
  }

  /**
   * A new login code of a person, who is added when nobody has that name.
   *
   * @param appId an app that was added
   * @param name the person
   * @return the code
   */
  public String loginCode(String appId, String name) {
    return addUser(appId, name).loginCode();
  }

  /**
   * Ends a session, as from another service.
   *
   * @param sessionToken one of its tokens
   */
  public void revoke(String sessionToken) {
    people.revoke(sessionToken);
  }

  /**
   * Ends all sessions of a user.
   *
   * @param userId the user
   */
  public void revokeUser(String userId) {
    people.revokeUser(userId);
  }

  /**
   * Replaces an app's access_token, which those who watch it are told.
   *
   * @param appId an app that was added
   * @return the new one
   */
  public String rotateToken(String appId) {
    return rotateToken(appId, Duration.ofHours(2));
  }

  /**
   * As {@link #rotateToken(String)}, with a life of one's own.
   *
   * @param appId an app that was added
   * @param life how long the new one lives
   * @return the new one
   */
  public String rotateToken(String appId, Duration life) {
    return tokens(appId).rotate(life);
  }

  /** Ends all WatchAccessToken streams with OK, as a server that is about to stop. */
  public void endWatches() {
    apps.values().forEach(FakeTokens::endWatches);
  }

  /**
   * How many watch an app's access_token.
   *
   * @param appId an app that was added
   * @return their number
   */
  public int watchers(String appId) {
    return tokens(appId).watchers();
  }

  /**
   * Fails the next call of an RPC, which the client does not repeat by itself. Calls of this line
   * up.
   *
   * @param rpc such as {@code Login}
   * @param reason why
   */
  public void failNext(String rpc, Reason reason) {
    failNext(rpc, reason, Map.of(), null);
  }

  /**
   * As {@link #failNext(String, Reason)}, with more about it.
   *
   * @param rpc such as {@code Login}
   * @param reason why
   * @param metadata such as {@code errcode}
   * @param retryAfter how long to wait; null when the server does not say
   */
  public void failNext(
      String rpc, Reason reason, Map<String, String> metadata, Duration retryAfter) {
    failNext(rpc, FakeFailure.asked(reason, metadata, retryAfter));
  }

  /**
   * Fails the next call of an RPC with any status and trailers; without grpc-retry-pushback-ms the
   * client may repeat it.
   *
   * @param rpc such as {@code Login}
   * @param failure what the call ends with
   */
  public void failNext(String rpc, StatusRuntimeException failure) {
    if (!METHODS.contains(rpc)) {
      throw new IllegalArgumentException("there is no RPC " + rpc + "; there are " + METHODS);
    }
    Queue<StatusRuntimeException> queue =
        failures.computeIfAbsent(rpc, name -> new ArrayDeque<>());
    synchronized (queue) {
      queue.add(failure);
    }
  }

  /**
   * How often an RPC was called, tries that failed included.
   *
   * @param rpc such as {@code Login}
   * @return the number
   */
  public int calls(String rpc) {
    AtomicInteger count = calls.get(rpc);
    return count == null ? 0 : count.get();
  }

  /**
   * What the health service says of wxident.
   *
   * @param serving false: as a server that is about to stop
   */
  public void setServing(boolean serving) {
    ServingStatus status = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
    health.setStatus("", status);
    health.setStatus(IdentityServiceGrpc.SERVICE_NAME, status);
  }

  /** Stops the server and closes its client. */
  @Override
  public void close() {
    clients.forEach(WxidentClient::close);
    server.shutdownNow();
    try {
      server.awaitTermination(5, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  FakePeople people() {
    return people;
  }

  boolean hasApp(String appId) {
    return apps.containsKey(appId);
  }

  FakeTokens tokens(String appId) {
    FakeTokens tokens = apps.get(appId);
    if (tokens == null) {
      throw new IllegalArgumentException("there is no app " + appId + "; call addApp first");
    }
    return tokens;
  }

  /** Counts calls, and fails those that are to fail. */
  private final class Failing implements ServerInterceptor {
    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
      String rpc = call.getMethodDescriptor().getBareMethodName();
      if (IdentityServiceGrpc.SERVICE_NAME.equals(call.getMethodDescriptor().getServiceName())) {
        calls.computeIfAbsent(rpc, name -> new AtomicInteger()).incrementAndGet();
        Queue<StatusRuntimeException> queue = failures.get(rpc);
        StatusRuntimeException failure = null;
        if (queue != null) {
          synchronized (queue) {
            failure = queue.poll();
          }
        }
        if (failure != null) {
          Metadata trailers = new Metadata();
          if (failure.getTrailers() != null) {
            trailers.merge(failure.getTrailers());
          }
          call.close(failure.getStatus(), trailers);
          return new ServerCall.Listener<Q>() {};
        }
      }
      return next.startCall(call, headers);
    }
  }
}
