package dev.wxident.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.wxident.testing.FakeWxident;
import dev.wxident.v1.BatchGetUsersRequest;
import dev.wxident.v1.ValidateSessionRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BuilderTest {
  private static void refused(WxidentClient.Builder builder, String... parts) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> builder.build().close());
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
  }

  @Test
  void theAddressIsRequired() {
    refused(WxidentClient.builderFromEnv(Map.of()), "address", "WXIDENT_CLIENT_ADDR");
  }

  @Test
  void plainTextLeavesTheMachineNever() {
    refused(
        WxidentClient.builder("127.0.0.1:1,10.0.0.1:1").insecure(true),
        "insecure",
        "WXIDENT_CLIENT_INSECURE",
        "10.0.0.1");
    refused(WxidentClient.builder("dns:///example.org:1").insecure(true), "example.org");
    WxidentClient.builder("[::1]:1,localhost:2").insecure(true).build().close();
  }

  @Test
  void oneOfTwoFilesIsRefused() {
    refused(
        WxidentClient.builderFromEnv(
            Map.of("WXIDENT_CLIENT_ADDR", "a:1", "WXIDENT_CLIENT_TLS_CERT_FILE", "/cert")),
        "clientCertificate",
        "WXIDENT_CLIENT_TLS_CERT_FILE",
        "WXIDENT_CLIENT_TLS_KEY_FILE");
  }

  @Test
  void filesThatCannotBeReadAreRefused(@TempDir Path folder) throws IOException {
    Path missing = folder.resolve("missing.pem");
    refused(WxidentClient.builder("a:1").caFile(missing), "caFile", "WXIDENT_CLIENT_TLS_CA_FILE");
    refused(
        WxidentClient.builder("a:1").clientCertificate(missing, missing),
        "WXIDENT_CLIENT_TLS_CERT_FILE",
        "missing.pem");
    Path empty = Files.createFile(folder.resolve("empty.pem"));
    refused(WxidentClient.builder("a:1").caFile(empty), "it has no certificate");
  }

  @Test
  void insecureIsTrueOrFalse() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> WxidentClient.builderFromEnv(Map.of("WXIDENT_CLIENT_INSECURE", "yes")));
    assertTrue(e.getMessage().contains("insecure (WXIDENT_CLIENT_INSECURE)"), e.getMessage());
  }

  @Test
  void timeoutsArePositive() {
    assertThrows(
        IllegalArgumentException.class,
        () -> WxidentClient.builder("a:1").timeout(Duration.ZERO));
  }

  @Test
  void theEnvironmentIsEnough() {
    try (FakeWxident fake = FakeWxident.start();
        WxidentClient client =
            WxidentClient.builderFromEnv(
                    Map.of("WXIDENT_CLIENT_ADDR", fake.address(), "WXIDENT_CLIENT_INSECURE", "true"))
                .build()) {
      client.validateSession(
          ValidateSessionRequest.newBuilder().setSessionToken("wxs1_unknown").build());
      assertEquals(1, fake.calls("ValidateSession"));
    }
  }

  @Test
  void theVersionIsThatOfThePackage() {
    assertTrue(WxidentClient.VERSION.matches("[0-9]+\\.[0-9]+\\.[0-9]+"), WxidentClient.VERSION);
  }

  @Test
  void batchesThatAskWeChatHaveMoreTime() {
    assertEquals(
        Duration.ofSeconds(10),
        Deadlines.batch(BatchGetUsersRequest.newBuilder().setRefreshFollowers(true).build()));
  }
}
