package dev.wxident.testing;

import dev.wxident.v1.EncryptedData;
import dev.wxident.v1.Identity;
import dev.wxident.v1.IdentityRef;
import dev.wxident.v1.UserInfo;

/** A person in one app of a {@link FakeWxident}, and what the person's device would give. */
public final class FakeUser {
  private final FakeWxident fake;
  private final FakePeople.Person person;
  private final Identity identity;

  FakeUser(FakeWxident fake, FakePeople.Person person, Identity identity) {
    this.fake = fake;
    this.person = person;
    this.identity = identity;
  }

  /**
   * The id that wxident gives the person, in all apps.
   *
   * @return a UUID
   */
  public String userId() {
    return person.user().getUserId();
  }

  /**
   * The person in this app.
   *
   * @return app_id, openid, unionid
   */
  public Identity identity() {
    return identity;
  }

  /**
   * The person in this app, as requests name it.
   *
   * @return app_id, openid
   */
  public IdentityRef ref() {
    return IdentityRef.newBuilder()
        .setAppId(identity.getAppId())
        .setOpenid(identity.getOpenid())
        .build();
  }

  /**
   * A new code, for {@code mini_program_code} and {@code oauth_code} alike.
   *
   * @return the code
   */
  public String loginCode() {
    return fake.people().loginCode(person, identity);
  }

  /**
   * A new code of a getPhoneNumber event.
   *
   * @return the code
   */
  public String phoneCode() {
    return fake.people().phoneCode(person);
  }

  /**
   * What an older getPhoneNumber event gives.
   *
   * @return data that DecryptPhone opens
   */
  public EncryptedData encryptedPhone() {
    return fake.people().encrypt(person, null);
  }

  /**
   * Any other open data.
   *
   * @param json what is in it
   * @return data that DecryptUserData opens
   */
  public EncryptedData encrypted(String json) {
    return fake.people().encrypt(person, json);
  }

  /**
   * Sets the phone number; without a call it is made up.
   *
   * @param number eleven digits
   * @return this
   */
  public FakeUser phone(String number) {
    fake.people().setPhone(person, number);
    return this;
  }

  /**
   * Sets the profile that GetUserInfo gives, from whichever source. Without a call there is none.
   *
   * @param info the profile
   * @return this
   */
  public FakeUser profile(UserInfo info) {
    fake.people().setProfile(person, info);
    return this;
  }
}
