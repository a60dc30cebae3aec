package dev.wxident.testing;

import com.google.protobuf.Timestamp;
import dev.wxident.v1.EncryptedData;
import dev.wxident.v1.FoundUser;
import dev.wxident.v1.Identity;
import dev.wxident.v1.IdentityRef;
import dev.wxident.v1.Session;
import dev.wxident.v1.User;
import dev.wxident.v1.UserInfo;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** Who the fake knows: people, their codes and sessions. Each method is one step for all threads. */
final class FakePeople {
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final long SESSION_SECONDS = 7 * 24 * 3600;

  /** One person, in however many apps. */
  static final class Person {
    private final String unionid;
    private final List<Identity> identities = new ArrayList<>();
    private User user;
    private boolean appeared;
    private String phone;
    private UserInfo profile;

    Person(String name) {
      this.unionid = "o" + randomText(20);
      this.user = User.newBuilder().setUserId(UUID.randomUUID().toString()).build();
      // Of the numbers that nobody has.
      this.phone = "100" + (10_000_000 + RANDOM.nextInt(90_000_000));
    }

    synchronized User user() {
      return user;
    }
  }

  private record Code(Person person, Identity identity) {}

  private record Encrypted(Person person, String json) {}

  /** What Login gives. */
  record SignedIn(String token, Session session, boolean isNew) {}

  private final Map<String, Person> byName = new HashMap<>();
  private final Map<String, Code> codes = new HashMap<>();
  private final Map<String, SignedIn> usedCodes = new HashMap<>();
  private final Map<String, Person> phoneCodes = new HashMap<>();
  private final Map<String, Encrypted> encrypted = new HashMap<>();
  private final Map<String, Session> sessions = new HashMap<>();

  static String randomText(int length) {
    byte[] bytes = new byte[length];
    RANDOM.nextBytes(bytes);
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes).substring(0, length);
  }

  static Timestamp timestamp(Instant time) {
    return Timestamp.newBuilder().setSeconds(time.getEpochSecond()).setNanos(time.getNano()).build();
  }

  synchronized FakeUser add(FakeWxident fake, String appId, String name) {
    Person person = byName.computeIfAbsent(name, Person::new);
    Identity identity =
        person.identities.stream()
            .filter(known -> known.getAppId().equals(appId))
            .findFirst()
            .orElseGet(
                () -> {
                  Identity made =
                      Identity.newBuilder()
                          .setAppId(appId)
                          .setOpenid("o" + randomText(27))
                          .setUnionid(person.unionid)
                          .build();
                  person.identities.add(made);
                  return made;
                });
    return new FakeUser(fake, person, identity);
  }

  synchronized String loginCode(Person person, Identity identity) {
    String code = randomText(32);
    codes.put(code, new Code(person, identity));
    return code;
  }

  synchronized String phoneCode(Person person) {
    String code = randomText(32);
    phoneCodes.put(code, person);
    return code;
  }

  synchronized void setPhone(Person person, String number) {
    person.phone = number;
  }

  synchronized void setProfile(Person person, UserInfo info) {
    person.profile = info;
  }

  /** json is null for the phone number. */
  synchronized EncryptedData encrypt(Person person, String json) {
    String data =
        Base64.getEncoder().encodeToString(randomText(48).getBytes(StandardCharsets.US_ASCII));
    encrypted.put(data, new Encrypted(person, json));
    byte[] iv = new byte[16];
    RANDOM.nextBytes(iv);
    return EncryptedData.newBuilder()
        .setEncryptedData(data)
        .setIv(Base64.getEncoder().encodeToString(iv))
        .build();
  }

  /** The same code gives the same session again. */
  synchronized Optional<SignedIn> signIn(String appId, String code, long ttlSeconds) {
    Code known = codes.get(code);
    if (known == null || !known.identity().getAppId().equals(appId)) {
      return Optional.empty();
    }
    SignedIn before = usedCodes.get(code);
    if (before != null) {
      return Optional.of(before);
    }
    Instant now = Instant.now();
    Person person = known.person();
    boolean isNew = !person.appeared;
    if (isNew) {
      person.appeared = true;
      person.user = person.user.toBuilder().setCreateTime(timestamp(now)).build();
    }
    Session session =
        Session.newBuilder()
            .setUser(person.user)
            .setIdentity(known.identity())
            .setCreateTime(timestamp(now))
            .setExpireTime(
                timestamp(now.plusSeconds(ttlSeconds > 0 ? ttlSeconds : SESSION_SECONDS)))
            .build();
    SignedIn signedIn = new SignedIn(begin(session), session, isNew);
    usedCodes.put(code, signedIn);
    return Optional.of(signedIn);
  }

  private String begin(Session session) {
    String token = "wxs1_" + randomText(43);
    sessions.put(token, session);
    return token;
  }

  synchronized Optional<Session> session(String token) {
    return Optional.ofNullable(sessions.get(token))
        .filter(found -> found.getExpireTime().getSeconds() > Instant.now().getEpochSecond());
  }

  /** The new token; the old one goes on working. */
  synchronized Optional<String> refresh(String token) {
    return session(token).map(this::begin);
  }

  /** All tokens of the session go. */
  synchronized int revoke(String token) {
    Session session = sessions.get(token);
    if (session == null) {
      return 0;
    }
    sessions.values().removeIf(other -> other == session);
    return 1;
  }

  synchronized int revokeUser(String userId) {
    long count =
        sessions.values().stream()
            .filter(session -> session.getUser().getUserId().equals(userId))
            .map(System::identityHashCode)
            .distinct()
            .count();
    sessions.values().removeIf(session -> session.getUser().getUserId().equals(userId));
    return (int) count;
  }

  private Person of(Session session) {
    return byUserId(session.getUser().getUserId()).orElseThrow();
  }

  synchronized Optional<Person> byUserId(String userId) {
    return byName.values().stream()
        .filter(person -> person.appeared && person.user.getUserId().equals(userId))
        .findFirst();
  }

  synchronized Optional<Person> byIdentity(IdentityRef ref) {
    return byName.values().stream()
        .filter(person -> person.appeared)
        .filter(
            person ->
                person.identities.stream()
                    .anyMatch(
                        identity ->
                            identity.getAppId().equals(ref.getAppId())
                                && identity.getOpenid().equals(ref.getOpenid())))
        .findFirst();
  }

  synchronized Optional<Person> byUnionid(String unionid) {
    return byName.values().stream()
        .filter(person -> person.appeared && person.unionid.equals(unionid))
        .findFirst();
  }

  synchronized FoundUser found(Person person) {
    return FoundUser.newBuilder()
        .setFound(true)
        .setUser(person.user)
        .addAllIdentities(person.identities)
        .build();
  }

  synchronized Optional<UserInfo> profile(Person person) {
    return Optional.ofNullable(person.profile);
  }

  synchronized Person personOf(Session session) {
    return of(session);
  }

  /** The number, and that the user has one from now on. A code works once. */
  synchronized Optional<String> phoneByCode(Session session, String code) {
    Person person = of(session);
    return phoneCodes.remove(code, person) ? Optional.of(link(person)) : Optional.empty();
  }

  synchronized Optional<String> phoneByData(Session session, String data) {
    Encrypted found = encrypted.get(data);
    return found != null && found.json() == null && found.person() == of(session)
        ? Optional.of(link(found.person()))
        : Optional.empty();
  }

  synchronized Optional<String> jsonByData(Session session, String data) {
    Encrypted found = encrypted.get(data);
    return found != null && found.person() == of(session)
        ? Optional.ofNullable(found.json())
        : Optional.empty();
  }

  private String link(Person person) {
    person.user = person.user.toBuilder().setPhoneLinked(true).build();
    return person.phone;
  }
}
