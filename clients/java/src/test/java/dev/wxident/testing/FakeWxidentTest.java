package dev.wxident.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.wxident.client.Reason;
import dev.wxident.client.WxidentClient;
import dev.wxident.client.WxidentException;
import dev.wxident.v1.BatchGetUsersRequest;
import dev.wxident.v1.BatchGetUsersResponse;
import dev.wxident.v1.CheckSessionKeyRequest;
import dev.wxident.v1.DecryptPhoneRequest;
import dev.wxident.v1.DecryptUserDataRequest;
import dev.wxident.v1.EncryptedData;
import dev.wxident.v1.GetAccessTokenRequest;
import dev.wxident.v1.GetAuthorizeUrlRequest;
import dev.wxident.v1.GetJsapiSignatureRequest;
import dev.wxident.v1.GetJsapiSignatureResponse;
import dev.wxident.v1.GetUserInfoRequest;
import dev.wxident.v1.GetUserRequest;
import dev.wxident.v1.LoginRequest;
import dev.wxident.v1.LoginResponse;
import dev.wxident.v1.RefreshSessionRequest;
import dev.wxident.v1.RevokeSessionRequest;
import dev.wxident.v1.StoredProfile;
import dev.wxident.v1.UnionRef;
import dev.wxident.v1.UserInfo;
import dev.wxident.v1.ValidateSessionRequest;
import dev.wxident.v1.WebAccessToken;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class FakeWxidentTest {
  private static final String MINI = "wx4f4bc4dec97d474b";
  private static final String OFFICIAL = "wx0a1b2c3d4e5f6071";

  private FakeWxident fake;
  private WxidentClient client;
  private FakeUser alice;

  @BeforeEach
  void start() {
    fake = FakeWxident.start().addApp(MINI).addApp(OFFICIAL);
    client = fake.client();
    alice = fake.addUser(MINI, "alice");
  }

  @AfterEach
  void stop() {
    fake.close();
  }

  private LoginResponse login(FakeUser user) {
    return client.login(
        LoginRequest.newBuilder()
            .setAppId(user.identity().getAppId())
            .setMiniProgramCode(user.loginCode())
            .build());
  }

  private boolean active(String token) {
    return client
        .validateSession(ValidateSessionRequest.newBuilder().setSessionToken(token).build())
        .getActive();
  }

  private static Reason refused(Runnable call) {
    return assertThrows(WxidentException.class, call::run).reason();
  }

  @Test
  void onePersonIsOneUserInAllApps() {
    LoginResponse first = login(alice);
    assertTrue(first.getNewUser());
    LoginResponse second =
        client.login(
            LoginRequest.newBuilder()
                .setAppId(OFFICIAL)
                .setOauthCode(fake.loginCode(OFFICIAL, "alice"))
                .build());
    assertFalse(second.getNewUser());
    assertEquals(first.getUser(), second.getUser());
    assertNotEquals(first.getIdentity().getOpenid(), second.getIdentity().getOpenid());
    assertEquals(
        2,
        client
            .getUser(
                GetUserRequest.newBuilder()
                    .setUnionRef(
                        UnionRef.newBuilder()
                            .setAppId(MINI)
                            .setUnionid(first.getIdentity().getUnionid()))
                    .build())
            .getIdentitiesCount());
  }

  @Test
  void aCodeIsOfOneApp() {
    assertEquals(
        Reason.LOGIN_CODE_INVALID,
        refused(
            () ->
                client.login(
                    LoginRequest.newBuilder()
                        .setAppId(OFFICIAL)
                        .setMiniProgramCode(alice.loginCode())
                        .build())));
    assertEquals(
        Reason.REQUEST_INVALID,
        refused(() -> client.login(LoginRequest.newBuilder().setAppId(MINI).build())));
  }

  @Test
  void nobodyIsThereBeforeTheFirstLogin() {
    GetUserRequest request = GetUserRequest.newBuilder().setIdentityRef(alice.ref()).build();
    assertEquals(Reason.USER_NOT_FOUND, refused(() -> client.getUser(request)));
    login(alice);
    assertEquals(alice.userId(), client.getUser(request).getUser().getUserId());
  }

  @Test
  void sessionsAreRefreshedAndRevoked() {
    String old = login(alice).getSessionToken();
    String fresh =
        client
            .refreshSession(RefreshSessionRequest.newBuilder().setSessionToken(old).build())
            .getSessionToken();
    assertNotEquals(old, fresh);
    assertTrue(active(old) && active(fresh));
    RevokeSessionRequest revoke = RevokeSessionRequest.newBuilder().setSessionToken(fresh).build();
    assertEquals(1, client.revokeSession(revoke).getRevokedCount());
    assertEquals(0, client.revokeSession(revoke).getRevokedCount());
    assertFalse(active(old) || active(fresh));
    assertEquals(
        Reason.SESSION_NOT_ACTIVE,
        refused(
            () ->
                client.checkSessionKey(
                    CheckSessionKeyRequest.newBuilder().setSessionToken(old).build())));
    String one = login(alice).getSessionToken();
    String two = login(alice).getSessionToken();
    assertTrue(
        client
            .checkSessionKey(CheckSessionKeyRequest.newBuilder().setSessionToken(one).build())
            .getValid());
    assertEquals(
        2,
        client
            .revokeSession(RevokeSessionRequest.newBuilder().setUserId(alice.userId()).build())
            .getRevokedCount());
    assertFalse(active(one) || active(two));
    String three = login(alice).getSessionToken();
    fake.revokeUser(alice.userId());
    assertFalse(active(three));
  }

  @Test
  void dataIsOpenedForItsOwner() {
    alice.phone("10012345678");
    String token = login(alice).getSessionToken();
    DecryptPhoneRequest byCode =
        DecryptPhoneRequest.newBuilder()
            .setSessionToken(token)
            .setPhoneCode(alice.phoneCode())
            .build();
    assertEquals("10012345678", client.decryptPhone(byCode).getPhone().getPhoneNumber());
    assertEquals(Reason.LOGIN_CODE_INVALID, refused(() -> client.decryptPhone(byCode)));
    EncryptedData phone = alice.encryptedPhone();
    assertEquals(
        "10012345678",
        client
            .decryptPhone(
                DecryptPhoneRequest.newBuilder().setSessionToken(token).setEncrypted(phone).build())
            .getPhone()
            .getPhoneNumber());
    EncryptedData data = alice.encrypted("{\"steps\":1}");
    DecryptUserDataRequest.Builder request =
        DecryptUserDataRequest.newBuilder()
            .setEncryptedData(data.getEncryptedData())
            .setIv(data.getIv());
    assertEquals(
        "{\"steps\":1}",
        client.decryptUserData(request.setSessionToken(token).build()).getJson());
    String bobs = login(fake.addUser(MINI, "bob")).getSessionToken();
    assertEquals(
        Reason.DECRYPT_REJECTED,
        refused(() -> client.decryptUserData(request.setSessionToken(bobs).build())));
    assertTrue(
        client
            .getUser(GetUserRequest.newBuilder().setUserId(alice.userId()).build())
            .getUser()
            .getPhoneLinked());
  }

  @Test
  void profilesAreThoseThatWereSet() {
    GetUserInfoRequest request =
        GetUserInfoRequest.newBuilder()
            .setSessionToken(login(alice).getSessionToken())
            .setStored(StoredProfile.getDefaultInstance())
            .build();
    assertEquals(Reason.PROFILE_NOT_FOUND, refused(() -> client.getUserInfo(request)));
    alice.profile(UserInfo.newBuilder().setNickname("Alice").build());
    assertEquals("Alice", client.getUserInfo(request).getUserInfo().getNickname());
  }

  @Test
  void tokensRotate() {
    GetAccessTokenRequest.Builder request = GetAccessTokenRequest.newBuilder().setAppId(OFFICIAL);
    String first = client.getAccessToken(request.build()).getAccessToken();
    assertEquals(first, client.getAccessToken(request.build()).getAccessToken());
    String second = fake.rotateToken(OFFICIAL);
    request.setRejectedAccessToken(first);
    assertEquals(second, client.getAccessToken(request.build()).getAccessToken());
    request.setRejectedAccessToken(second);
    assertEquals(3, client.getAccessToken(request.build()).getGeneration());
    login(alice);
    assertEquals(
        0,
        client
            .getAccessToken(
                GetAccessTokenRequest.newBuilder()
                    .setAppId(MINI)
                    .setWeb(WebAccessToken.newBuilder().setIdentityRef(alice.ref()))
                    .build())
            .getGeneration());
  }

  @Test
  void pagesAreSignedAndAddressesMade() {
    GetJsapiSignatureResponse signature =
        client.getJsapiSignature(
            GetJsapiSignatureRequest.newBuilder()
                .setAppId(OFFICIAL)
                .setUrl("https://example.org/#top")
                .build());
    assertTrue(signature.getSignature().matches("[0-9a-f]{40}"));
    assertTrue(signature.getNonce().matches("[A-Za-z0-9]{16}"));
    assertTrue(
        client
            .getAuthorizeUrl(
                GetAuthorizeUrlRequest.newBuilder()
                    .setAppId(OFFICIAL)
                    .setRedirectUri("https://example.org/back")
                    .setScope("snsapi_base")
                    .setState("s1")
                    .build())
            .getUrl()
            .contains("redirect_uri=https%3A%2F%2Fexample.org%2Fback&"));
  }

  @Test
  void batchesKeepTheirOrder() {
    login(alice);
    BatchGetUsersResponse found =
        client.batchGetUsers(
            BatchGetUsersRequest.newBuilder()
                .addUserIds(UUID.randomUUID().toString())
                .addUserIds(alice.userId())
                .build());
    assertFalse(found.getUsers(0).getFound());
    assertEquals(alice.userId(), found.getUsers(1).getUser().getUserId());
  }

  @Test
  void whatIsWrongWithOneIsItsOwnError() {
    login(alice);
    BatchGetUsersResponse found =
        client.batchGetUsers(
            BatchGetUsersRequest.newBuilder()
                .addUserIds("x")
                .addUserIds(alice.userId())
                .build());
    assertFalse(found.getUsers(0).getFound());
    assertEquals("REQUEST_INVALID", found.getUsers(0).getError().getReason());
    assertTrue(found.getUsers(1).getFound());
    assertFalse(found.getUsers(1).hasError());
  }

  @Test
  void failuresComeOnceAndInOrder() {
    fake.failNext("ValidateSession", Reason.STORE_UNAVAILABLE);
    fake.failNext("ValidateSession", Reason.OVERLOADED);
    assertEquals(Reason.STORE_UNAVAILABLE, refused(() -> active("t")));
    assertEquals(Reason.OVERLOADED, refused(() -> active("t")));
    assertFalse(active("t"));
    assertEquals(3, fake.calls("ValidateSession"));
    assertThrows(
        IllegalArgumentException.class, () -> fake.failNext("LogIn", Reason.OVERLOADED));
  }
}
