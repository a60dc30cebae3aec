package dev.wxident.client;

import io.grpc.Status.Code;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleSupplier;
import java.util.random.RandomGenerator;

/**
 * Hands out the current access_token of one app from memory. It keeps a WatchAccessToken stream
 * open, and opens it again when it ends; meanwhile it asks GetAccessToken when the token that it
 * has is about to expire. It may be used by many threads.
 *
 * <pre>{@code
 * AccessTokenSource tokens = client.accessTokenSource("wx0a1b2c3d4e5f6071");
 * AccessToken token = tokens.get();
 * if (wechatSays40001(token)) {
 *   token = tokens.reportRejected(token);
 * }
 * }</pre>
 */
public final class AccessTokenSource implements AutoCloseable {
  private static final String NAME = "AccessTokenSource";

  /** Without a stream, a token with less left than this is asked for again. */
  private static final Duration EXPIRING_SOON = Duration.ofSeconds(60);

  /** How long callers without a token leave a stream that is being opened time to bring one. */
  private static final Duration OPENING_HEAD_START = Duration.ofMillis(500);

  private static final Duration MIN_REOPEN_DELAY = Duration.ofMillis(100);
  private static final Duration MAX_REOPEN_DELAY = Duration.ofSeconds(5);

  private enum Stream {
    OPENING,
    UP,
    DOWN
  }

  /** A caller for whom there was no token yet. */
  private static final class Waiter {
    private final CompletableFuture<AccessToken> result = new CompletableFuture<>();
    private boolean headStartOver;
    private boolean asked;
    private WxidentException unavailable;
    private Future<?> headStart;
    private Future<?> deadline;
  }

  private final String appId;
  private final TokenApi api;
  private final ScheduledExecutorService timer;
  private final InstantSource clock;
  private final DoubleSupplier random;
  private final Runnable onClose;

  /** By the rejected token; empty asks for the current one. */
  private final Flights<String, AccessToken> fetches = new Flights<>();

  private final Object lock = new Object();
  private final List<Waiter> waiters = new ArrayList<>();
  private AccessToken held;
  private boolean rejected;
  private Stream stream = Stream.OPENING;
  private AsyncWxidentClient.Watch watch;
  private int opened;
  private int failures;
  private boolean closed;

  AccessTokenSource(
      String appId,
      TokenApi api,
      ScheduledExecutorService timer,
      InstantSource clock,
      DoubleSupplier random,
      Runnable onClose) {
    this.appId = appId;
    this.api = api;
    this.timer = timer;
    this.clock = clock;
    this.random = random;
    this.onClose = onClose;
  }

  static AccessTokenSource start(Connection connection, WxidentClient client, String appId) {
    AccessTokenSource[] self = new AccessTokenSource[1];
    AccessTokenSource source =
        new AccessTokenSource(
            appId,
            TokenApi.of(client),
            connection.timer(),
            InstantSource.system(),
            RandomGenerator.getDefault()::nextDouble,
            () -> connection.remove(self[0]));
    self[0] = source;
    if (connection.add(source)) {
      source.open();
    } else {
      source.close();
    }
    return source;
  }

  /**
   * The current token, from memory but for the first one and where the server has been away for
   * long; then it waits as long as getAccessToken.
   *
   * @return the token
   * @throws WxidentException when there is none in time
   */
  public AccessToken get() {
    return get(Contract.GET_ACCESS_TOKEN_DEADLINE);
  }

  /**
   * The current token, from memory but for the first one and where the server has been away for
   * long.
   *
   * @param timeout how long to wait then
   * @return the token
   * @throws WxidentException when there is none in time
   */
  public AccessToken get(Duration timeout) {
    return await(getAsync(timeout));
  }

  /**
   * As {@link #get()}, with a future.
   *
   * @return the token, or a {@link WxidentException}
   */
  public CompletableFuture<AccessToken> getAsync() {
    return getAsync(Contract.GET_ACCESS_TOKEN_DEADLINE);
  }

  /**
   * As {@link #get(Duration)}, with a future.
   *
   * @param timeout how long to wait where there is no token yet
   * @return the token, or a {@link WxidentException}
   */
  public CompletableFuture<AccessToken> getAsync(Duration timeout) {
    Waiter waiter = new Waiter();
    synchronized (lock) {
      if (closed) {
        return CompletableFuture.failedFuture(closedError());
      }
      if (usable()) {
        return CompletableFuture.completedFuture(held);
      }
      waiters.add(waiter);
      try {
        waiter.headStart = after(OPENING_HEAD_START, () -> headStartOver(waiter));
        waiter.deadline = after(timeout, () -> deadlinePassed(waiter, timeout));
      } catch (RejectedExecutionException e) {
        waiters.remove(waiter);
        return CompletableFuture.failedFuture(closedError());
      }
    }
    waiter.result.whenComplete((token, failure) -> forget(waiter));
    advance(waiter);
    return waiter.result;
  }

  /**
   * Tells that WeChat refused a token (40001, 40014, 42001), and returns the one to use instead.
   * The server replaces it only if it is still the current one. Callers that report the same token at
   * once share one call. It waits as long as getAccessToken.
   *
   * @param token the refused one
   * @return the one to use instead
   * @throws WxidentException when there is none in time
   */
  public AccessToken reportRejected(AccessToken token) {
    return reportRejected(token.value());
  }

  /**
   * As {@link #reportRejected(AccessToken)}, by the token's value.
   *
   * @param token the refused one
   * @return the one to use instead
   * @throws WxidentException when there is none in time
   */
  public AccessToken reportRejected(String token) {
    return reportRejected(token, Contract.GET_ACCESS_TOKEN_DEADLINE);
  }

  /**
   * As {@link #reportRejected(String)}, with a time of the caller's.
   *
   * @param token the refused one
   * @param timeout how long to wait
   * @return the one to use instead
   * @throws WxidentException when there is none in time
   */
  public AccessToken reportRejected(String token, Duration timeout) {
    return await(reportRejectedAsync(token, timeout));
  }

  /**
   * As {@link #reportRejected(String)}, with a future.
   *
   * @param token the refused one
   * @return the one to use instead, or a {@link WxidentException}
   */
  public CompletableFuture<AccessToken> reportRejectedAsync(String token) {
    return reportRejectedAsync(token, Contract.GET_ACCESS_TOKEN_DEADLINE);
  }

  /**
   * As {@link #reportRejected(String, Duration)}, with a future.
   *
   * @param token the refused one
   * @param timeout how long to wait
   * @return the one to use instead, or a {@link WxidentException}
   */
  public CompletableFuture<AccessToken> reportRejectedAsync(String token, Duration timeout) {
    if (token.isEmpty()) {
      throw new IllegalArgumentException(
          "the rejected token is empty; give the one that WeChat refused");
    }
    CompletableFuture<AccessToken> result = new CompletableFuture<>();
    synchronized (lock) {
      if (closed) {
        return CompletableFuture.failedFuture(closedError());
      }
      if (held != null && held.value().equals(token)) {
        rejected = true;
      }
      try {
        Future<?> deadline =
            after(timeout, () -> fail(result, late(timeout)));
        result.whenComplete((value, failure) -> deadline.cancel(false));
      } catch (RejectedExecutionException e) {
        return CompletableFuture.failedFuture(closedError());
      }
    }
    fetch(token)
        .whenComplete(
            (value, failure) -> {
              if (failure == null) {
                result.complete(value);
              } else {
                result.completeExceptionally(isClosed() ? closedError() : error(failure));
              }
            });
    return result;
  }

  /** Ends the stream. Callers that wait fail with code CANCELLED. */
  @Override
  public void close() {
    List<Waiter> left;
    AsyncWxidentClient.Watch ended;
    synchronized (lock) {
      if (closed) {
        return;
      }
      closed = true;
      left = List.copyOf(waiters);
      ended = watch;
      watch = null;
    }
    if (ended != null) {
      ended.close();
    }
    left.forEach(waiter -> waiter.result.completeExceptionally(closedError()));
    onClose.run();
  }

  // The stream.

  /** Begins a stream. */
  void open() {
    int mine;
    synchronized (lock) {
      if (closed) {
        return;
      }
      stream = Stream.OPENING;
      mine = ++opened;
    }
    AsyncWxidentClient.Watch begun =
        api.watch(
            appId,
            new TokenApi.Watcher() {
              @Override
              public void onToken(AccessToken token) {
                synchronized (lock) {
                  stream = Stream.UP;
                  failures = 0;
                }
                offer(token);
                advanceAll();
              }

              @Override
              public void onEnd() {
                reopen();
              }
            });
    synchronized (lock) {
      // It may be over already, and another one open.
      if (!closed && opened == mine) {
        watch = begun;
        return;
      }
    }
    begun.close();
  }

  /** Opens the stream again after a while: the longer the more often it broke. */
  private void reopen() {
    synchronized (lock) {
      if (closed) {
        return;
      }
      stream = Stream.DOWN;
      long most = MIN_REOPEN_DELAY.toNanos() << Math.min(failures, 6);
      most = Math.min(most, MAX_REOPEN_DELAY.toNanos());
      failures++;
      try {
        after(Duration.ofNanos((long) (random.getAsDouble() * most)), this::open);
      } catch (RejectedExecutionException e) {
        // The client is being closed, and this source with it.
        return;
      }
    }
    advanceAll();
  }

  // The token in memory.

  /** Takes a token unless a better one is held, and returns what is held. */
  private AccessToken offer(AccessToken token) {
    synchronized (lock) {
      if (!better(token)) {
        return held;
      }
      if (held == null || !held.value().equals(token.value())) {
        rejected = false;
      }
      held = token;
      return held;
    }
  }

  /** With the lock: whether a token should replace the one that is held. */
  private boolean better(AccessToken token) {
    if (!unexpired()) {
      return true;
    }
    if (token.generation() > 0) {
      return token.generation() >= held.generation();
    }
    // The server could not number it, so it may be older.
    return held.generation() == 0 || rejected || left().compareTo(EXPIRING_SOON) < 0;
  }

  /** With the lock: whether the held token may be handed out without asking. */
  private boolean usable() {
    if (held == null) {
      return false;
    }
    // A stream brings the next one in time.
    return stream == Stream.UP ? unexpired() : left().compareTo(EXPIRING_SOON) >= 0;
  }

  private boolean unexpired() {
    return held != null && held.expireTime().isAfter(clock.instant());
  }

  private Duration left() {
    return Duration.between(clock.instant(), held.expireTime());
  }

  /** Asks GetAccessToken; what it gives is what is to be used. */
  private CompletableFuture<AccessToken> fetch(String refused) {
    return fetches.join(
        refused,
        () ->
            api.fetch(appId, refused)
                .thenApply(
                    token -> {
                      AccessToken current = offer(token);
                      advanceAll();
                      return current.value().equals(refused) ? token : current;
                    }));
  }

  // Those who wait.

  private void advanceAll() {
    List<Waiter> all;
    synchronized (lock) {
      all = List.copyOf(waiters);
    }
    all.forEach(this::advance);
  }

  private void advance(Waiter waiter) {
    AccessToken token = null;
    synchronized (lock) {
      if (usable()) {
        token = held;
      } else if (waiter.asked
          || waiter.result.isDone()
          || (stream == Stream.OPENING && !waiter.headStartOver)) {
        return;
      } else {
        waiter.asked = true;
      }
    }
    if (token != null) {
      waiter.result.complete(token);
      return;
    }
    fetch("").whenComplete((fetched, failure) -> onFetched(waiter, fetched, failure));
  }

  private void onFetched(Waiter waiter, AccessToken fetched, Throwable failure) {
    if (failure == null) {
      waiter.result.complete(fetched);
      return;
    }
    WxidentException error = error(failure);
    AccessToken old = null;
    synchronized (lock) {
      if (unexpired()) {
        // Not much time is left, but it is not over.
        old = held;
      } else if (!closed && error.code() == Code.UNAVAILABLE) {
        // The stream may still bring one in time.
        waiter.unavailable = error;
        return;
      }
    }
    if (old != null) {
      waiter.result.complete(old);
    } else {
      waiter.result.completeExceptionally(isClosed() ? closedError() : error);
    }
  }

  private void headStartOver(Waiter waiter) {
    synchronized (lock) {
      waiter.headStartOver = true;
    }
    advance(waiter);
  }

  private void deadlinePassed(Waiter waiter, Duration timeout) {
    WxidentException error;
    synchronized (lock) {
      error = waiter.unavailable;
    }
    fail(waiter.result, error == null ? late(timeout) : error);
  }

  private void forget(Waiter waiter) {
    synchronized (lock) {
      waiters.remove(waiter);
      waiter.headStart.cancel(false);
      waiter.deadline.cancel(false);
    }
  }

  private boolean isClosed() {
    synchronized (lock) {
      return closed;
    }
  }

  private Future<?> after(Duration delay, Runnable task) {
    return timer.schedule(task, delay.toNanos(), TimeUnit.NANOSECONDS);
  }

  /** From the timer's thread, which callers must not hold up. */
  private static void fail(CompletableFuture<AccessToken> result, WxidentException error) {
    ForkJoinPool.commonPool().execute(() -> result.completeExceptionally(error));
  }

  private static WxidentException error(Throwable failure) {
    return WxidentException.of("GetAccessToken", failure);
  }

  private static WxidentException late(Duration timeout) {
    return WxidentException.of(
        NAME,
        Code.DEADLINE_EXCEEDED,
        "no access_token came within "
            + timeout.toMillis()
            + " ms; give it more time, or check that the server runs");
  }

  private static WxidentException closedError() {
    return WxidentException.of(
        NAME, Code.CANCELLED, "the source is closed; make another one of an open client");
  }

  private static AccessToken await(CompletableFuture<AccessToken> future) {
    try {
      return future.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      future.cancel(false);
      throw WxidentException.of(NAME, Code.CANCELLED, "the thread was interrupted");
    } catch (ExecutionException | CancellationException e) {
      throw WxidentException.of(NAME, e);
    }
  }
}
