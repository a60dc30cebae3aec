package dev.wxident.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.wxident.testing.FakeUser;
import dev.wxident.testing.FakeWxident;
import dev.wxident.v1.GetUserRequest;
import dev.wxident.v1.GetUserResponse;
import dev.wxident.v1.IdentityServiceGrpc;
import dev.wxident.v1.User;
import dev.wxident.v1.WatchAccessTokenRequest;
import dev.wxident.v1.WatchAccessTokenResponse;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SessionServerInterceptorTest {
  private FakeWxident fake;
  private FakeUser alice;
  private String token;
  private Server server;
  private ManagedChannel channel;

  /** A service of any kind, that says who called. */
  private static final class WhoAmI extends IdentityServiceGrpc.IdentityServiceImplBase {
    private static String who() {
      return SessionServerInterceptor.session()
          .map(session -> session.getUser().getUserId())
          .orElse("anonymous");
    }

    @Override
    public void getUser(GetUserRequest request, StreamObserver<GetUserResponse> observer) {
      observer.onNext(
          GetUserResponse.newBuilder().setUser(User.newBuilder().setUserId(who())).build());
      observer.onCompleted();
    }

    @Override
    public void watchAccessToken(
        WatchAccessTokenRequest request, StreamObserver<WatchAccessTokenResponse> observer) {
      for (int i = 0; i < 3; i++) {
        observer.onNext(WatchAccessTokenResponse.newBuilder().setAccessToken(who()).build());
      }
      observer.onCompleted();
    }
  }

  @BeforeEach
  void start() {
    fake = FakeWxident.start().addApp("wx1");
    alice = fake.addUser("wx1", "alice");
    token = Logins.token(fake, "alice");
  }

  @AfterEach
  void stop() {
    channel.shutdownNow();
    server.shutdownNow();
    fake.close();
  }

  private void serve(SessionAuthenticator authenticator) throws Exception {
    String name = UUID.randomUUID().toString();
    server =
        InProcessServerBuilder.forName(name)
            .intercept(new SessionServerInterceptor(authenticator))
            .addService(new WhoAmI())
            .build()
            .start();
    channel = InProcessChannelBuilder.forName(name).build();
  }

  private IdentityServiceGrpc.IdentityServiceBlockingStub stub(String authorization) {
    var stub = IdentityServiceGrpc.newBlockingStub(channel);
    if (authorization == null) {
      return stub;
    }
    Metadata metadata = new Metadata();
    metadata.put(
        Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), authorization);
    return stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata));
  }

  private String who(String authorization) {
    return stub(authorization).getUser(GetUserRequest.getDefaultInstance()).getUser().getUserId();
  }

  private Code refusal(String authorization) {
    return assertThrows(StatusRuntimeException.class, () -> who(authorization))
        .getStatus()
        .getCode();
  }

  @Test
  void anActiveSessionPasses() throws Exception {
    serve(SessionAuthenticator.create(fake.client()));
    assertEquals(alice.userId(), who("Bearer " + token));
    // From memory.
    assertEquals(alice.userId(), who("bearer " + token));
  }

  @Test
  void streamsToo() throws Exception {
    serve(SessionAuthenticator.builder(fake.client()).strong(true).build());
    Iterator<WatchAccessTokenResponse> answers =
        stub("Bearer " + token).watchAccessToken(WatchAccessTokenRequest.getDefaultInstance());
    List<String> all = new ArrayList<>();
    answers.forEachRemaining(answer -> all.add(answer.getAccessToken()));
    assertEquals(List.of(alice.userId(), alice.userId(), alice.userId()), all);
  }

  @Test
  void noSessionIsUnauthenticated() throws Exception {
    serve(SessionAuthenticator.create(fake.client()));
    assertEquals(Code.UNAUTHENTICATED, refusal(null));
    assertEquals(Code.UNAUTHENTICATED, refusal("Basic YTpi"));
    assertEquals(Code.UNAUTHENTICATED, refusal("Bearer wxs1_unknown"));
  }

  @Test
  void notHavingAskedIsUnavailable() throws Exception {
    serve(SessionAuthenticator.create(fake.client()));
    fake.failNext("ValidateSession", Reason.STORE_UNAVAILABLE);
    assertEquals(Code.UNAVAILABLE, refusal("Bearer " + token));
    fake.failNext("ValidateSession", Reason.TAMPERED);
    assertEquals(Code.UNAVAILABLE, refusal("Bearer " + token));
  }

  @Test
  void anonymousCallsMayPass() throws Exception {
    serve(SessionAuthenticator.builder(fake.client()).anonymous(true).build());
    assertEquals("anonymous", who(null));
    assertEquals(alice.userId(), who("Bearer " + token));
    assertEquals(Code.UNAUTHENTICATED, refusal("Bearer wxs1_unknown"));
  }

  @Test
  void manyAtOnceKeepTheirOwnSession() throws Exception {
    serve(SessionAuthenticator.builder(fake.client()).strong(true).build());
    String other = Logins.token(fake, "bob");
    String bob = fake.addUser("wx1", "bob").userId();
    ExecutorService pool = Executors.newFixedThreadPool(16);
    try {
      List<Future<String>> calls = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        String mine = i % 2 == 0 ? token : other;
        calls.add(pool.submit(() -> who("Bearer " + mine)));
      }
      for (int i = 0; i < 200; i++) {
        assertEquals(i % 2 == 0 ? alice.userId() : bob, calls.get(i).get());
      }
    } finally {
      pool.shutdownNow();
    }
  }
}
