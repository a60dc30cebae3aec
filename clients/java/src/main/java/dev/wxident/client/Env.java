package dev.wxident.client;

import java.nio.file.Path;
import java.util.Map;

/** The environment variables that {@link WxidentClient#fromEnv()} reads. */
public final class Env {
  /** The servers' address. */
  public static final String ADDRESS = "WXIDENT_CLIENT_ADDR";

  /** {@link WxidentClient.Builder#caFile}. */
  public static final String CA_FILE = "WXIDENT_CLIENT_TLS_CA_FILE";

  /** The certificate of {@link WxidentClient.Builder#clientCertificate}. */
  public static final String CERT_FILE = "WXIDENT_CLIENT_TLS_CERT_FILE";

  /** The key of {@link WxidentClient.Builder#clientCertificate}. */
  public static final String KEY_FILE = "WXIDENT_CLIENT_TLS_KEY_FILE";

  /** {@link WxidentClient.Builder#serverName}. */
  public static final String SERVER_NAME = "WXIDENT_CLIENT_TLS_SERVER_NAME";

  /** {@link WxidentClient.Builder#insecure}: true or false. */
  public static final String INSECURE = "WXIDENT_CLIENT_INSECURE";

  private Env() {}

  /** The settings of a client with those of the variables. */
  static WxidentClient.Builder builder(Map<String, String> env) {
    String serverName = env.getOrDefault(SERVER_NAME, "");
    return WxidentClient.builder(env.get(ADDRESS))
        .caFile(path(env.get(CA_FILE)))
        .clientCertificate(path(env.get(CERT_FILE)), path(env.get(KEY_FILE)))
        .serverName(serverName.isEmpty() ? null : serverName)
        .insecure(insecure(env.getOrDefault(INSECURE, "")));
  }

  private static Path path(String text) {
    return text == null || text.isEmpty() ? null : Path.of(text);
  }

  private static boolean insecure(String text) {
    return switch (text) {
      case "", "false" -> false;
      case "true" -> true;
      default ->
          throw new IllegalArgumentException("insecure (" + INSECURE + ") must be true or false");
    };
  }
}
