package dev.wxident.client;

/** The environment variables that {@link WxidentClient#fromEnv()} reads. */
public final class Env {
  /** The servers' address. */
  public static final String ADDRESS = "WXIDENT_GRPC_ADDR";

  /** {@link WxidentClient.Builder#caFile}. */
  public static final String CA_FILE = "WXIDENT_TLS_CA_FILE";

  /** The certificate of {@link WxidentClient.Builder#clientCertificate}. */
  public static final String CERT_FILE = "WXIDENT_TLS_CERT_FILE";

  /** The key of {@link WxidentClient.Builder#clientCertificate}. */
  public static final String KEY_FILE = "WXIDENT_TLS_KEY_FILE";

  /** {@link WxidentClient.Builder#serverName}. */
  public static final String SERVER_NAME = "WXIDENT_TLS_SERVER_NAME";

  /** {@link WxidentClient.Builder#insecure}: true or false. */
  public static final String INSECURE = "WXIDENT_INSECURE";

  private Env() {}
}
