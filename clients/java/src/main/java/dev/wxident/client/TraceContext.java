package dev.wxident.client;

import java.util.Objects;

/**
 * A W3C trace context, sent along with a call.
 *
 * @param traceparent the header of that name
 * @param tracestate the header of that name, or null when there is none
 */
public record TraceContext(String traceparent, String tracestate) {
  /**
   * Checks that there is a traceparent.
   *
   * @param traceparent the header of that name
   * @param tracestate the header of that name, or null when there is none
   */
  public TraceContext {
    Objects.requireNonNull(traceparent, "traceparent");
  }

  /**
   * A trace context without a tracestate.
   *
   * @param traceparent the header of that name
   */
  public TraceContext(String traceparent) {
    this(traceparent, null);
  }
}
