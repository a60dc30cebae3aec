package dev.wxident.client;

import java.time.Instant;

/**
 * An app's access_token of WeChat. Its text form leaves the value out, so it may be logged.
 *
 * @param value what WeChat's APIs take
 * @param expireTime when WeChat stops accepting it
 * @param generation rises with each new token of the app; 0 when the server had to fetch it without
 *     its database
 */
public record AccessToken(String value, Instant expireTime, long generation) {
  /** Tells all but the value. */
  @Override
  public String toString() {
    return "access token of generation " + generation + ", until " + expireTime;
  }
}
