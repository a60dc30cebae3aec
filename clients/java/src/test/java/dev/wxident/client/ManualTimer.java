package dev.wxident.client;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Delayed;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Time that passes when a test says so. */
final class ManualTimer extends ScheduledThreadPoolExecutor implements InstantSource {
  private final List<Task> tasks = new ArrayList<>();
  private Instant now = Instant.parse("2026-01-01T00:00:00Z");

  ManualTimer() {
    super(0);
  }

  @Override
  public synchronized Instant instant() {
    return now;
  }

  @Override
  public synchronized ScheduledFuture<?> schedule(Runnable command, long delay, TimeUnit unit) {
    Task task = new Task(command, now.plusNanos(unit.toNanos(delay)));
    tasks.add(task);
    return task;
  }

  /** How long until the next task. */
  synchronized Duration next() {
    return tasks.stream()
        .filter(task -> !task.isCancelled())
        .map(task -> Duration.between(now, task.at))
        .min(Comparator.naturalOrder())
        .orElseThrow();
  }

  void pass(Duration time) {
    Instant end = instant().plus(time);
    while (true) {
      Task due;
      synchronized (this) {
        due =
            tasks.stream()
                .filter(task -> !task.at.isAfter(end))
                .min(Comparator.comparing(task -> task.at))
                .orElse(null);
        if (due == null) {
          now = end;
          return;
        }
        tasks.remove(due);
        now = due.at;
      }
      due.run();
    }
  }

  private final class Task extends FutureTask<Void> implements ScheduledFuture<Void> {
    private final Instant at;

    Task(Runnable command, Instant at) {
      super(command, null);
      this.at = at;
    }

    @Override
    public long getDelay(TimeUnit unit) {
      return unit.convert(Duration.between(instant(), at));
    }

    @Override
    public int compareTo(Delayed other) {
      return Long.compare(getDelay(TimeUnit.NANOSECONDS), other.getDelay(TimeUnit.NANOSECONDS));
    }
  }
}
