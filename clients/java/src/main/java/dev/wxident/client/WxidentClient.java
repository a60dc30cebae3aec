package dev.wxident.client;

import dev.wxident.v1.BatchGetUsersRequest;
import dev.wxident.v1.BatchGetUsersResponse;
import dev.wxident.v1.CheckSessionKeyRequest;
import dev.wxident.v1.CheckSessionKeyResponse;
import dev.wxident.v1.DecryptPhoneRequest;
import dev.wxident.v1.DecryptPhoneResponse;
import dev.wxident.v1.DecryptUserDataRequest;
import dev.wxident.v1.DecryptUserDataResponse;
import dev.wxident.v1.GetAccessTokenRequest;
import dev.wxident.v1.GetAccessTokenResponse;
import dev.wxident.v1.GetAuthorizeUrlRequest;
import dev.wxident.v1.GetAuthorizeUrlResponse;
import dev.wxident.v1.GetJsapiSignatureRequest;
import dev.wxident.v1.GetJsapiSignatureResponse;
import dev.wxident.v1.GetUserInfoRequest;
import dev.wxident.v1.GetUserInfoResponse;
import dev.wxident.v1.GetUserRequest;
import dev.wxident.v1.GetUserResponse;
import dev.wxident.v1.IdentityServiceGrpc;
import dev.wxident.v1.LoginRequest;
import dev.wxident.v1.LoginResponse;
import dev.wxident.v1.RefreshSessionRequest;
import dev.wxident.v1.RefreshSessionResponse;
import dev.wxident.v1.RevokeSessionRequest;
import dev.wxident.v1.RevokeSessionResponse;
import dev.wxident.v1.ValidateSessionRequest;
import dev.wxident.v1.ValidateSessionResponse;
import dev.wxident.v1.WatchAccessTokenRequest;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptor;
import io.grpc.Context;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.function.Supplier;

/**
 * Speaks to wxident. It may be used by many threads, and one for each process is enough. Close it
 * in the end.
 *
 * <pre>{@code
 * try (WxidentClient client = WxidentClient.fromEnv()) {
 *   ValidateSessionResponse answer = client.validateSession(
 *       ValidateSessionRequest.newBuilder().setSessionToken(token).build());
 * }
 * }</pre>
 *
 * <p>The methods here block; {@link #async} has the same ones with futures. Each call has the
 * default deadline of its method, which docs/errors.md lists ({@code batchGetUsers} with {@code
 * refresh_followers} the longest that the server allows). {@link #withTimeout} replaces it; a
 * deadline of the current {@link Context} that is earlier wins. A call that ends with UNAVAILABLE is tried up to three times within its deadline,
 * unless the server says that it must not be. Calls go to all addresses in turn, but for those
 * whose servers do not answer, or say that they are not serving. Each failed call ends with a {@link
 * WxidentException}.
 */
public final class WxidentClient implements AutoCloseable {
  /** The version of this client. */
  public static final String VERSION = version();

  private final Connection connection;
  private final Duration timeout;
  private final AsyncWxidentClient async;

  private WxidentClient(Connection connection, Duration timeout) {
    this.connection = connection;
    this.timeout = timeout;
    this.async = new AsyncWxidentClient(connection, timeout);
  }

  /**
   * A client of the servers at an address, by TLS, with the CAs that Java trusts.
   *
   * @param address {@code host:port}, several of them separated by commas, or {@code
   *     dns:///name:port}
   * @return the client; it connects when it is first used
   * @throws IllegalArgumentException when the address cannot be one
   */
  public static WxidentClient create(String address) {
    return builder(address).build();
  }

  /**
   * A client as the environment describes it; see {@link #builderFromEnv()}.
   *
   * @return the client; it connects when it is first used
   * @throws IllegalArgumentException when the settings cannot work
   */
  public static WxidentClient fromEnv() {
    return builderFromEnv().build();
  }

  /**
   * Begins the settings of a client.
   *
   * @param address {@code host:port}, several of them separated by commas, or {@code
   *     dns:///name:port}
   * @return the settings
   */
  public static Builder builder(String address) {
    return new Builder(address);
  }

  /**
   * Begins the settings of a client with those of the environment: WXIDENT_CLIENT_ADDR (required),
   * WXIDENT_CLIENT_TLS_CA_FILE, WXIDENT_CLIENT_TLS_CERT_FILE, WXIDENT_CLIENT_TLS_KEY_FILE,
   * WXIDENT_CLIENT_TLS_SERVER_NAME and WXIDENT_CLIENT_INSECURE.
   *
   * @return the settings
   * @throws IllegalArgumentException when WXIDENT_CLIENT_INSECURE is neither true nor false
   */
  public static Builder builderFromEnv() {
    return builderFromEnv(System.getenv());
  }

  /**
   * As {@link #builderFromEnv()}, from variables that are given.
   *
   * @param env the variables
   * @return the settings
   * @throws IllegalArgumentException when WXIDENT_CLIENT_INSECURE is neither true nor false
   */
  public static Builder builderFromEnv(Map<String, String> env) {
    return Env.builder(env);
  }

  /**
   * The same client with a deadline for each call, instead of the defaults. It shares everything
   * else; closing either closes both.
   *
   * @param each how long a call may take, with all its tries
   * @return the client
   */
  public WxidentClient withTimeout(Duration each) {
    return new WxidentClient(connection, positive(each));
  }

  private static Duration positive(Duration timeout) {
    if (timeout.isNegative() || timeout.isZero()) {
      throw new IllegalArgumentException("timeout is " + timeout + "; it must be positive");
    }
    return timeout;
  }

  /**
   * The same calls with futures.
   *
   * @return the client's other face
   */
  public AsyncWxidentClient async() {
    return async;
  }

  /**
   * The channel, for gRPC services that this client has no methods for, such as health.
   *
   * @return the channel, with the client's interceptors
   */
  public Channel channel() {
    return connection.channel();
  }

  /**
   * Starts to watch an app's access_token. One source for each app is enough for a process.
   *
   * @param appId a configured app
   * @return the source; closing the client closes it too
   */
  public AccessTokenSource accessTokenSource(String appId) {
    return AccessTokenSource.start(connection, this, appId);
  }

  /** Ends the connections and the token sources; calls under way fail with code CANCELLED. */
  @Override
  public void close() {
    connection.close();
  }

  private Duration or(Duration deadline) {
    return timeout == null ? deadline : timeout;
  }

  /**
   * Exchanges a login code for a session of our own. It may be repeated: for 5 minutes the same
   * code gives the same session.
   *
   * @param request what to ask
   * @return the answer
   * @throws WxidentException when the call fails
   */
  public LoginResponse login(LoginRequest request) {
    return connection.call(
        IdentityServiceGrpc.getLoginMethod(), or(Contract.LOGIN_DEADLINE), request);
  }

  /**
   * Tells whether a session token is active, and whose it is. A token that is unknown, expired or
   * revoked is no error: the answer is active = false.
   *
   * @param request what to ask
   * @return the answer
   * @throws WxidentException when the call fails
   */
  public ValidateSessionResponse validateSession(ValidateSessionRequest request) {
    return connection.call(
        IdentityServiceGrpc.getValidateSessionMethod(),
        or(Contract.VALIDATE_SESSION_DEADLINE),
        request);
  }

  /**
   * Exchanges a session token for a new one of the same session. The old one goes on working for a
   * short while; refreshing with it after that ends the session with all its tokens.
   *
   * @param request what to ask
   * @return the answer
   * @throws WxidentException when the call fails
   */
  public RefreshSessionResponse refreshSession(RefreshSessionRequest request) {
    return connection.call(
        IdentityServiceGrpc.getRefreshSessionMethod(),
        or(Contract.REFRESH_SESSION_DEADLINE),
        request);
  }

  /**
   * Ends one session, or all sessions of a user. Repeating it is harmless.
   *
   * @param request what to ask
   * @return the answer
   * @throws WxidentException when the call fails
   */
  public RevokeSessionResponse revokeSession(RevokeSessionRequest request) {
    return connection.call(
        IdentityServiceGrpc.getRevokeSessionMethod(),
        or(Contract.REVOKE_SESSION_DEADLINE),
        request);
  }

  /**
   * Asks WeChat whether the session_key kept for a session's identity is still the current one.
   *
   * @param request what to ask
   * @return the answer
   * @throws WxidentException when the call fails
   */
  public CheckSessionKeyResponse checkSessionKey(CheckSessionKeyRequest request) {
    return connection.call(
        IdentityServiceGrpc.getCheckSessionKeyMethod(),
        or(Contract.CHECK_SESSION_KEY_DEADLINE),
        request);
  }

  /**
   * Gets a phone number, from what a mini program received or for a phone code, and stores it for
   * the user.
   *
   * @param request what to ask
   * @return the answer
   * @throws WxidentException when the call fails
   */
  public DecryptPhoneResponse decryptPhone(DecryptPhoneRequest request) {
    return connection.call(
        IdentityServiceGrpc.getDecryptPhoneMethod(), or(Contract.DECRYPT_PHONE_DEADLINE), request);
  }

  /**
   * Opens any other open data of a mini program, such as steps or group ids, and returns its JSON.
   *
   * @param request what to ask
   * @return the answer
   * @throws WxidentException when the call fails
   */
  public DecryptUserDataResponse decryptUserData(DecryptUserDataRequest request) {
    return connection.call(
        IdentityServiceGrpc.getDecryptUserDataMethod(),
        or(Contract.DECRYPT_USER_DATA_DEADLINE),
        request);
  }

  /**
   * Gets a profile from one of its sources, stores it and returns it; or returns the one stored
   * last.
   *
   * @param request what to ask
   * @return the answer
   * @throws WxidentException when the call fails
   */
  public GetUserInfoResponse getUserInfo(GetUserInfoRequest request) {
    return connection.call(
        IdentityServiceGrpc.getGetUserInfoMethod(), or(Contract.GET_USER_INFO_DEADLINE), request);
  }

  /**
   * Returns the one valid access_token of an app, or of a person's web grant. Who needs an app's
   * token often wants {@link #accessTokenSource}.
   *
   * @param request what to ask
   * @return the answer
   * @throws WxidentException when the call fails
   */
  public GetAccessTokenResponse getAccessToken(GetAccessTokenRequest request) {
    return connection.call(
        IdentityServiceGrpc.getGetAccessTokenMethod(),
        or(Contract.GET_ACCESS_TOKEN_DEADLINE),
        request);
  }

  /**
   * Signs a page's URL for wx.config of WeChat's JS-SDK.
   *
   * @param request what to ask
   * @return the answer
   * @throws WxidentException when the call fails
   */
  public GetJsapiSignatureResponse getJsapiSignature(GetJsapiSignatureRequest request) {
    return connection.call(
        IdentityServiceGrpc.getGetJsapiSignatureMethod(),
        or(Contract.GET_JSAPI_SIGNATURE_DEADLINE),
        request);
  }

  /**
   * Makes the address of the page that yields an oauth_code.
   *
   * @param request what to ask
   * @return the answer
   * @throws WxidentException when the call fails
   */
  public GetAuthorizeUrlResponse getAuthorizeUrl(GetAuthorizeUrlRequest request) {
    return connection.call(
        IdentityServiceGrpc.getGetAuthorizeUrlMethod(),
        or(Contract.GET_AUTHORIZE_URL_DEADLINE),
        request);
  }

  /**
   * Finds a user by id, by identity or by unionid.
   *
   * @param request what to ask
   * @return the answer
   * @throws WxidentException when the call fails
   */
  public GetUserResponse getUser(GetUserRequest request) {
    return connection.call(
        IdentityServiceGrpc.getGetUserMethod(), or(Contract.GET_USER_DEADLINE), request);
  }

  /**
   * Finds many users at once. Who asks for nobody gets nobody. What is wrong with one is the
   * {@code error} of its answer, not of the call.
   *
   * @param request what to ask
   * @return the answer
   * @throws WxidentException when the call fails
   */
  public BatchGetUsersResponse batchGetUsers(BatchGetUsersRequest request) {
    return connection.call(
        IdentityServiceGrpc.getBatchGetUsersMethod(), or(Deadlines.batch(request)), request);
  }

  /**
   * Gives an app's access_token at once, and then each new one, until the server is about to stop.
   * It has no deadline. Most callers want {@link #accessTokenSource}, which watches again when this
   * ends.
   *
   * @param request whose token
   * @return the answers; close it to stop watching
   */
  public AccessTokenStream watchAccessToken(WatchAccessTokenRequest request) {
    return AccessTokenStream.open(connection, request);
  }

  private static String version() {
    try (InputStream file = WxidentClient.class.getResourceAsStream("version.properties")) {
      Properties properties = new Properties();
      properties.load(file);
      return properties.getProperty("version");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The settings of a client. */
  public static final class Builder {
    private final String address;
    private final List<ClientInterceptor> interceptors = new ArrayList<>();
    private Path caFile;
    private Path certFile;
    private Path keyFile;
    private String serverName;
    private boolean insecure;
    private Duration timeout;
    private Supplier<TraceContext> traceContext;

    private Builder(String address) {
      this.address = address;
    }

    /**
     * Takes the CAs that may have signed the server's certificate from a PEM file, instead of those
     * that Java trusts. The file is read again when it has changed.
     *
     * @param file the file
     * @return this
     */
    public Builder caFile(Path file) {
      caFile = file;
      return this;
    }

    /**
     * Shows a client certificate to the server. The PEM files are read again when they have
     * changed: connections that stand are left alone, and the next handshake shows the new one.
     *
     * @param cert the certificate, and after it those between it and the CA
     * @param key its private key
     * @return this
     */
    public Builder clientCertificate(Path cert, Path key) {
      certFile = cert;
      keyFile = key;
      return this;
    }

    /**
     * The name that the server's certificate must have; by default the host of the address.
     *
     * @param name the name
     * @return this
     */
    public Builder serverName(String name) {
      serverName = name;
      return this;
    }

    /**
     * Speaks plain text instead of TLS. Only loopback addresses are allowed then: 127.0.0.0/8, ::1
     * and localhost.
     *
     * @param plain whether to
     * @return this
     */
    public Builder insecure(boolean plain) {
      insecure = plain;
      return this;
    }

    /**
     * The deadline of each unary call, instead of the defaults.
     *
     * @param each how long a call may take, with all its tries
     * @return this
     */
    public Builder timeout(Duration each) {
      timeout = positive(each);
      return this;
    }

    /**
     * Asks at each call, on the calling thread, for the trace context to send along. Who uses
     * OpenTelemetry needs {@link #interceptor} instead, with its gRPC interceptor.
     *
     * @param current gives the trace context, or null when there is none
     * @return this
     */
    public Builder traceContext(Supplier<TraceContext> current) {
      traceContext = current;
      return this;
    }

    /**
     * Adds a gRPC interceptor.
     *
     * @param interceptor sees each call
     * @return this
     */
    public Builder interceptor(ClientInterceptor interceptor) {
      interceptors.add(Objects.requireNonNull(interceptor));
      return this;
    }

    /**
     * Makes the client. It connects when it is first used.
     *
     * @return the client
     * @throws IllegalArgumentException when the settings cannot work; the message names the setting
     *     and its variable
     */
    public WxidentClient build() {
      Address to = Address.parse(address);
      if ((certFile == null) != (keyFile == null)) {
        throw new IllegalArgumentException(
            "clientCertificate ("
                + Env.CERT_FILE
                + ", "
                + Env.KEY_FILE
                + ") has only one of its two files; give both or none");
      }
      ChannelCredentials tls = null;
      if (insecure) {
        to.requireLoopback();
      } else {
        tls = Tls.credentials(caFile, certFile, keyFile);
      }
      List<ClientInterceptor> all = new ArrayList<>(interceptors);
      if (traceContext != null) {
        all.add(new TraceInterceptor(traceContext));
      }
      return new WxidentClient(new Connection(to, insecure, tls, serverName, all), timeout);
    }
  }
}
