package dev.wxident.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.wxident.testing.FakeWxident;
import io.grpc.Status.Code;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class AccessTokenSourceTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(5);
  private static final String APP = "wx0a1b2c3d4e5f6071";

  /** Streams and fetches that the test answers. */
  private static final class Api implements TokenApi {
    private final List<Watcher> watchers = new ArrayList<>();
    private final List<CompletableFuture<AccessToken>> fetches = new ArrayList<>();
    private final List<String> rejected = new ArrayList<>();
    private int closed;

    @Override
    public AsyncWxidentClient.Watch watch(String appId, Watcher watcher) {
      assertEquals(APP, appId);
      watchers.add(watcher);
      return () -> closed++;
    }

    @Override
    public CompletableFuture<AccessToken> fetch(String appId, String refused) {
      assertEquals(APP, appId);
      rejected.add(refused);
      CompletableFuture<AccessToken> future = new CompletableFuture<>();
      fetches.add(future);
      return future;
    }

    Watcher watcher() {
      return watchers.get(watchers.size() - 1);
    }

    CompletableFuture<AccessToken> fetch() {
      return fetches.get(fetches.size() - 1);
    }
  }

  private final Api api = new Api();
  private final ManualTimer time = new ManualTimer();
  private int closes;
  private AccessTokenSource source;

  @BeforeEach
  void open() {
    source = new AccessTokenSource(APP, api, time, time, () -> 1.0, () -> closes++);
    source.open();
  }

  private AccessToken token(String value, long generation) {
    return token(value, generation, Duration.ofHours(2));
  }

  private AccessToken token(String value, long generation, Duration life) {
    return new AccessToken(value, time.instant().plus(life), generation);
  }

  private static WxidentException unavailable() {
    return WxidentException.of("GetAccessToken", Reason.STORE_UNAVAILABLE, "no");
  }

  private static WxidentException failure(CompletableFuture<?> future) {
    return (WxidentException) assertThrows(CompletionException.class, future::join).getCause();
  }

  @Test
  void theStreamBringsTheFirstToken() {
    CompletableFuture<AccessToken> waiting = source.getAsync();
    assertFalse(waiting.isDone());
    api.watcher().onToken(token("a", 1));
    assertEquals("a", waiting.join().value());
    api.watcher().onToken(token("b", 2));
    assertEquals("b", source.get().value());
    assertTrue(api.fetches.isEmpty());
  }

  @Test
  void aSlowStreamIsNotWaitedForLong() {
    CompletableFuture<AccessToken> one = source.getAsync();
    CompletableFuture<AccessToken> two = source.getAsync();
    time.pass(Duration.ofMillis(499));
    assertTrue(api.fetches.isEmpty());
    time.pass(Duration.ofMillis(1));
    assertEquals(List.of(""), api.rejected);
    api.fetch().complete(token("a", 1));
    assertEquals("a", one.join().value());
    assertEquals("a", two.join().value());
  }

  @Test
  void aBrokenStreamIsOpenedAgainLaterAndLater() {
    List<Long> delays = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      api.watcher().onEnd();
      delays.add(time.next().toMillis());
      time.pass(time.next());
    }
    assertEquals(List.of(100L, 200L, 400L, 800L, 1600L, 3200L, 5000L, 5000L), delays);
    assertEquals(9, api.watchers.size());
    api.watcher().onToken(token("a", 1));
    api.watcher().onEnd();
    assertEquals(100, time.next().toMillis());
  }

  @Test
  void withoutAStreamAnExpiringTokenIsAskedForAgain() {
    api.watcher().onToken(token("a", 1, Duration.ofSeconds(100)));
    api.watcher().onEnd();
    assertEquals("a", source.get().value());
    time.pass(Duration.ofMillis(100));
    api.watcher().onEnd();
    time.pass(Duration.ofSeconds(41));
    api.watcher().onEnd();
    CompletableFuture<AccessToken> one = source.getAsync();
    CompletableFuture<AccessToken> two = source.getAsync();
    assertEquals(List.of(""), api.rejected);
    api.fetch().complete(token("b", 2));
    assertEquals("b", one.join().value());
    assertEquals("b", two.join().value());
    assertEquals("b", source.get().value());
  }

  @Test
  void whatIsLeftOfATokenIsUsedWhenThereIsNoOther() {
    api.watcher().onToken(token("a", 1, Duration.ofSeconds(30)));
    assertEquals("a", source.get().value());
    api.watcher().onEnd();
    CompletableFuture<AccessToken> waiting = source.getAsync();
    api.fetch().completeExceptionally(unavailable());
    assertEquals("a", waiting.join().value());
  }

  @Test
  void anExpiredTokenIsNeverGiven() {
    api.watcher().onToken(token("a", 1, Duration.ofSeconds(30)));
    time.pass(Duration.ofSeconds(30));
    CompletableFuture<AccessToken> waiting = source.getAsync();
    assertFalse(waiting.isDone());
    api.fetch().complete(token("b", 2));
    assertEquals("b", waiting.join().value());
  }

  @Test
  void unavailableIsWaitedOutAndThenTold() {
    CompletableFuture<AccessToken> lucky = source.getAsync(Duration.ofSeconds(10));
    CompletableFuture<AccessToken> waiting = source.getAsync(TIMEOUT);
    api.watcher().onEnd();
    WxidentException error = unavailable();
    api.fetch().completeExceptionally(error);
    assertFalse(waiting.isDone());
    time.pass(TIMEOUT);
    assertSame(error, failure(waiting));
    api.watcher().onToken(token("a", 1));
    assertEquals("a", lucky.join().value());
  }

  @Test
  void otherErrorsAreToldAtOnce() {
    CompletableFuture<AccessToken> waiting = source.getAsync();
    api.watcher().onEnd();
    WxidentException error =
        WxidentException.of("GetAccessToken", Reason.APP_UNKNOWN, "check the id");
    api.fetch().completeExceptionally(error);
    assertSame(error, failure(waiting));
  }

  @Test
  void theCallersDeadlineEnds() {
    CompletableFuture<AccessToken> waiting = source.getAsync(Duration.ofMillis(200));
    time.pass(Duration.ofMillis(200));
    assertEquals(Code.DEADLINE_EXCEEDED, failure(waiting).code());
    CompletableFuture<AccessToken> report =
        source.reportRejectedAsync("a", Duration.ofMillis(200));
    time.pass(Duration.ofMillis(200));
    assertEquals(Code.DEADLINE_EXCEEDED, failure(report).code());
  }

  @Test
  void olderGenerationsAreNotTaken() {
    api.watcher().onToken(token("b", 2));
    api.watcher().onToken(token("a", 1));
    assertEquals("b", source.get().value());
    api.watcher().onToken(token("zero", 0));
    assertEquals("b", source.get().value());
  }

  @Test
  void aTokenWithoutGenerationIsTakenWhenTheHeldOneIsAboutToExpire() {
    api.watcher().onToken(token("b", 2, Duration.ofSeconds(59)));
    api.watcher().onToken(token("zero", 0));
    assertEquals("zero", source.get().value());
    api.watcher().onToken(token("c", 3));
    assertEquals("c", source.get().value());
  }

  @Test
  void aTokenWithoutGenerationIsTakenWhenTheHeldOneWasRejected() {
    api.watcher().onToken(token("b", 2));
    CompletableFuture<AccessToken> report = source.reportRejectedAsync("b");
    api.fetch().complete(token("zero", 0));
    assertEquals("zero", report.join().value());
    assertEquals("zero", source.get().value());
  }

  @Test
  void anExpiredTokensGenerationCountsNoMore() {
    api.watcher().onToken(token("b", 9, Duration.ofSeconds(1)));
    time.pass(Duration.ofSeconds(1));
    api.watcher().onToken(token("a", 1));
    assertEquals("a", source.get().value());
  }

  @Test
  void reportsOfOneTokenShareACall() {
    api.watcher().onToken(token("a", 1));
    CompletableFuture<AccessToken> one = source.reportRejectedAsync("a");
    CompletableFuture<AccessToken> two = source.reportRejectedAsync("a");
    CompletableFuture<AccessToken> other = source.reportRejectedAsync("older");
    assertEquals(List.of("a", "older"), api.rejected);
    api.fetches.get(0).complete(token("b", 2));
    assertEquals("b", one.join().value());
    assertEquals("b", two.join().value());
    assertEquals("b", source.get().value());
    // The answer came late; what is held is newer.
    api.fetches.get(1).complete(token("a", 1));
    assertEquals("b", other.join().value());
  }

  @Test
  void aReportThatFailsSaysWhy() {
    api.watcher().onToken(token("a", 1));
    CompletableFuture<AccessToken> report = source.reportRejectedAsync("a");
    WxidentException error =
        WxidentException.of("GetAccessToken", Reason.TOKEN_BUDGET_EXHAUSTED, "wait");
    api.fetch().completeExceptionally(error);
    assertSame(error, failure(report));
    assertThrows(IllegalArgumentException.class, () -> source.reportRejected(""));
  }

  @Test
  void closingEndsAll() {
    CompletableFuture<AccessToken> waiting = source.getAsync();
    source.close();
    source.close();
    assertEquals(1, api.closed);
    assertEquals(1, closes);
    assertEquals(Code.CANCELLED, failure(waiting).code());
    assertEquals(Code.CANCELLED, assertThrows(WxidentException.class, source::get).code());
    assertEquals(
        Code.CANCELLED,
        assertThrows(WxidentException.class, () -> source.reportRejected("a")).code());
    api.watcher().onEnd();
    time.pass(Duration.ofMinutes(1));
    assertEquals(1, api.watchers.size());
  }

  @Test
  void tokensPrintWithoutTheirValue() {
    assertFalse(token("secret", 1).toString().contains("secret"));
  }

  // Against a server.

  @Test
  void rotationsArriveAndStreamsAreOpenedAgain() {
    try (FakeWxident fake = FakeWxident.start().addApp(APP)) {
      AccessTokenSource tokens = fake.client().accessTokenSource(APP);
      AccessToken first = tokens.get();
      String second = fake.rotateToken(APP);
      while (!tokens.get().value().equals(second)) {
        Thread.onSpinWait();
      }
      fake.endWatches();
      while (fake.watchers(APP) == 0) {
        Thread.onSpinWait();
      }
      String third = fake.rotateToken(APP);
      while (!tokens.get().value().equals(third)) {
        Thread.onSpinWait();
      }
      assertEquals(0, fake.calls("GetAccessToken"));
      assertEquals(first.generation() + 2, tokens.get().generation());
    }
  }

  @Test
  void manyThreadsCauseOneRefresh() throws Exception {
    int threads = 64;
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try (FakeWxident fake = FakeWxident.start().addApp(APP)) {
      AccessTokenSource tokens = fake.client().accessTokenSource(APP);
      CountDownLatch ready = new CountDownLatch(threads);
      List<Future<AccessToken>> reports = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        reports.add(
            pool.submit(
                () -> {
                  AccessToken dead = tokens.get(Duration.ofSeconds(30));
                  ready.countDown();
                  ready.await();
                  return tokens.reportRejected(dead.value(), Duration.ofSeconds(30));
                }));
      }
      for (Future<AccessToken> report : reports) {
        assertEquals(2, report.get().generation());
      }
    } finally {
      pool.shutdownNow();
    }
  }

  @Test
  void closingTheClientClosesItsSources() {
    try (FakeWxident fake = FakeWxident.start().addApp(APP)) {
      WxidentClient client = WxidentClient.builder(fake.address()).insecure(true).build();
      AccessTokenSource tokens = client.accessTokenSource(APP);
      tokens.get();
      client.close();
      assertEquals(Code.CANCELLED, assertThrows(WxidentException.class, tokens::get).code());
      AccessTokenSource late = client.accessTokenSource(APP);
      assertEquals(Code.CANCELLED, assertThrows(WxidentException.class, late::get).code());
    }
  }
}
