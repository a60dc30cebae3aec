package dev.wxident.client;

import dev.wxident.v1.Session;
import dev.wxident.v1.ValidateSessionRequest;
import dev.wxident.v1.ValidateSessionResponse;
import io.grpc.Context;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.BiFunction;
import java.util.regex.Pattern;

/**
 * Finds the session of incoming requests: {@link SessionFilter} does so for Servlets, {@link
 * SessionServerInterceptor} for gRPC services.
 *
 * <p>The token comes as {@code Authorization: Bearer <session token>}. Answers are kept for at most
 * a second, so that a revoked session is refused after two seconds at the latest; with {@link
 * Builder#strong} at once. A request whose session could not be asked for is turned away as such,
 * never as one without a session. It may be used by many threads; one is enough for a process.
 */
public final class SessionAuthenticator {
  /** How long an answer may be used again, from when it was asked for. */
  private static final Duration CACHE_TIME = Duration.ofSeconds(1);

  static final int CACHE_SIZE = 10_000;

  /** What a token of RFC 6750 is made of, and not longer than one of ours can be. */
  private static final Pattern TOKEN = Pattern.compile("[A-Za-z0-9._~+/=-]{1,512}");

  private record Cached(Session session, Instant until) {}

  private final BiFunction<String, Boolean, CompletableFuture<ValidateSessionResponse>> validate;
  private final InstantSource clock;
  private final boolean strong;
  private final boolean anonymous;
  private final String cookie;
  private final Flights<ByteBuffer, Optional<Session>> asking = new Flights<>();

  /** By the token's hash, the oldest first. */
  private final Map<ByteBuffer, Cached> cache = new LinkedHashMap<>();

  SessionAuthenticator(
      Builder settings,
      BiFunction<String, Boolean, CompletableFuture<ValidateSessionResponse>> validate,
      InstantSource clock) {
    this.validate = validate;
    this.clock = clock;
    this.strong = settings.strong;
    this.anonymous = settings.anonymous;
    this.cookie = settings.cookie;
  }

  /**
   * An authenticator with the default settings.
   *
   * @param client asks the server
   * @return the authenticator
   */
  public static SessionAuthenticator create(WxidentClient client) {
    return builder(client).build();
  }

  /**
   * Begins the settings of an authenticator.
   *
   * @param client asks the server
   * @return the settings
   */
  public static Builder builder(WxidentClient client) {
    return new Builder(client);
  }

  /**
   * The session of a token.
   *
   * @param token a session token, from whomever
   * @return the session
   * @throws WxidentException with {@link Reason#SESSION_NOT_ACTIVE} when the token is not active;
   *     with any other reason when the server could not be asked
   */
  public Session authenticate(String token) {
    CompletableFuture<Session> session = authenticateAsync(token);
    try {
      return session.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw WxidentException.of(
          "ValidateSession", io.grpc.Status.Code.CANCELLED, "the thread was interrupted");
    } catch (ExecutionException | CancellationException e) {
      throw WxidentException.of("ValidateSession", e);
    }
  }

  /**
   * As {@link #authenticate}, with a future.
   *
   * @param token a session token, from whomever
   * @return the session, or a {@link WxidentException}
   */
  public CompletableFuture<Session> authenticateAsync(String token) {
    if (!TOKEN.matcher(token).matches()) {
      return CompletableFuture.failedFuture(notActive());
    }
    return lookUp(token)
        .handle(
            (session, failure) -> {
              if (failure != null) {
                throw WxidentException.of("ValidateSession", failure);
              }
              return session.orElseThrow(SessionAuthenticator::notActive);
            });
  }

  boolean anonymous() {
    return anonymous;
  }

  /** Null when cookies do not count. */
  String cookie() {
    return cookie;
  }

  /** What follows "Bearer" in a header, or nothing; the header may be null. */
  static Optional<String> bearerToken(String header) {
    if (header == null || !header.regionMatches(true, 0, "Bearer ", 0, 7)) {
      return Optional.empty();
    }
    String token = header.substring(7).strip();
    return token.isEmpty() ? Optional.empty() : Optional.of(token);
  }

  /** How many seconds to wait after an error: one, or what the server said. */
  static long retryAfterSeconds(WxidentException error) {
    Duration wait = error.retryAfter().orElse(Duration.ZERO);
    return Math.max(1, wait.plusNanos(999_999_999).getSeconds());
  }

  private static WxidentException notActive() {
    return WxidentException.of(
        "ValidateSession",
        Reason.SESSION_NOT_ACTIVE,
        "the session token is unknown, expired or revoked; log in again");
  }

  private CompletableFuture<Optional<Session>> lookUp(String token) {
    if (strong) {
      // Not even shared: a call under way may be older than a revocation.
      return ask(token);
    }
    ByteBuffer hash = hash(token);
    Session known = recall(hash);
    if (known != null) {
      return CompletableFuture.completedFuture(Optional.of(known));
    }
    return asking.join(
        hash,
        () -> {
          // Another call may have ended since.
          Session since = recall(hash);
          if (since != null) {
            return CompletableFuture.completedFuture(Optional.of(since));
          }
          Instant asked = clock.instant();
          return ask(token)
              .thenApply(
                  session -> {
                    session.ifPresent(found -> remember(hash, found, asked));
                    return session;
                  });
        });
  }

  /** On nobody's behalf: a request that is given up must not take others' answer away. */
  private CompletableFuture<Optional<Session>> ask(String token) {
    Context before = Context.ROOT.attach();
    try {
      return validate
          .apply(token, strong)
          .thenApply(
              answer -> answer.getActive() ? Optional.of(answer.getSession()) : Optional.empty());
    } finally {
      Context.ROOT.detach(before);
    }
  }

  private Session recall(ByteBuffer hash) {
    Instant now = clock.instant();
    synchronized (cache) {
      Cached known = cache.get(hash);
      return known != null && now.isBefore(known.until()) ? known.session() : null;
    }
  }

  private void remember(ByteBuffer hash, Session session, Instant asked) {
    Instant until = asked.plus(CACHE_TIME);
    if (session.hasExpireTime()) {
      Instant end =
          Instant.ofEpochSecond(
              session.getExpireTime().getSeconds(), session.getExpireTime().getNanos());
      until = end.isBefore(until) ? end : until;
    }
    Instant now = clock.instant();
    synchronized (cache) {
      cache.remove(hash);
      Iterator<Cached> oldest = cache.values().iterator();
      while (oldest.hasNext()) {
        if (now.isBefore(oldest.next().until()) && cache.size() < CACHE_SIZE) {
          break;
        }
        oldest.remove();
      }
      cache.put(hash, new Cached(session, until));
    }
  }

  int cached() {
    synchronized (cache) {
      return cache.size();
    }
  }

  private static ByteBuffer hash(String token) {
    try {
      return ByteBuffer.wrap(
          MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.US_ASCII)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("each Java has SHA-256", e);
    }
  }

  /** The settings of an authenticator. */
  public static final class Builder {
    private final WxidentClient client;
    private boolean strong;
    private boolean anonymous;
    private String cookie;

    Builder(WxidentClient client) {
      this.client = client;
    }

    /**
     * Asks the server's database about each request, so that a session revoked on any replica is
     * refused at once. Nothing is cached.
     *
     * @param each whether to
     * @return this
     */
    public Builder strong(boolean each) {
      strong = each;
      return this;
    }

    /**
     * Lets requests without a token pass, without a session. A token that is not active is refused
     * all the same.
     *
     * @param pass whether to
     * @return this
     */
    public Builder anonymous(boolean pass) {
      anonymous = pass;
      return this;
    }

    /**
     * Has {@link SessionFilter} look for the token in this cookie too, when there is no
     * Authorization header with one. Only that: protecting the site from forged requests stays the
     * caller's.
     *
     * @param name the cookie
     * @return this
     */
    public Builder cookie(String name) {
      cookie = name;
      return this;
    }

    /**
     * Makes the authenticator.
     *
     * @return the authenticator
     */
    public SessionAuthenticator build() {
      return new SessionAuthenticator(
          this,
          (token, fromDatabase) ->
              client
                  .async()
                  .validateSession(
                      ValidateSessionRequest.newBuilder()
                          .setSessionToken(token)
                          .setStrong(fromDatabase)
                          .build()),
          InstantSource.system());
    }
  }
}
