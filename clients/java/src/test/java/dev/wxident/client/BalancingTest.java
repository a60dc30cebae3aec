package dev.wxident.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.wxident.testing.FakeWxident;
import dev.wxident.v1.ValidateSessionRequest;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class BalancingTest {
  private static final ValidateSessionRequest UNKNOWN =
      ValidateSessionRequest.newBuilder().setSessionToken("wxs1_unknown").build();

  /** Calls until something has come about; the tests' time limit is the end of it. */
  private static void callUntil(WxidentClient client, BooleanSupplier done) {
    while (!done.getAsBoolean()) {
      client.validateSession(UNKNOWN);
    }
  }

  private static WxidentClient client(String... addresses) {
    return WxidentClient.builder(String.join(",", addresses)).insecure(true).build();
  }

  @Test
  void callsGoToAllAddressesInTurn() {
    try (FakeWxident one = FakeWxident.start();
        FakeWxident two = FakeWxident.start();
        WxidentClient client = client(one.address(), two.address())) {
      callUntil(
          client, () -> one.calls("ValidateSession") > 0 && two.calls("ValidateSession") > 0);
      int before = one.calls("ValidateSession");
      for (int i = 0; i < 10; i++) {
        client.validateSession(UNKNOWN);
      }
      assertEquals(before + 5, one.calls("ValidateSession"));
    }
  }

  @Test
  void aDeadAddressIsLeftOut() throws Exception {
    String dead;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      dead = "127.0.0.1:" + socket.getLocalPort();
    }
    try (FakeWxident alive = FakeWxident.start();
        WxidentClient client = client(dead, alive.address())) {
      for (int i = 0; i < 20; i++) {
        client.validateSession(UNKNOWN);
      }
      assertEquals(20, alive.calls("ValidateSession"));
    }
  }

  @Test
  void aServerThatIsNotServingGetsNoCalls() {
    try (FakeWxident serving = FakeWxident.start();
        FakeWxident draining = FakeWxident.start();
        WxidentClient client = client(serving.address(), draining.address())) {
      callUntil(client, () -> draining.calls("ValidateSession") > 0);
      draining.setServing(false);
      int[] last = {-1, 0};
      // Until 20 calls in a row have passed it by.
      callUntil(
          client,
          () -> {
            int now = draining.calls("ValidateSession");
            last[1] = now == last[0] ? last[1] + 1 : 0;
            last[0] = now;
            return last[1] > 20;
          });
      int before = draining.calls("ValidateSession");
      for (int i = 0; i < 10; i++) {
        client.validateSession(UNKNOWN);
      }
      assertEquals(before, draining.calls("ValidateSession"));
      draining.setServing(true);
      callUntil(client, () -> draining.calls("ValidateSession") > before);
      assertTrue(serving.calls("ValidateSession") > 0);
    }
  }
}
