package dev.wxident.testing;

import dev.wxident.v1.AccessTokenKind;
import dev.wxident.v1.GetAccessTokenResponse;
import dev.wxident.v1.WatchAccessTokenResponse;
import io.grpc.stub.ServerCallStreamObserver;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** The access_token of one app of the fake, and who watches it. */
final class FakeTokens {
  private final List<ServerCallStreamObserver<WatchAccessTokenResponse>> watchers =
      new ArrayList<>();
  private GetAccessTokenResponse current;
  private long generation;

  FakeTokens() {
    rotate(Duration.ofHours(2));
  }

  final synchronized String rotate(Duration life) {
    current =
        GetAccessTokenResponse.newBuilder()
            .setAccessToken("fake_" + FakePeople.randomText(60))
            .setExpireTime(FakePeople.timestamp(Instant.now().plus(life)))
            .setGeneration(++generation)
            .setKind(AccessTokenKind.ACCESS_TOKEN_KIND_APP)
            .build();
    watchers.removeIf(ServerCallStreamObserver::isCancelled);
    watchers.forEach(watcher -> watcher.onNext(message()));
    return current.getAccessToken();
  }

  /** Rejected: replaced first, if it is still the current one. */
  synchronized GetAccessTokenResponse get(String rejected) {
    if (current.getAccessToken().equals(rejected)) {
      rotate(Duration.ofHours(2));
    }
    return current;
  }

  synchronized void watch(ServerCallStreamObserver<WatchAccessTokenResponse> watcher) {
    watchers.add(watcher);
    watcher.onNext(message());
  }

  /** As a server that is about to stop. */
  synchronized void endWatches() {
    watchers.removeIf(ServerCallStreamObserver::isCancelled);
    watchers.forEach(ServerCallStreamObserver::onCompleted);
    watchers.clear();
  }

  synchronized int watchers() {
    watchers.removeIf(ServerCallStreamObserver::isCancelled);
    return watchers.size();
  }

  private WatchAccessTokenResponse message() {
    return WatchAccessTokenResponse.newBuilder()
        .setAccessToken(current.getAccessToken())
        .setExpireTime(current.getExpireTime())
        .setGeneration(current.getGeneration())
        .setKind(current.getKind())
        .build();
  }
}
