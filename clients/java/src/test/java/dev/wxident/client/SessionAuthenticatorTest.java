package dev.wxident.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Timestamp;
import dev.wxident.testing.FakeWxident;
import dev.wxident.v1.Session;
import dev.wxident.v1.User;
import dev.wxident.v1.ValidateSessionResponse;
import io.grpc.Context;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class SessionAuthenticatorTest {
  private final ManualTimer time = new ManualTimer();
  private final List<String> asked = new ArrayList<>();
  private final List<Boolean> strongly = new ArrayList<>();
  private CompletableFuture<ValidateSessionResponse> answer =
      CompletableFuture.completedFuture(active("alice", Duration.ofDays(1)));

  private ValidateSessionResponse active(String userId, Duration life) {
    return ValidateSessionResponse.newBuilder()
        .setActive(true)
        .setSession(
            Session.newBuilder()
                .setUser(User.newBuilder().setUserId(userId))
                .setExpireTime(
                    Timestamp.newBuilder()
                        .setSeconds(time.instant().plus(life).getEpochSecond())
                        .setNanos(time.instant().plus(life).getNano())))
        .build();
  }

  private SessionAuthenticator authenticator(boolean strong) {
    return new SessionAuthenticator(
        new SessionAuthenticator.Builder(null).strong(strong),
        (token, fromDatabase) -> {
          asked.add(token);
          strongly.add(fromDatabase);
          return answer;
        },
        time);
  }

  private static Reason failure(CompletableFuture<Session> future) {
    CompletionException e = assertThrows(CompletionException.class, future::join);
    return ((WxidentException) e.getCause()).reason();
  }

  @Test
  void anActiveSessionIsRememberedForASecond() {
    SessionAuthenticator authenticator = authenticator(false);
    assertEquals("alice", authenticator.authenticate("t").getUser().getUserId());
    time.pass(Duration.ofMillis(999));
    authenticator.authenticate("t");
    assertEquals(List.of("t"), asked);
    time.pass(Duration.ofMillis(1));
    authenticator.authenticate("t");
    assertEquals(List.of("t", "t"), asked);
    assertEquals(List.of(false, false), strongly);
  }

  @Test
  void theSecondBeginsWithTheQuestion() {
    SessionAuthenticator authenticator = authenticator(false);
    answer = new CompletableFuture<>();
    CompletableFuture<Session> session = authenticator.authenticateAsync("t");
    time.pass(Duration.ofMillis(900));
    answer.complete(active("alice", Duration.ofDays(1)));
    session.join();
    time.pass(Duration.ofMillis(100));
    authenticator.authenticate("t");
    assertEquals(2, asked.size());
  }

  @Test
  void aSessionIsNotRememberedBeyondItsEnd() {
    SessionAuthenticator authenticator = authenticator(false);
    answer = CompletableFuture.completedFuture(active("alice", Duration.ofMillis(300)));
    authenticator.authenticate("t");
    time.pass(Duration.ofMillis(300));
    authenticator.authenticate("t");
    assertEquals(2, asked.size());
  }

  @Test
  void aNoIsNotRemembered() {
    SessionAuthenticator authenticator = authenticator(false);
    answer = CompletableFuture.completedFuture(ValidateSessionResponse.getDefaultInstance());
    assertEquals(Reason.SESSION_NOT_ACTIVE, failure(authenticator.authenticateAsync("t")));
    answer = CompletableFuture.completedFuture(active("alice", Duration.ofDays(1)));
    authenticator.authenticate("t");
    assertEquals(2, asked.size());
  }

  @Test
  void notHavingAskedIsNoNo() {
    SessionAuthenticator authenticator = authenticator(false);
    answer =
        CompletableFuture.failedFuture(
            WxidentException.of("ValidateSession", Reason.STORE_UNAVAILABLE, "no database"));
    assertEquals(Reason.STORE_UNAVAILABLE, failure(authenticator.authenticateAsync("t")));
    WxidentException e =
        assertThrows(WxidentException.class, () -> authenticator.authenticate("t"));
    assertEquals(Reason.STORE_UNAVAILABLE, e.reason());
    assertEquals(2, asked.size());
  }

  @Test
  void oneCallForAllWhoAskAtOnce() {
    SessionAuthenticator authenticator = authenticator(false);
    answer = new CompletableFuture<>();
    CompletableFuture<Session> one = authenticator.authenticateAsync("t");
    CompletableFuture<Session> two = authenticator.authenticateAsync("t");
    CompletableFuture<Session> other = authenticator.authenticateAsync("u");
    assertEquals(List.of("t", "u"), asked);
    // One who gives up takes nothing away from the others.
    one.cancel(false);
    answer.complete(active("alice", Duration.ofDays(1)));
    assertSame(two.join(), other.join());
  }

  @Test
  void strongAsksTheDatabaseEachTime() {
    SessionAuthenticator authenticator = authenticator(true);
    authenticator.authenticate("t");
    authenticator.authenticate("t");
    assertEquals(List.of(true, true), strongly);
    assertEquals(0, authenticator.cached());
  }

  @Test
  void theCacheHasAnEnd() {
    SessionAuthenticator authenticator = authenticator(false);
    for (int i = 0; i < SessionAuthenticator.CACHE_SIZE + 10; i++) {
      authenticator.authenticate("t" + i);
    }
    assertEquals(SessionAuthenticator.CACHE_SIZE, authenticator.cached());
    int before = asked.size();
    authenticator.authenticate("t" + before / 2);
    assertEquals(before, asked.size());
    authenticator.authenticate("t0");
    assertEquals(before + 1, asked.size());
    time.pass(Duration.ofSeconds(2));
    authenticator.authenticate("new");
    assertEquals(1, authenticator.cached());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "a b", "\u00e9", "a,b", "a\"b"})
  void whatIsNoTokenIsNotAskedFor(String token) {
    SessionAuthenticator authenticator = authenticator(false);
    assertEquals(Reason.SESSION_NOT_ACTIVE, failure(authenticator.authenticateAsync(token)));
    assertEquals(
        Reason.SESSION_NOT_ACTIVE, failure(authenticator.authenticateAsync("a".repeat(513))));
    assertTrue(asked.isEmpty());
  }

  @Test
  void bearerTokens() {
    assertEquals(Optional.of("t"), SessionAuthenticator.bearerToken("Bearer t"));
    assertEquals(Optional.of("t"), SessionAuthenticator.bearerToken("bEARER  t "));
    for (String other : new String[] {null, "", "Bearer", "Bearer ", "Basic t", "Bearert"}) {
      assertEquals(Optional.empty(), SessionAuthenticator.bearerToken(other));
    }
  }

  @Test
  void retryAfterIsRoundedUp() {
    try (FakeWxident fake = FakeWxident.start()) {
      fake.failNext(
          "ValidateSession", Reason.OVERLOADED, java.util.Map.of(), Duration.ofMillis(2100));
      WxidentException e =
          assertThrows(
              WxidentException.class,
              () -> SessionAuthenticator.create(fake.client()).authenticate("t"));
      assertEquals(3, SessionAuthenticator.retryAfterSeconds(e));
      assertEquals(
          1,
          SessionAuthenticator.retryAfterSeconds(
              WxidentException.of("ValidateSession", Reason.STORE_UNAVAILABLE, "no")));
    }
  }

  @Test
  void manyThreadsAskOnceAndRevocationsShow() throws Exception {
    int threads = 64;
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try (FakeWxident fake = FakeWxident.start().addApp("wx1")) {
      String token = Logins.token(fake, "alice");
      // Nobody waits for a second here: time stands still.
      SessionAuthenticator authenticator =
          new SessionAuthenticator(
              new SessionAuthenticator.Builder(null),
              (asking, strong) ->
                  fake.client()
                      .async()
                      .validateSession(
                          dev.wxident.v1.ValidateSessionRequest.newBuilder()
                              .setSessionToken(asking)
                              .build()),
              time);
      CountDownLatch ready = new CountDownLatch(threads);
      List<Future<Session>> sessions = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        sessions.add(
            pool.submit(
                () -> {
                  ready.countDown();
                  ready.await();
                  return authenticator.authenticate(token);
                }));
      }
      for (Future<Session> session : sessions) {
        assertFalse(session.get().getUser().getUserId().isEmpty());
      }
      assertEquals(1, fake.calls("ValidateSession"));
      fake.revoke(token);
      authenticator.authenticate(token);
      time.pass(Duration.ofSeconds(1));
      assertEquals(
          Reason.SESSION_NOT_ACTIVE,
          assertThrows(WxidentException.class, () -> authenticator.authenticate(token)).reason());
    } finally {
      pool.shutdownNow();
    }
  }

  @Test
  void aRequestThatIsGivenUpTakesNothingAway() {
    try (FakeWxident fake = FakeWxident.start();
        Context.CancellableContext gone = Context.current().withCancellation()) {
      gone.cancel(null);
      SessionAuthenticator authenticator = SessionAuthenticator.create(fake.client());
      gone.run(
          () ->
              assertEquals(
                  Reason.SESSION_NOT_ACTIVE,
                  failure(authenticator.authenticateAsync("wxs1_unknown"))));
      assertEquals(1, fake.calls("ValidateSession"));
    }
  }
}
