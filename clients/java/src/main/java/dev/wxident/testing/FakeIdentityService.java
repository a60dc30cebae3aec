package dev.wxident.testing;

import dev.wxident.client.Reason;
import dev.wxident.v1.AccessTokenKind;
import dev.wxident.v1.BatchGetUsersRequest;
import dev.wxident.v1.BatchGetUsersResponse;
import dev.wxident.v1.CheckSessionKeyRequest;
import dev.wxident.v1.CheckSessionKeyResponse;
import dev.wxident.v1.DecryptPhoneRequest;
import dev.wxident.v1.DecryptPhoneResponse;
import dev.wxident.v1.DecryptUserDataRequest;
import dev.wxident.v1.DecryptUserDataResponse;
import dev.wxident.v1.FoundUser;
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
import dev.wxident.v1.Identity;
import dev.wxident.v1.IdentityRef;
import dev.wxident.v1.IdentityServiceGrpc;
import dev.wxident.v1.LoginRequest;
import dev.wxident.v1.LoginResponse;
import dev.wxident.v1.Phone;
import dev.wxident.v1.RefreshSessionRequest;
import dev.wxident.v1.RefreshSessionResponse;
import dev.wxident.v1.RevokeSessionRequest;
import dev.wxident.v1.RevokeSessionResponse;
import dev.wxident.v1.Session;
import dev.wxident.v1.UserInfo;
import dev.wxident.v1.UserInfoSource;
import dev.wxident.v1.ValidateSessionRequest;
import dev.wxident.v1.ValidateSessionResponse;
import dev.wxident.v1.WatchAccessTokenRequest;
import dev.wxident.v1.WatchAccessTokenResponse;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;

/** Every RPC of the fake. */
final class FakeIdentityService extends IdentityServiceGrpc.IdentityServiceImplBase {
  private static final String JSAPI_TICKET = "fake-jsapi-ticket";

  private final FakeWxident fake;

  FakeIdentityService(FakeWxident fake) {
    this.fake = fake;
  }

  private static <T> void answer(StreamObserver<T> observer, Supplier<T> work) {
    T response;
    try {
      response = work.get();
    } catch (StatusRuntimeException e) {
      observer.onError(e);
      return;
    }
    observer.onNext(response);
    observer.onCompleted();
  }

  private static StatusRuntimeException missing(String field) {
    return FakeFailure.wrongField(Reason.REQUEST_INVALID, field, "is required");
  }

  private static void require(String field, String value) {
    if (value.isEmpty()) {
      throw missing(field);
    }
  }

  private void requireApp(String appId) {
    require("app_id", appId);
    if (!fake.hasApp(appId)) {
      throw FakeFailure.wrongField(
          Reason.APP_UNKNOWN, "app_id", "is not one of this server's; check it, or call addApp");
    }
  }

  private Session active(String token) {
    require("session_token", token);
    return fake.people()
        .session(token)
        .orElseThrow(
            () ->
                FakeFailure.of(
                    Reason.SESSION_NOT_ACTIVE,
                    "the session token is unknown, expired or revoked; log in again"));
  }

  private static StatusRuntimeException nobody() {
    return FakeFailure.of(
        Reason.USER_NOT_FOUND, "no user has this id; check it, or let the person log in first");
  }

  private static StatusRuntimeException rejected() {
    return FakeFailure.of(
        Reason.DECRYPT_REJECTED,
        "the encrypted data does not open, or is not what WeChat makes for this app; log in again,"
            + " then ask WeChat for it again");
  }

  @Override
  public void login(LoginRequest request, StreamObserver<LoginResponse> observer) {
    answer(
        observer,
        () -> {
          requireApp(request.getAppId());
          String code =
              switch (request.getCredentialCase()) {
                case MINI_PROGRAM_CODE -> request.getMiniProgramCode();
                case OAUTH_CODE -> request.getOauthCode();
                case CREDENTIAL_NOT_SET -> throw missing("credential");
              };
          require("credential", code);
          FakePeople.SignedIn done =
              fake.people()
                  .signIn(request.getAppId(), code, request.getSessionTtl().getSeconds())
                  .orElseThrow(
                      () ->
                          FakeFailure.of(
                              Reason.LOGIN_CODE_INVALID,
                              "WeChat says that it does not know the code (errcode 40029); get a"
                                  + " new code with wx.login",
                              Map.of("errcode", "40029")));
          return LoginResponse.newBuilder()
              .setSessionToken(done.token())
              .setExpireTime(done.session().getExpireTime())
              .setUser(done.session().getUser())
              .setIdentity(done.session().getIdentity())
              .setNewUser(done.isNew())
              .build();
        });
  }

  @Override
  public void validateSession(
      ValidateSessionRequest request, StreamObserver<ValidateSessionResponse> observer) {
    answer(
        observer,
        () -> {
          require("session_token", request.getSessionToken());
          ValidateSessionResponse.Builder response = ValidateSessionResponse.newBuilder();
          fake.people()
              .session(request.getSessionToken())
              .ifPresent(session -> response.setActive(true).setSession(session));
          return response.build();
        });
  }

  @Override
  public void refreshSession(
      RefreshSessionRequest request, StreamObserver<RefreshSessionResponse> observer) {
    answer(
        observer,
        () -> {
          Session session = active(request.getSessionToken());
          return RefreshSessionResponse.newBuilder()
              .setSessionToken(fake.people().refresh(request.getSessionToken()).orElse(""))
              .setExpireTime(session.getExpireTime())
              .build();
        });
  }

  @Override
  public void revokeSession(
      RevokeSessionRequest request, StreamObserver<RevokeSessionResponse> observer) {
    answer(
        observer,
        () -> {
          int count =
              switch (request.getTargetCase()) {
                case SESSION_TOKEN -> fake.people().revoke(request.getSessionToken());
                case USER_ID -> fake.people().revokeUser(uuid(request.getUserId()));
                case TARGET_NOT_SET -> throw missing("target");
              };
          return RevokeSessionResponse.newBuilder().setRevokedCount(count).build();
        });
  }

  private static String uuid(String text) {
    try {
      if (UUID.fromString(text).toString().equals(text)) {
        return text;
      }
    } catch (IllegalArgumentException e) {
      // Said below.
    }
    throw FakeFailure.wrongField(
        Reason.REQUEST_INVALID, "user_id", "must be a UUID in lower-case text form");
  }

  @Override
  public void checkSessionKey(
      CheckSessionKeyRequest request, StreamObserver<CheckSessionKeyResponse> observer) {
    answer(
        observer,
        () -> {
          active(request.getSessionToken());
          return CheckSessionKeyResponse.newBuilder().setValid(true).build();
        });
  }

  @Override
  public void decryptPhone(
      DecryptPhoneRequest request, StreamObserver<DecryptPhoneResponse> observer) {
    answer(
        observer,
        () -> {
          Session session = active(request.getSessionToken());
          String number =
              switch (request.getSourceCase()) {
                case ENCRYPTED ->
                    fake.people()
                        .phoneByData(session, request.getEncrypted().getEncryptedData())
                        .orElseThrow(FakeIdentityService::rejected);
                case PHONE_CODE ->
                    fake.people()
                        .phoneByCode(session, request.getPhoneCode())
                        .orElseThrow(
                            () ->
                                FakeFailure.of(
                                    Reason.LOGIN_CODE_INVALID,
                                    "WeChat says that it does not know the phone code (errcode"
                                        + " 40029); let the user press the button again",
                                    Map.of("errcode", "40029")));
                case SOURCE_NOT_SET -> throw missing("source");
              };
          return DecryptPhoneResponse.newBuilder()
              .setPhone(
                  Phone.newBuilder()
                      .setPhoneNumber(number)
                      .setPurePhoneNumber(number)
                      .setCountryCode("86"))
              .setWatermarkTime(FakePeople.timestamp(Instant.now()))
              .build();
        });
  }

  @Override
  public void decryptUserData(
      DecryptUserDataRequest request, StreamObserver<DecryptUserDataResponse> observer) {
    answer(
        observer,
        () -> {
          Session session = active(request.getSessionToken());
          return DecryptUserDataResponse.newBuilder()
              .setJson(
                  fake.people()
                      .jsonByData(session, request.getEncryptedData())
                      .orElseThrow(FakeIdentityService::rejected))
              .setWatermarkTime(FakePeople.timestamp(Instant.now()))
              .build();
        });
  }

  @Override
  public void getUserInfo(
      GetUserInfoRequest request, StreamObserver<GetUserInfoResponse> observer) {
    answer(
        observer,
        () -> {
          FakePeople.Person person;
          String appId;
          switch (request.getSubjectCase()) {
            case SESSION_TOKEN -> {
              Session session = active(request.getSessionToken());
              person = fake.people().personOf(session);
              appId = session.getIdentity().getAppId();
            }
            case IDENTITY_REF -> {
              appId = request.getIdentityRef().getAppId();
              requireApp(appId);
              person =
                  fake.people()
                      .byIdentity(request.getIdentityRef())
                      .orElseThrow(FakeIdentityService::nobody);
            }
            default -> throw missing("subject");
          }
          UserInfoSource source =
              switch (request.getSourceCase()) {
                case OAUTH -> UserInfoSource.USER_INFO_SOURCE_OAUTH;
                case FOLLOWER -> UserInfoSource.USER_INFO_SOURCE_FOLLOWER;
                case ENCRYPTED_PROFILE, STORED ->
                    UserInfoSource.USER_INFO_SOURCE_ENCRYPTED_PROFILE;
                case SOURCE_NOT_SET -> throw missing("source");
              };
          UserInfo info =
              fake.people()
                  .profile(person)
                  .orElseThrow(
                      () ->
                          FakeFailure.of(
                              Reason.PROFILE_NOT_FOUND,
                              "no profile has been stored; set one with FakeUser.profile"));
          FoundUser found = fake.people().found(person);
          Optional<Identity> identity =
              found.getIdentitiesList().stream()
                  .filter(known -> known.getAppId().equals(appId))
                  .findFirst();
          return GetUserInfoResponse.newBuilder()
              .setUserInfo(info)
              .setIdentity(identity.orElseThrow())
              .setUser(found.getUser())
              .setSource(source)
              .setFetchTime(FakePeople.timestamp(Instant.now()))
              .build();
        });
  }

  @Override
  public void getAccessToken(
      GetAccessTokenRequest request, StreamObserver<GetAccessTokenResponse> observer) {
    answer(
        observer,
        () -> {
          requireApp(request.getAppId());
          if (!request.hasWeb()) {
            return fake.tokens(request.getAppId()).get(request.getRejectedAccessToken());
          }
          fake.people()
              .byIdentity(request.getWeb().getIdentityRef())
              .orElseThrow(FakeIdentityService::nobody);
          return GetAccessTokenResponse.newBuilder()
              .setAccessToken("fake_web_" + request.getWeb().getIdentityRef().getOpenid())
              .setExpireTime(FakePeople.timestamp(Instant.now().plusSeconds(7200)))
              .setKind(AccessTokenKind.ACCESS_TOKEN_KIND_WEB)
              .build();
        });
  }

  @Override
  public void watchAccessToken(
      WatchAccessTokenRequest request, StreamObserver<WatchAccessTokenResponse> observer) {
    try {
      requireApp(request.getAppId());
    } catch (StatusRuntimeException e) {
      observer.onError(e);
      return;
    }
    var watcher = (ServerCallStreamObserver<WatchAccessTokenResponse>) observer;
    // Without a handler, sending to one who has gone would throw.
    watcher.setOnCancelHandler(() -> {});
    fake.tokens(request.getAppId()).watch(watcher);
  }

  @Override
  public void getJsapiSignature(
      GetJsapiSignatureRequest request, StreamObserver<GetJsapiSignatureResponse> observer) {
    answer(
        observer,
        () -> {
          requireApp(request.getAppId());
          require("url", request.getUrl());
          String nonce = FakePeople.randomText(40).replaceAll("[^A-Za-z0-9]", "").substring(0, 16);
          long now = Instant.now().getEpochSecond();
          String page = request.getUrl().split("#", 2)[0];
          String text =
              "jsapi_ticket="
                  + JSAPI_TICKET
                  + "&noncestr="
                  + nonce
                  + "&timestamp="
                  + now
                  + "&url="
                  + page;
          return GetJsapiSignatureResponse.newBuilder()
              .setAppId(request.getAppId())
              .setNonce(nonce)
              .setTimestamp(now)
              .setSignature(sha1(text))
              .build();
        });
  }

  private static String sha1(String text) {
    try {
      return HexFormat.of()
          .formatHex(
              MessageDigest.getInstance("SHA-1").digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("each Java has SHA-1", e);
    }
  }

  @Override
  public void getAuthorizeUrl(
      GetAuthorizeUrlRequest request, StreamObserver<GetAuthorizeUrlResponse> observer) {
    answer(
        observer,
        () -> {
          requireApp(request.getAppId());
          require("redirect_uri", request.getRedirectUri());
          require("scope", request.getScope());
          require("state", request.getState());
          String path =
              request.getScope().equals("snsapi_login") ? "qrconnect" : "oauth2/authorize";
          return GetAuthorizeUrlResponse.newBuilder()
              .setUrl(
                  "https://open.weixin.qq.com/connect/"
                      + path
                      + "?appid="
                      + request.getAppId()
                      + "&redirect_uri="
                      + URLEncoder.encode(request.getRedirectUri(), StandardCharsets.UTF_8)
                      + "&response_type=code&scope="
                      + request.getScope()
                      + "&state="
                      + request.getState()
                      + "#wechat_redirect")
              .build();
        });
  }

  @Override
  public void getUser(GetUserRequest request, StreamObserver<GetUserResponse> observer) {
    answer(
        observer,
        () -> {
          Optional<FakePeople.Person> person =
              switch (request.getSubjectCase()) {
                case USER_ID -> fake.people().byUserId(uuid(request.getUserId()));
                case IDENTITY_REF -> {
                  requireApp(request.getIdentityRef().getAppId());
                  yield fake.people().byIdentity(request.getIdentityRef());
                }
                case UNION_REF -> {
                  requireApp(request.getUnionRef().getAppId());
                  yield fake.people().byUnionid(request.getUnionRef().getUnionid());
                }
                case SUBJECT_NOT_SET -> throw missing("subject");
              };
          FoundUser found =
              fake.people().found(person.orElseThrow(FakeIdentityService::nobody));
          return GetUserResponse.newBuilder()
              .setUser(found.getUser())
              .addAllIdentities(found.getIdentitiesList())
              .build();
        });
  }

  @Override
  public void batchGetUsers(
      BatchGetUsersRequest request, StreamObserver<BatchGetUsersResponse> observer) {
    answer(
        observer,
        () -> {
          BatchGetUsersResponse.Builder response = BatchGetUsersResponse.newBuilder();
          for (IdentityRef ref : request.getIdentityRefsList()) {
            response.addUsers(
                foundAlone(
                    () -> {
                      requireApp(ref.getAppId());
                      return fake.people().byIdentity(ref);
                    }));
          }
          for (String id : request.getUserIdsList()) {
            response.addUsers(foundAlone(() -> fake.people().byUserId(uuid(id))));
          }
          return response.build();
        });
  }

  /** What is wrong with one of several is its own error. */
  private FoundUser foundAlone(Supplier<Optional<FakePeople.Person>> look) {
    try {
      return found(look.get());
    } catch (StatusRuntimeException e) {
      return FoundUser.newBuilder().setError(FakeFailure.item(e)).build();
    }
  }

  private FoundUser found(Optional<FakePeople.Person> person) {
    return person.map(fake.people()::found).orElseGet(FoundUser::getDefaultInstance);
  }
}
