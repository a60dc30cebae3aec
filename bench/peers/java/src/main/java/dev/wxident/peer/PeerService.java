package dev.wxident.peer;

import cn.binarywang.wx.miniapp.bean.WxMaJscode2SessionResult;
import cn.binarywang.wx.miniapp.bean.WxMaPhoneNumberInfo;
import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.google.protobuf.ByteString;
import com.google.protobuf.Timestamp;
import dev.wxident.v1.AccessTokenKind;
import dev.wxident.v1.DecryptPhoneRequest;
import dev.wxident.v1.DecryptPhoneResponse;
import dev.wxident.v1.GetAccessTokenRequest;
import dev.wxident.v1.GetAccessTokenResponse;
import dev.wxident.v1.GetUserRequest;
import dev.wxident.v1.GetUserResponse;
import dev.wxident.v1.Identity;
import dev.wxident.v1.IdentityServiceGrpc;
import dev.wxident.v1.LoginRequest;
import dev.wxident.v1.LoginResponse;
import dev.wxident.v1.Phone;
import dev.wxident.v1.Session;
import dev.wxident.v1.User;
import dev.wxident.v1.ValidateSessionRequest;
import dev.wxident.v1.ValidateSessionResponse;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.StreamObserver;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.UUID;
import me.chanjar.weixin.common.error.WxErrorException;

/** The calls, one method each. */
final class PeerService extends IdentityServiceGrpc.IdentityServiceImplBase {
  private static final Duration SESSION_LIFE = Duration.ofDays(7);

  private final WeChat wechat;
  private final Store store;
  private final Sealer sealer;
  private final SecureRandom random = new SecureRandom();
  // By the token's hash.
  private final Cache<ByteString, Store.Session> checked =
      Caffeine.newBuilder().maximumSize(100_000).expireAfterWrite(Duration.ofSeconds(1)).build();

  PeerService(WeChat wechat, Store store, Sealer sealer) {
    this.wechat = wechat;
    this.store = store;
    this.sealer = sealer;
  }

  private interface Answer<T> {
    T make() throws Exception;
  }

  private static <T> void answer(StreamObserver<T> observer, Answer<T> answer) {
    T message;
    try {
      message = answer.make();
    } catch (StatusException e) {
      observer.onError(e);
      return;
    } catch (WxErrorException e) {
      // The library's own text may show the AppSecret.
      observer.onError(
          Status.UNAVAILABLE.withDescription("WeChat does not answer, or refuses").asException());
      return;
    } catch (Exception e) {
      observer.onError(Status.UNAVAILABLE.withDescription(e.getMessage()).asException());
      return;
    }
    observer.onNext(message);
    observer.onCompleted();
  }

  @Override
  public void login(LoginRequest request, StreamObserver<LoginResponse> observer) {
    answer(observer, () -> login(request));
  }

  private LoginResponse login(LoginRequest request) throws Exception {
    check(request.getAppId().equals(wechat.appId), "app_id");
    check(!request.getMiniProgramCode().isEmpty(), "mini_program_code");
    WxMaJscode2SessionResult said = wechat.exchange(request.getMiniProgramCode());
    byte[] bytes = new byte[32];
    random.nextBytes(bytes);
    String token = "wxs1_" + Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    Store.Identity who =
        new Store.Identity(request.getAppId(), said.getOpenid(), said.getUnionid());
    Instant expires = Instant.now().plus(SESSION_LIFE);
    byte[] key = sealer.seal(said.getSessionKey(), keyPlace(who.appId(), who.openid()));
    Store.SignedIn in =
        store.record(new Store.SignIn(who, key, hashOf(token).toByteArray(), expires));
    return LoginResponse.newBuilder()
        .setSessionToken(token)
        .setExpireTime(timestamp(expires))
        .setUser(message(in.user()))
        .setIdentity(message(who))
        .setNewUser(in.isNew())
        .build();
  }

  @Override
  public void validateSession(
      ValidateSessionRequest request, StreamObserver<ValidateSessionResponse> observer) {
    answer(
        observer,
        () -> {
          ByteString hash = hashOf(request.getSessionToken());
          Store.Session found =
              request.getStrong()
                  ? store.findSession(hash.toByteArray())
                  : checked.get(hash, this::findSession);
          if (found == null || found.expires().isBefore(Instant.now())) {
            return ValidateSessionResponse.getDefaultInstance();
          }
          return ValidateSessionResponse.newBuilder()
              .setActive(true)
              .setSession(
                  Session.newBuilder()
                      .setUser(message(found.user()))
                      .setIdentity(message(found.who()))
                      .setCreateTime(timestamp(found.created()))
                      .setExpireTime(timestamp(found.expires())))
              .build();
        });
  }

  private Store.Session findSession(ByteString hash) {
    try {
      return store.findSession(hash.toByteArray());
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void getUser(GetUserRequest request, StreamObserver<GetUserResponse> observer) {
    answer(
        observer,
        () -> {
          check(!request.getUserId().isEmpty(), "user_id");
          Store.Found found = store.findUser(UUID.fromString(request.getUserId()));
          if (found == null) {
            throw Status.NOT_FOUND.withDescription("no such user").asException();
          }
          GetUserResponse.Builder response =
              GetUserResponse.newBuilder().setUser(message(found.user()));
          found.identities().forEach(one -> response.addIdentities(message(one)));
          return response.build();
        });
  }

  @Override
  public void getAccessToken(
      GetAccessTokenRequest request, StreamObserver<GetAccessTokenResponse> observer) {
    answer(
        observer,
        () -> {
          check(request.getAppId().equals(wechat.appId), "app_id");
          WeChat.Token token = wechat.accessToken();
          return GetAccessTokenResponse.newBuilder()
              .setAccessToken(token.text())
              .setExpireTime(timestamp(Instant.ofEpochMilli(token.expiresAtMillis())))
              .setGeneration(1)
              .setKind(AccessTokenKind.ACCESS_TOKEN_KIND_APP)
              .build();
        });
  }

  @Override
  public void decryptPhone(
      DecryptPhoneRequest request, StreamObserver<DecryptPhoneResponse> observer) {
    answer(observer, () -> decryptPhone(request));
  }

  private DecryptPhoneResponse decryptPhone(DecryptPhoneRequest request) throws Exception {
    Store.SessionKey kept =
        store.findSessionKey(hashOf(request.getSessionToken()).toByteArray());
    if (kept == null) {
      throw Status.FAILED_PRECONDITION
          .withDescription("the session is not active")
          .asException();
    }
    String key = sealer.open(kept.sealed(), keyPlace(kept.appId(), kept.openid()));
    WxMaPhoneNumberInfo opened;
    try {
      opened =
          wechat.openPhone(
              key, request.getEncrypted().getEncryptedData(), request.getEncrypted().getIv());
    } catch (RuntimeException e) {
      throw Status.INVALID_ARGUMENT.withDescription("the data does not open").asException();
    }
    Phone phone =
        Phone.newBuilder()
            .setPhoneNumber(opened.getPhoneNumber())
            .setPurePhoneNumber(opened.getPurePhoneNumber())
            .setCountryCode(opened.getCountryCode())
            .build();
    Instant watermark = Instant.ofEpochSecond(Long.parseLong(opened.getWatermark().getTimestamp()));
    byte[] sealed =
        sealer.seal(
            opened.getCountryCode() + " " + opened.getPurePhoneNumber(),
            "phones " + kept.appId() + " " + kept.openid());
    store.savePhone(kept, sealed, watermark);
    return DecryptPhoneResponse.newBuilder()
        .setPhone(phone)
        .setWatermarkTime(timestamp(watermark))
        .build();
  }

  private static void check(boolean good, String field) throws StatusException {
    if (!good) {
      throw Status.INVALID_ARGUMENT.withDescription(field).asException();
    }
  }

  private static User message(Store.User user) {
    return User.newBuilder()
        .setUserId(user.id().toString())
        .setCreateTime(timestamp(user.created()))
        .setPhoneLinked(user.phoneLinked())
        .build();
  }

  private static Identity message(Store.Identity identity) {
    Identity.Builder message =
        Identity.newBuilder().setAppId(identity.appId()).setOpenid(identity.openid());
    if (identity.unionid() != null) {
      message.setUnionid(identity.unionid());
    }
    return message.build();
  }

  private static Timestamp timestamp(Instant time) {
    return Timestamp.newBuilder().setSeconds(time.getEpochSecond()).setNanos(time.getNano()).build();
  }

  private static ByteString hashOf(String token) throws GeneralSecurityException {
    byte[] bytes = token.getBytes(StandardCharsets.UTF_8);
    return ByteString.copyFrom(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  private static String keyPlace(String appId, String openid) {
    return "session_keys " + appId + " " + openid;
  }
}
