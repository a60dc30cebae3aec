package dev.wxident.peer;

import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.ServerCredentials;
import io.grpc.TlsServerCredentials;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.File;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Answers the calls of wxident.v1 that bench/peers measures, as a Java service of the usual parts
 * does: grpc-java, WxJava, HikariCP, PostgreSQL's JDBC driver. Prints the address that it listens
 * on, and serves until SIGTERM.
 *
 * <p>Arguments are pairs: {@code -database} URL, {@code -connections} N, {@code -wechat} URL, {@code
 * -app-id} ID, {@code -secret-file}, {@code -key-file} and, for TLS, {@code -tls-ca}, {@code
 * -tls-cert}, {@code -tls-key} FILE.
 */
public final class Main {
  public static void main(String[] arguments) throws Exception {
    Map<String, String> flags = new HashMap<>(Map.of("-connections", "16"));
    for (int i = 0; i + 1 < arguments.length; i += 2) {
      flags.put(arguments[i], arguments[i + 1]);
    }
    WeChat wechat =
        new WeChat(flags.get("-wechat"), flags.get("-app-id"), line(flags.get("-secret-file")));
    Store store =
        new Store(flags.get("-database"), Integer.parseInt(flags.get("-connections")));
    Sealer sealer = new Sealer(line(flags.get("-key-file")));
    // Requests run on gRPC's own pool, which grows as they block.
    Server server =
        NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0), credentials(flags))
            .addService(new PeerService(wechat, store, sealer))
            .build()
            .start();
    System.out.println("127.0.0.1:" + server.getPort());
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  server.shutdown();
                  try {
                    server.awaitTermination(5, TimeUnit.SECONDS);
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                  store.close();
                }));
    server.awaitTermination();
  }

  private static ServerCredentials credentials(Map<String, String> flags) throws Exception {
    if (!flags.containsKey("-tls-ca")) {
      return InsecureServerCredentials.create();
    }
    return TlsServerCredentials.newBuilder()
        .keyManager(new File(flags.get("-tls-cert")), new File(flags.get("-tls-key")))
        .trustManager(new File(flags.get("-tls-ca")))
        .clientAuth(TlsServerCredentials.ClientAuth.REQUIRE)
        .build();
  }

  private static String line(String file) throws Exception {
    return Files.readString(Path.of(file)).strip();
  }

  private Main() {}
}
