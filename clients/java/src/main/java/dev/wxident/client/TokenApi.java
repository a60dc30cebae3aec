package dev.wxident.client;

import dev.wxident.v1.GetAccessTokenRequest;
import dev.wxident.v1.WatchAccessTokenRequest;
import dev.wxident.v1.WatchAccessTokenResponse;
import io.grpc.Context;
import io.grpc.stub.StreamObserver;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;

/** What a token source asks of the server. */
interface TokenApi {
  /** Hears of a stream. */
  interface Watcher {
    void onToken(AccessToken token);

    /** Once; nothing comes after it. */
    void onEnd();
  }

  /** Begins a stream; closing what it gives ends it. */
  AsyncWxidentClient.Watch watch(String appId, Watcher watcher);

  /** rejected is empty when no token was refused. */
  CompletableFuture<AccessToken> fetch(String appId, String rejected);

  /** Asks through a client, and on nobody's behalf: callers come and go. */
  static TokenApi of(WxidentClient client) {
    return new TokenApi() {
      @Override
      public AsyncWxidentClient.Watch watch(String appId, Watcher watcher) {
        WatchAccessTokenRequest request =
            WatchAccessTokenRequest.newBuilder().setAppId(appId).build();
        StreamObserver<WatchAccessTokenResponse> observer =
            new StreamObserver<>() {
              @Override
              public void onNext(WatchAccessTokenResponse response) {
                watcher.onToken(
                    token(
                        response.getAccessToken(),
                        response.getExpireTime(),
                        response.getGeneration()));
              }

              @Override
              public void onError(Throwable failure) {
                watcher.onEnd();
              }

              @Override
              public void onCompleted() {
                watcher.onEnd();
              }
            };
        Context before = Context.ROOT.attach();
        try {
          return client.async().watchAccessToken(request, observer);
        } finally {
          Context.ROOT.detach(before);
        }
      }

      @Override
      public CompletableFuture<AccessToken> fetch(String appId, String rejected) {
        GetAccessTokenRequest request =
            GetAccessTokenRequest.newBuilder()
                .setAppId(appId)
                .setRejectedAccessToken(rejected)
                .build();
        Context before = Context.ROOT.attach();
        try {
          return client
              .async()
              .getAccessToken(request)
              .thenApply(
                  response ->
                      token(
                          response.getAccessToken(),
                          response.getExpireTime(),
                          response.getGeneration()));
        } finally {
          Context.ROOT.detach(before);
        }
      }

      private AccessToken token(
          String value, com.google.protobuf.Timestamp expireTime, long generation) {
        return new AccessToken(
            value,
            Instant.ofEpochSecond(expireTime.getSeconds(), expireTime.getNanos()),
            generation);
      }
    };
  }
}
