package dev.wxident.client;

import dev.wxident.v1.BatchGetUsersRequest;
import java.time.Duration;

/** How long calls may take whose request decides it, when the caller does not say. */
final class Deadlines {
  private Deadlines() {}

  static Duration batch(BatchGetUsersRequest request) {
    return request.getRefreshFollowers()
        ? Contract.BATCH_GET_USERS_LONGEST
        : Contract.BATCH_GET_USERS_DEADLINE;
  }
}
