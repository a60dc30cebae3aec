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
import dev.wxident.v1.WatchAccessTokenResponse;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/**
 * The calls of {@link WxidentClient} by the same names, each giving a future. It comes from {@link
 * WxidentClient#async}, and needs no closing of its own.
 *
 * <p>Futures end on a thread of gRPC's: what follows there must not block. A future that fails has
 * a {@link WxidentException}, which {@code join} and {@code get} wrap as ever.
 */
public final class AsyncWxidentClient {
  private final Connection connection;
  private final Duration timeout;

  AsyncWxidentClient(Connection connection, Duration timeout) {
    this.connection = connection;
    this.timeout = timeout;
  }

  private Duration or(Duration deadline) {
    return timeout == null ? deadline : timeout;
  }

  /**
   * Exchanges a login code for a session of our own. It may be repeated: for 5 minutes the same
   * code gives the same session.
   *
   * @param request what to ask
   * @return the answer, or a {@link WxidentException}; cancelling it cancels the call
   */
  public CompletableFuture<LoginResponse> login(LoginRequest request) {
    return connection.callAsync(
        IdentityServiceGrpc.getLoginMethod(), or(Contract.LOGIN_DEADLINE), request);
  }

  /**
   * Tells whether a session token is active, and whose it is. A token that is unknown, expired or
   * revoked is no error: the answer is active = false.
   *
   * @param request what to ask
   * @return the answer, or a {@link WxidentException}; cancelling it cancels the call
   */
  public CompletableFuture<ValidateSessionResponse> validateSession(
      ValidateSessionRequest request) {
    return connection.callAsync(
        IdentityServiceGrpc.getValidateSessionMethod(),
        or(Contract.VALIDATE_SESSION_DEADLINE),
        request);
  }

  /**
   * Exchanges a session token for a new one of the same session. The old one goes on working for a
   * short while; refreshing with it after that ends the session with all its tokens.
   *
   * @param request what to ask
   * @return the answer, or a {@link WxidentException}; cancelling it cancels the call
   */
  public CompletableFuture<RefreshSessionResponse> refreshSession(RefreshSessionRequest request) {
    return connection.callAsync(
        IdentityServiceGrpc.getRefreshSessionMethod(),
        or(Contract.REFRESH_SESSION_DEADLINE),
        request);
  }

  /**
   * Ends one session, or all sessions of a user. Repeating it is harmless.
   *
   * @param request what to ask
   * @return the answer, or a {@link WxidentException}; cancelling it cancels the call
   */
  public CompletableFuture<RevokeSessionResponse> revokeSession(RevokeSessionRequest request) {
    return connection.callAsync(
        IdentityServiceGrpc.getRevokeSessionMethod(),
        or(Contract.REVOKE_SESSION_DEADLINE),
        request);
  }

  /**
   * Asks WeChat whether the session_key kept for a session's identity is still the current one.
   *
   * @param request what to ask
   * @return the answer, or a {@link WxidentException}; cancelling it cancels the call
   */
  public CompletableFuture<CheckSessionKeyResponse> checkSessionKey(
      CheckSessionKeyRequest request) {
    return connection.callAsync(
        IdentityServiceGrpc.getCheckSessionKeyMethod(),
        or(Contract.CHECK_SESSION_KEY_DEADLINE),
        request);
  }

  /**
   * Gets a phone number, from what a mini program received or for a phone code, and stores it for
   * the user.
   *
   * @param request what to ask
   * @return the answer, or a {@link WxidentException}; cancelling it cancels the call
   */
  public CompletableFuture<DecryptPhoneResponse> decryptPhone(DecryptPhoneRequest request) {
    return connection.callAsync(
        IdentityServiceGrpc.getDecryptPhoneMethod(), or(Contract.DECRYPT_PHONE_DEADLINE), request);
  }

  /**
   * Opens any other open data of a mini program, such as steps or group ids, and returns its JSON.
   *
   * @param request what to ask
   * @return the answer, or a {@link WxidentException}; cancelling it cancels the call
   */
  public CompletableFuture<DecryptUserDataResponse> decryptUserData(
      DecryptUserDataRequest request) {
    return connection.callAsync(
        IdentityServiceGrpc.getDecryptUserDataMethod(),
        or(Contract.DECRYPT_USER_DATA_DEADLINE),
        request);
  }

  /**
   * Gets a profile from one of its sources, stores it and returns it; or returns the one stored
   * last.
   *
   * @param request what to ask
   * @return the answer, or a {@link WxidentException}; cancelling it cancels the call
   */
  public CompletableFuture<GetUserInfoResponse> getUserInfo(GetUserInfoRequest request) {
    return connection.callAsync(
        IdentityServiceGrpc.getGetUserInfoMethod(), or(Contract.GET_USER_INFO_DEADLINE), request);
  }

  /**
   * Returns the one valid access_token of an app, or of a person's web grant. Who needs an app's
   * token often wants {@link WxidentClient#accessTokenSource}.
   *
   * @param request what to ask
   * @return the answer, or a {@link WxidentException}; cancelling it cancels the call
   */
  public CompletableFuture<GetAccessTokenResponse> getAccessToken(GetAccessTokenRequest request) {
    return connection.callAsync(
        IdentityServiceGrpc.getGetAccessTokenMethod(),
        or(Contract.GET_ACCESS_TOKEN_DEADLINE),
        request);
  }

  /**
   * Signs a page's URL for wx.config of WeChat's JS-SDK.
   *
   * @param request what to ask
   * @return the answer, or a {@link WxidentException}; cancelling it cancels the call
   */
  public CompletableFuture<GetJsapiSignatureResponse> getJsapiSignature(
      GetJsapiSignatureRequest request) {
    return connection.callAsync(
        IdentityServiceGrpc.getGetJsapiSignatureMethod(),
        or(Contract.GET_JSAPI_SIGNATURE_DEADLINE),
        request);
  }

  /**
   * Makes the address of the page that yields an oauth_code.
   *
   * @param request what to ask
   * @return the answer, or a {@link WxidentException}; cancelling it cancels the call
   */
  public CompletableFuture<GetAuthorizeUrlResponse> getAuthorizeUrl(
      GetAuthorizeUrlRequest request) {
    return connection.callAsync(
        IdentityServiceGrpc.getGetAuthorizeUrlMethod(),
        or(Contract.GET_AUTHORIZE_URL_DEADLINE),
        request);
  }

  /**
   * Finds a user by id, by identity or by unionid.
   *
   * @param request what to ask
   * @return the answer, or a {@link WxidentException}; cancelling it cancels the call
   */
  public CompletableFuture<GetUserResponse> getUser(GetUserRequest request) {
    return connection.callAsync(
        IdentityServiceGrpc.getGetUserMethod(), or(Contract.GET_USER_DEADLINE), request);
  }

  /**
   * Finds many users at once. Who asks for nobody gets nobody. What is wrong with one is the
   * {@code error} of its answer, not of the call.
   *
   * @param request what to ask
   * @return the answer, or a {@link WxidentException}; cancelling it cancels the call
   */
  public CompletableFuture<BatchGetUsersResponse> batchGetUsers(BatchGetUsersRequest request) {
    return connection.callAsync(
        IdentityServiceGrpc.getBatchGetUsersMethod(), or(Deadlines.batch(request)), request);
  }

  /**
   * Gives an app's access_token at once, and then each new one, until the server is about to stop.
   * It has no deadline. Most callers want {@link WxidentClient#accessTokenSource}, which watches
   * again when this ends.
   *
   * @param request whose token
   * @param observer gets the answers, one after the other; its onError a {@link WxidentException}
   * @return closing it stops watching, which the observer sees as an error of code CANCELLED
   */
  public Watch watchAccessToken(
      WatchAccessTokenRequest request, StreamObserver<WatchAccessTokenResponse> observer) {
    var method = IdentityServiceGrpc.getWatchAccessTokenMethod();
    ClientCall<WatchAccessTokenRequest, WatchAccessTokenResponse> call =
        connection.channel().newCall(method, CallOptions.DEFAULT);
    ClientCalls.asyncServerStreamingCall(
        call,
        request,
        new StreamObserver<WatchAccessTokenResponse>() {
          @Override
          public void onNext(WatchAccessTokenResponse response) {
            observer.onNext(response);
          }

          @Override
          public void onError(Throwable failure) {
            observer.onError(connection.failed(method, failure));
          }

          @Override
          public void onCompleted() {
            observer.onCompleted();
          }
        });
    return () -> call.cancel("the watch was closed", null);
  }

  /** A stream that is being watched. */
  @FunctionalInterface
  public interface Watch extends AutoCloseable {
    /** Stops watching. */
    @Override
    void close();
  }
}
