package dev.wxident.client;

import dev.wxident.testing.FakeWxident;
import dev.wxident.v1.LoginRequest;

/** Logs people in at a fake. */
final class Logins {
  private Logins() {}

  /** The token of a new session of a person in the app "wx1". */
  static String token(FakeWxident fake, String name) {
    return fake.client()
        .login(
            LoginRequest.newBuilder()
                .setAppId("wx1")
                .setMiniProgramCode(fake.loginCode("wx1", name))
                .build())
        .getSessionToken();
  }
}
