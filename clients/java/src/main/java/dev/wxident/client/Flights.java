package dev.wxident.client;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/** Calls that those share who ask for the same thing at the same time. */
final class Flights<K, V> {
  private final Map<K, CompletableFuture<V>> under = new HashMap<>();

  /** The call under way for this key, or a new one. Do not complete it. */
  CompletableFuture<V> join(K key, Supplier<CompletableFuture<V>> ask) {
    CompletableFuture<V> mine = new CompletableFuture<>();
    synchronized (under) {
      CompletableFuture<V> other = under.putIfAbsent(key, mine);
      if (other != null) {
        return other;
      }
    }
    CompletableFuture<V> asked;
    try {
      asked = ask.get();
    } catch (RuntimeException e) {
      asked = CompletableFuture.failedFuture(e);
    }
    asked.whenComplete(
        (value, failure) -> {
          synchronized (under) {
            under.remove(key, mine);
          }
          if (failure == null) {
            mine.complete(value);
          } else {
            mine.completeExceptionally(failure);
          }
        });
    return mine;
  }
}
