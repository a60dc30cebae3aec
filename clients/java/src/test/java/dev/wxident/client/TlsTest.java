package dev.wxident.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.wxident.v1.IdentityServiceGrpc;
import dev.wxident.v1.ValidateSessionRequest;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status.Code;
import io.grpc.TlsServerCredentials;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class TlsTest {
  @TempDir static Path pki;
  @TempDir Path folder;

  private final BlockingQueue<String> callers = new LinkedBlockingQueue<>();
  private Server server;

  private static void openssl(String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("openssl"));
    command.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command).directory(pki.toFile()).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes());
    assertEquals(0, process.waitFor(), output);
  }

  private static void certificate(String name, String ca) throws Exception {
    openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
        "/CN=" + name, "-keyout", name + ".key", "-out", name + ".csr");
    Files.writeString(
        pki.resolve(name + ".ext"), "subjectAltName=DNS:localhost,DNS:" + name + "\n");
    openssl(
        "x509", "-req", "-in", name + ".csr", "-CA", ca + ".pem", "-CAkey", ca + ".key",
        "-CAcreateserial", "-days", "2", "-extfile", name + ".ext", "-out", name + ".pem");
  }

  @BeforeAll
  static void makeCertificates() throws Exception {
    for (String ca : List.of("ca", "other-ca")) {
      openssl(
          "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + ca, "-days", "2",
          "-keyout", ca + ".key", "-out", ca + ".pem");
    }
    certificate("server", "ca");
    certificate("caller-one", "ca");
    certificate("caller-two", "ca");
    certificate("stranger", "other-ca");
    openssl("ec", "-in", "caller-one.key", "-out", "sec1.key");
    openssl(
        "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=rsa", "-keyout", "rsa.key", "-out",
        "rsa.csr");
    openssl(
        "x509", "-req", "-in", "rsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", "2", "-out", "rsa.pem");
    openssl("rsa", "-in", "rsa.key", "-traditional", "-out", "pkcs1.key");
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.shutdownNow();
    }
  }

  private static Path file(String name) {
    return pki.resolve(name);
  }

  private String startServer(boolean mutual) throws IOException {
    TlsServerCredentials.Builder tls =
        TlsServerCredentials.newBuilder()
            .keyManager(file("server.pem").toFile(), file("server.key").toFile());
    if (mutual) {
      tls.trustManager(file("ca.pem").toFile()).clientAuth(TlsServerCredentials.ClientAuth.REQUIRE);
    }
    HealthStatusManager health = new HealthStatusManager();
    health.setStatus(IdentityServiceGrpc.SERVICE_NAME, ServingStatus.SERVING);
    server =
        NettyServerBuilder.forAddress(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), tls.build())
            .addService(health.getHealthService())
            .intercept(new Recorder())
            .addService(new ValidateSessionService(true))
            .build()
            .start();
    return "localhost:" + server.getPort();
  }

  /** Notes who calls. */
  private final class Recorder implements ServerInterceptor {
    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
      if (call.getMethodDescriptor().getBareMethodName().equals("ValidateSession")) {
        callers.add(name(call));
      }
      return next.startCall(call, headers);
    }
  }

  private static String name(ServerCall<?, ?> call) {
    try {
      X509Certificate shown =
          (X509Certificate)
              call.getAttributes()
                  .get(Grpc.TRANSPORT_ATTR_SSL_SESSION)
                  .getPeerCertificates()[0];
      return shown.getSubjectX500Principal().getName();
    } catch (javax.net.ssl.SSLPeerUnverifiedException e) {
      return "nobody";
    }
  }

  private static boolean call(WxidentClient client) {
    return client
        .validateSession(ValidateSessionRequest.newBuilder().setSessionToken("t").build())
        .getActive();
  }

  private static String assertUnavailable(WxidentClient.Builder builder) {
    try (WxidentClient client = builder.timeout(Duration.ofSeconds(20)).build()) {
      WxidentException e = assertThrows(WxidentException.class, () -> call(client));
      assertEquals(Code.UNAVAILABLE, e.code(), e.getMessage());
      assertEquals(1, e.getMessage().lines().count(), e.getMessage());
      return e.getMessage();
    }
  }

  @Test
  void theCaFileIsTrusted() throws Exception {
    String address = startServer(false);
    try (WxidentClient client =
        WxidentClient.builder(address).caFile(file("ca.pem")).build()) {
      assertFalse(call(client));
      assertEquals("nobody", callers.take());
    }
    String message =
        assertUnavailable(WxidentClient.builder(address).caFile(file("other-ca.pem")));
    assertTrue(message.contains("certification path"), message);
    assertTrue(message.contains("check the address and TLS settings"), message);
    assertUnavailable(WxidentClient.builder(address));
  }

  @Test
  void theServersNameIsChecked() throws Exception {
    String byNumber = startServer(false).replace("localhost", "127.0.0.1");
    assertUnavailable(WxidentClient.builder(byNumber).caFile(file("ca.pem")));
    try (WxidentClient client =
        WxidentClient.builder(byNumber).caFile(file("ca.pem")).serverName("server").build()) {
      assertFalse(call(client));
    }
  }

  @Test
  void eachAddressOfAListHasItsOwnName() throws Exception {
    String good = startServer(false);
    // The first has a name that is not the second's, and that nobody knows.
    try (WxidentClient client =
        WxidentClient.builder("wxident.invalid:1," + good)
            .caFile(file("ca.pem"))
            .timeout(Duration.ofSeconds(40))
            .build()) {
      assertFalse(call(client));
    }
    // The name is wrong where the server is right.
    assertUnavailable(
        WxidentClient.builder(
                good.replace("localhost", "127.0.0.1")
                    + ","
                    + good.replace("localhost", "127.0.0.2"))
            .caFile(file("ca.pem")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"caller-one.pem caller-one.key", "caller-one.pem sec1.key",
      "rsa.pem rsa.key", "rsa.pem pkcs1.key"})
  void theClientCertificateIsShown(String files) throws Exception {
    String address = startServer(true);
    String[] names = files.split(" ");
    try (WxidentClient client =
        WxidentClient.builder(address)
            .caFile(file("ca.pem"))
            .clientCertificate(file(names[0]), file(names[1]))
            .build()) {
      call(client);
      assertEquals("CN=" + names[0].replace(".pem", ""), callers.take());
    }
  }

  @Test
  void aWrongClientCertificateIsRefused() throws Exception {
    String address = startServer(true);
    assertUnavailable(
        WxidentClient.builder(address)
            .caFile(file("ca.pem"))
            .clientCertificate(file("stranger.pem"), file("stranger.key")));
    assertUnavailable(WxidentClient.builder(address).caFile(file("ca.pem")));
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                WxidentClient.builder(address)
                    .clientCertificate(file("caller-one.pem"), file("caller-two.key"))
                    .build());
    assertTrue(e.getMessage().contains("the key is not that of the certificate"));
  }

  private void put(String from, String to) throws IOException {
    Path next = folder.resolve(to + ".new");
    Files.copy(file(from), next, StandardCopyOption.REPLACE_EXISTING);
    Files.move(next, folder.resolve(to), StandardCopyOption.ATOMIC_MOVE);
  }

  @Test
  void filesAreReadAgain() throws Exception {
    put("other-ca.pem", "ca.pem");
    put("caller-one.pem", "client.pem");
    put("caller-one.key", "client.key");
    String address = startServer(true);
    try (WxidentClient client =
        WxidentClient.builder(address)
            .caFile(folder.resolve("ca.pem"))
            .clientCertificate(folder.resolve("client.pem"), folder.resolve("client.key"))
            .timeout(Duration.ofSeconds(20))
            .build()) {
      assertThrows(WxidentException.class, () -> call(client));
      put("ca.pem", "ca.pem");
      callUntilItWorks(client);
      assertEquals("CN=caller-one", callers.take());

      // The connection that stands is left alone, and half a pair is not used.
      put("caller-two.pem", "client.pem");
      call(client);
      assertEquals("CN=caller-one", callers.take());
      reconnect();
      callUntilItWorks(client);
      assertEquals("CN=caller-one", callers.take());

      put("caller-two.key", "client.key");
      reconnect();
      callUntilItWorks(client);
      assertEquals("CN=caller-two", callers.take());
    }
  }

  /** Ends all connections: the server stops, and another one takes its place. */
  private void reconnect() throws Exception {
    int port = server.getPort();
    server.shutdownNow();
    server.awaitTermination();
    Server successor =
        NettyServerBuilder.forAddress(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), port),
                TlsServerCredentials.newBuilder()
                    .keyManager(file("server.pem").toFile(), file("server.key").toFile())
                    .trustManager(file("ca.pem").toFile())
                    .clientAuth(TlsServerCredentials.ClientAuth.REQUIRE)
                    .build())
            .addServices(server.getServices())
            .intercept(new Recorder())
            .build()
            .start();
    server = successor;
  }

  private void callUntilItWorks(WxidentClient client) {
    while (true) {
      try {
        call(client);
        return;
      } catch (WxidentException e) {
        assertEquals(Code.UNAVAILABLE, e.code(), e.getMessage());
      }
    }
  }
}
