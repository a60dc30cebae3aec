package dev.wxident.client;

import dev.wxident.v1.BatchGetUsersRequest;
import java.time.Duration;

/** How long calls may take when the caller does not say. */
final class Deadlines {
  static final Duration QUICK = Duration.ofSeconds(2);
  static final Duration UPSTREAM = Duration.ofSeconds(5);
  private static final Duration BATCH = Duration.ofSeconds(3);
  private static final Duration FOLLOWERS = Duration.ofSeconds(10);

  private Deadlines() {}

  static Duration batch(BatchGetUsersRequest request) {
    return request.getRefreshFollowers() ? FOLLOWERS : BATCH;
  }
}
