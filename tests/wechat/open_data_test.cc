#include "server/wechat/open_data.h"

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/crypto/aes_cbc.h"
#include "server/crypto/base64.h"
#include "server/identity/error.h"
#include "server/wechat/json.h"
#include "tests/crypto/fake_random.h"

namespace wxident {
namespace {

constexpr char kAppId[] = "wx4f4bc4dec97d474b";
constexpr char kOfficialOpenid[] = "oGZUI0egBJY1zhBYw2KhdUfwVJJE";

struct Vector {
  std::string name;
  Secret session_key;
  std::string iv;
  std::string ciphertext;
  // Empty when the cipher gives no text.
  std::string plaintext;
};

const Json& VectorFile() {
  static const Json& file =
      *new Json(Json::parse(std::ifstream("tests/vectors/open_data.json")));
  return file;
}

std::vector<Vector> Vectors() {
  std::vector<Vector> out;
  for (const Json& row : VectorFile()["open_data"]) {
    const Json& plaintext = row["plaintext"];
    out.push_back({row["name"].get<std::string>(),
                   Secret(row["session_key"].get<std::string>()),
                   *Base64Decode(row["iv"].get<std::string>()),
                   *Base64Decode(row["encrypted_data"].get<std::string>()),
                   plaintext.is_null() ? "" : plaintext.get<std::string>()});
  }
  return out;
}

Vector Find(const std::string& name) {
  for (Vector& vector : Vectors())
    if (vector.name == name) return vector;
  ADD_FAILURE() << "no vector " << name;
  return {};
}

absl::StatusOr<Phone> OpenAsPhone(const Vector& vector,
                                  const std::vector<Secret>& keys,
                                  const std::string& app_id = kAppId) {
  return OpenPhone({vector.ciphertext, vector.iv, keys, app_id,
                    absl::UnixEpoch(), absl::InfiniteDuration()});
}

absl::StatusOr<OpenedProfile> OpenAsProfile(const Vector& vector,
                                            const std::vector<Secret>& keys,
                                            const ProfileProof& proof = {
                                                kOfficialOpenid, "", ""}) {
  return OpenProfile({vector.ciphertext, vector.iv, keys, kAppId,
                      absl::UnixEpoch(), absl::InfiniteDuration()},
                     proof);
}

// Everything that a caller can see of the one answer to bad data.
void ExpectRejected(const absl::Status& status, const std::string& what) {
  static const absl::Status& expected =
      *new absl::Status(OpenAsPhone(Vector{}, {}).status());
  EXPECT_TRUE(HasReason(status, Reason::kDecryptRejected)) << what << status;
  EXPECT_EQ(status, expected) << what;
}

const Secret kKey("tiihtNczf5v6AKRyjwEUhQ==");

// `plaintext` as WeChat would encrypt it under kKey.
Vector Encrypted(const std::string& plaintext) {
  const std::string iv(16, 'i');
  return {"", kKey, iv,
          AesCbcEncrypt(*Base64Decode(kKey.Expose()), iv, plaintext),
          plaintext};
}

std::string Watermark(const std::string& timestamp = "1637744274") {
  return absl::StrCat(R"("watermark":{"timestamp":)", timestamp,
                      R"(,"appid":")", kAppId, "\"}");
}

std::string PhoneJson(const std::string& country_code,
                      const std::string& number = R"("13580006666")") {
  return absl::StrCat(R"({"phoneNumber":)", number,
                      R"(,"purePhoneNumber":"13580006666","countryCode":)",
                      country_code, ",", Watermark(), "}");
}

TEST(OpenDataTest, EveryVectorDecryptsToItsText) {
  const std::vector<Vector> vectors = Vectors();
  ASSERT_EQ(vectors.size(), 8u);
  for (const Vector& vector : vectors) {
    if (vector.plaintext.empty()) continue;
    EXPECT_EQ(AesCbcDecrypt(*Base64Decode(vector.session_key.Expose()),
                            vector.iv, vector.ciphertext),
              vector.plaintext)
        << vector.name;
  }
}

TEST(OpenDataTest, OpensTheOfficialProfile) {
  const Vector vector = Find("official_profile");
  const absl::StatusOr<OpenedProfile> opened =
      OpenAsProfile(vector, {vector.session_key});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->profile.nickname, "Band");
  EXPECT_EQ(opened->profile.gender, Gender::kMale);
  EXPECT_EQ(opened->profile.language, "zh_CN");
  EXPECT_EQ(opened->profile.city, "Guangzhou");
  EXPECT_EQ(opened->profile.province, "Guangdong");
  EXPECT_EQ(opened->profile.country, "CN");
  EXPECT_EQ(opened->profile.avatar_url,
            "http://wx.qlogo.cn/mmopen/vi_32/aSKcBBPpibyKNicHNTMM0qJVh8Kjgiak2"
            "AHWr8MHM4WgMEm7GFhsf8OYrySdbvAMvTsw3mo8ibKicsnfN5pRjl1p8HQ/0");
  EXPECT_EQ(opened->profile.source, ProfileSource::kEncryptedProfile);
  EXPECT_EQ(opened->profile.fetched_at, absl::FromUnixSeconds(1477314187));
  EXPECT_EQ(opened->unionid, "ocMvos6NjeKLIBqg5Mr9QjxrP1FA");
}

TEST(OpenDataTest, OpensPhones) {
  const Vector china = Find("phone_china");
  const absl::StatusOr<Phone> phone = OpenAsPhone(china, {china.session_key});
  ASSERT_TRUE(phone.ok()) << phone.status();
  EXPECT_EQ(phone->phone_number.Expose(), "13580006666");
  EXPECT_EQ(phone->pure_phone_number.Expose(), "13580006666");
  EXPECT_EQ(phone->country_code, "86");
  EXPECT_EQ(phone->watermark_time, absl::FromUnixSeconds(1637744274));

  const Vector hong_kong = Find("phone_hong_kong");
  const absl::StatusOr<Phone> abroad =
      OpenAsPhone(hong_kong, {hong_kong.session_key});
  ASSERT_TRUE(abroad.ok()) << abroad.status();
  EXPECT_EQ(abroad->phone_number.Expose(), "+85291234567");
  EXPECT_EQ(abroad->pure_phone_number.Expose(), "91234567");
  EXPECT_EQ(abroad->country_code, "852");
}

TEST(OpenDataTest, ACountryCodeMayBeANumber) {
  const absl::StatusOr<Phone> phone =
      OpenAsPhone(Encrypted(PhoneJson("86")), {kKey});
  ASSERT_TRUE(phone.ok()) << phone.status();
  EXPECT_EQ(phone->country_code, "86");
}

TEST(OpenDataTest, AnyOfTheKeysMayFit) {
  const Vector vector = Find("phone_china");
  const Secret stale = Find("stale_key_invalid_padding").session_key;
  const Secret padded = Find("stale_key_valid_padding").session_key;
  EXPECT_TRUE(OpenAsPhone(vector, {vector.session_key, stale}).ok());
  EXPECT_TRUE(OpenAsPhone(vector, {stale, vector.session_key}).ok());
  EXPECT_TRUE(
      OpenAsPhone(vector, {padded, Secret("not a key"), vector.session_key})
          .ok());
}

TEST(OpenDataTest, WrongKeysAreRejectedEvenWithValidPadding) {
  for (const char* name :
       {"stale_key_invalid_padding", "stale_key_valid_padding"}) {
    const Vector vector = Find(name);
    ExpectRejected(OpenAsProfile(vector, {vector.session_key}).status(), name);
    ExpectRejected(OpenAsPhone(vector, {vector.session_key}).status(), name);
  }
  // The second really passes the padding check.
  const Vector vector = Find("stale_key_valid_padding");
  const std::optional<std::string> garbage = AesCbcDecrypt(
      *Base64Decode(vector.session_key.Expose()), vector.iv, vector.ciphertext);
  ASSERT_TRUE(garbage.has_value());
  EXPECT_EQ(absl::BytesToHexString(garbage->substr(0, 8)), "c68d7d49b68cbe0a");
}

TEST(OpenDataTest, OtherKindsOfOpenDataAreRejected) {
  for (const char* name :
       {"werun", "full_padding_block", "foreign_watermark"}) {
    const Vector vector = Find(name);
    ExpectRejected(OpenAsPhone(vector, {vector.session_key}).status(), name);
    ExpectRejected(OpenAsProfile(vector, {vector.session_key}).status(), name);
  }
  ExpectRejected(OpenAsPhone(Find("official_profile"), {kKey}).status(), "");
  ExpectRejected(OpenAsProfile(Find("phone_china"), {kKey}).status(), "");
}

absl::StatusOr<OpenedData> OpenAsData(const Vector& vector,
                                      const std::vector<Secret>& keys) {
  return OpenData({vector.ciphertext, vector.iv, keys, kAppId,
                   absl::UnixEpoch(), absl::InfiniteDuration()});
}

TEST(OpenDataTest, AnyKindOpensAsData) {
  const std::pair<const char*, int64_t> cases[] = {
      {"werun", 1445876700},
      {"full_padding_block", 1637744274},
      {"phone_china", 1637744274},
      {"official_profile", 1477314187},
  };
  for (const auto& [name, seconds] : cases) {
    const Vector vector = Find(name);
    const Secret padded = Find("stale_key_valid_padding").session_key;
    for (const std::vector<Secret>& keys :
         {std::vector<Secret>{vector.session_key},
          std::vector<Secret>{padded, vector.session_key},
          std::vector<Secret>{vector.session_key, padded}}) {
      const absl::StatusOr<OpenedData> opened = OpenAsData(vector, keys);
      ASSERT_TRUE(opened.ok()) << name << opened.status();
      // Byte for byte, not as some writer of JSON would have it.
      EXPECT_EQ(opened->json, vector.plaintext);
      EXPECT_EQ(opened->watermark_time, absl::FromUnixSeconds(seconds));
    }
  }
}

TEST(OpenDataTest, BadDataIsRejected) {
  for (const char* name : {"foreign_watermark", "stale_key_invalid_padding",
                           "stale_key_valid_padding"}) {
    const Vector vector = Find(name);
    ExpectRejected(OpenAsData(vector, {vector.session_key}).status(), name);
  }
  ExpectRejected(OpenAsData(Find("werun"), {}).status(), "no key");
  for (const std::string& payload :
       {std::string("[]"), std::string("{}"), std::string("{\"a\":1}"),
        std::string("{\"watermark\":7}"),
        absl::StrCat("{", Watermark("-1"), "}"),
        absl::StrCat("{\"a\":\"\xFF\",", Watermark(), "}"),
        absl::StrCat("{", Watermark(), ",", Watermark(), "}"),
        absl::StrCat("{", Watermark(), "} ", "{}")})
    ExpectRejected(OpenAsData(Encrypted(payload), {kKey}).status(), payload);
  const Vector werun = Find("werun");
  ExpectRejected(OpenData({werun.ciphertext, werun.iv,
                           std::vector<Secret>{werun.session_key}, kAppId,
                           absl::FromUnixSeconds(1445876700) + absl::Hours(25),
                           absl::Hours(24)})
                     .status(),
                 "too old");
}

TEST(OpenDataTest, AnotherAppsWatermarkIsRejected) {
  const Vector vector = Find("phone_china");
  ExpectRejected(
      OpenAsPhone(vector, {vector.session_key}, "wx0000000000000000").status(),
      "");
}

TEST(OpenDataTest, TheWatermarkMustBeFresh) {
  const Vector vector = Find("phone_china");
  const std::vector<Secret> keys = {vector.session_key};
  const absl::Time made = absl::FromUnixSeconds(1637744274);
  const struct {
    absl::Time now;
    absl::Duration max_age;
    bool ok;
  } cases[] = {
      {made, absl::Minutes(1), true},
      {made + absl::Minutes(1), absl::Minutes(1), true},
      {made + absl::Minutes(1) + absl::Nanoseconds(1), absl::Minutes(1), false},
      {made - absl::Minutes(5), absl::Minutes(1), true},
      {made - absl::Minutes(5) - absl::Nanoseconds(1), absl::Minutes(1), false},
      {made + absl::Hours(100000), absl::InfiniteDuration(), true},
  };
  for (const auto& [now, max_age, ok] : cases) {
    const absl::Status status =
        OpenPhone({vector.ciphertext, vector.iv, keys, kAppId, now, max_age})
            .status();
    EXPECT_EQ(status.ok(), ok) << now;
    if (!ok) ExpectRejected(status, "age");
  }
}

TEST(OpenDataTest, BadShapesAreRejected) {
  const Vector vector = Find("phone_china");
  const std::vector<Secret> keys = {vector.session_key};
  const std::string& good = vector.ciphertext;
  for (const std::string& ciphertext :
       {std::string(), good.substr(0, 15), good.substr(0, 17),
        good.substr(0, good.size() - 16), good + std::string(16, 'x'),
        good + "x"}) {
    const Vector bad{"", vector.session_key, vector.iv, ciphertext, ""};
    ExpectRejected(OpenAsPhone(bad, keys).status(), "ciphertext");
  }
  for (size_t size : {0, 15, 17, 32}) {
    const Vector bad{"", vector.session_key, std::string(size, 'i'), good, ""};
    ExpectRejected(OpenAsPhone(bad, keys).status(), "iv");
  }
  ExpectRejected(OpenAsPhone(vector, {}).status(), "no keys");
  ExpectRejected(OpenAsPhone(vector, {Secret("")}).status(), "empty key");
}

TEST(OpenDataTest, BadPayloadsAreRejected) {
  const std::string number = R"("13580006666")";
  const std::vector<std::string> payloads = {
      "",
      "no json",
      "[]",
      "{}",
      absl::StrCat("{", Watermark(), "}"),
      absl::StrCat(PhoneJson("86"), "x"),
      absl::StrCat("\xEF\xBB\xBF\xFF", PhoneJson("86")),
      PhoneJson("null"),
      PhoneJson("8.6"),
      PhoneJson("true"),
      PhoneJson("-86"),
      PhoneJson(R"("")"),
      PhoneJson(R"("+86")"),
      PhoneJson(R"("China")"),
      PhoneJson("123456789"),
      PhoneJson("86", "13580006666"),
      PhoneJson("86", "null"),
      PhoneJson("86", R"("")"),
      PhoneJson("86", R"("+")"),
      PhoneJson("86", R"("1358000 6666")"),
      PhoneJson("86", "\"1358000\xFF\""),
      PhoneJson("86", absl::StrCat("\"", std::string(33, '1'), "\"")),
      // Watermarks that are none.
      R"({"phoneNumber":"1","purePhoneNumber":"1","countryCode":"86"})",
      R"({"phoneNumber":"1","purePhoneNumber":"1","countryCode":"86",)"
      R"("watermark":null})",
      R"({"phoneNumber":"1","purePhoneNumber":"1","countryCode":"86",)"
      R"("watermark":{"timestamp":1637744274}})",
      R"({"phoneNumber":"1","purePhoneNumber":"1","countryCode":"86",)"
      R"("watermark":{"appid":"wx4f4bc4dec97d474b"}})",
  };
  for (const std::string& payload : payloads)
    ExpectRejected(OpenAsPhone(Encrypted(payload), {kKey}).status(), payload);
  for (const char* timestamp :
       {"null", "\"1637744274\"", "-1", "1.5", "253402300800", "1e9",
        "99999999999999999999", "[]"}) {
    const std::string payload = absl::StrCat(
        R"({"phoneNumber":"1","purePhoneNumber":"1","countryCode":"86",)",
        Watermark(timestamp), "}");
    ExpectRejected(OpenAsPhone(Encrypted(payload), {kKey}).status(), payload);
  }
}

TEST(OpenDataTest, BadProfilesAreRejected) {
  for (const char* fields :
       {R"("nickName":7)", R"("nickName":null)",
        R"("nickName":"x","gender":"1")", R"("nickName":"x","city":5)",
        R"("nickName":"x","unionId":"u 1")", R"("nickName":"x","unionId":{})",
        R"("nickName":"x","openId":"other")",
        R"("nickName":"x","openId":[])"}) {
    const std::string payload =
        absl::StrCat("{", fields, ",", Watermark(), "}");
    ExpectRejected(OpenAsProfile(Encrypted(payload), {kKey}).status(), payload);
  }
}

TEST(OpenDataTest, AProfileMayNameNobody) {
  const absl::StatusOr<OpenedProfile> opened =
      OpenAsProfile(Encrypted(absl::StrCat(R"({"nickName":"","gender":7,)",
                                           Watermark(), "}")),
                    {kKey});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->unionid, "");
  EXPECT_EQ(opened->profile.gender, Gender::kUnspecified);
}

TEST(OpenDataTest, AProfileOfSomebodyElseIsRejected) {
  const Vector vector = Find("official_profile");
  ExpectRejected(
      OpenAsProfile(vector, {vector.session_key}, {"somebody", "", ""})
          .status(),
      "");
}

TEST(OpenDataTest, StripsControlCharacters) {
  const absl::StatusOr<OpenedProfile> opened = OpenAsProfile(
      Encrypted(absl::StrCat(R"({"nickName":"a\u0007b\u0000\u007f\u0085c\u00a0)"
                             "\xF0\x9F\x98\x80"
                             R"(","city":"x\ny","unionId":" u1\n",)",
                             Watermark(), "}")),
      {kKey});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->profile.nickname, "abc\xC2\xA0\xF0\x9F\x98\x80");
  EXPECT_EQ(opened->profile.city, "xy");
  EXPECT_EQ(opened->unionid, "u1");
}

TEST(OpenDataTest, ChecksTheRawDataSignature) {
  const Json& row = VectorFile()["raw_data"][0];
  const std::string raw = row["raw_data"];
  const std::string signature = row["signature"];
  const Secret official(row["session_key"].get<std::string>());
  const std::string iv(16, 'i');
  const Vector vector{
      "", official, iv,
      AesCbcEncrypt(*Base64Decode(official.Expose()), iv,
                    absl::StrCat(R"({"nickName":"Band",)", Watermark(), "}")),
      ""};
  const auto open = [&](const std::string& raw_data,
                        const std::string& signed_by) {
    return OpenAsProfile(vector, {kKey, official}, {"", raw_data, signed_by})
        .status();
  };
  EXPECT_TRUE(open(raw, signature).ok());
  EXPECT_TRUE(open("", "").ok());
  std::string changed = signature;
  changed[0] ^= 1;
  ExpectRejected(open(raw, changed), "signature");
  ExpectRejected(open(raw + " ", signature), "raw_data");
  ExpectRejected(open(raw, ""), "no signature");
  ExpectRejected(open("", signature), "no raw_data");
  ExpectRejected(open(raw, signature.substr(1)), "short signature");
}

TEST(OpenDataTest, EveryFlippedBitIsRejectedOrHarmless) {
  const Vector vector = Find("phone_china");
  int opened = 0;
  for (size_t bit = 0; bit < vector.ciphertext.size() * 8; ++bit) {
    Vector changed = vector;
    changed.ciphertext[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    const absl::StatusOr<Phone> phone =
        OpenAsPhone(changed, {vector.session_key});
    if (phone.ok()) {
      // CBC authenticates nothing: a flip shows in the next block, yet garbles
      // its own, so nothing that still parses has lost its watermark.
      ++opened;
      continue;
    }
    ExpectRejected(phone.status(), absl::StrCat("bit ", bit));
  }
  EXPECT_EQ(opened, 0);
}

TEST(OpenDataTest, RandomInputIsRejected) {
  FakeRandom random(7);
  for (int i = 0; i < 2000; ++i) {
    const Vector vector{"", kKey, random.Bytes(16),
                        random.Bytes(16 * (1 + i % 20)), ""};
    ExpectRejected(OpenAsPhone(vector, {kKey}).status(), "random");
    ExpectRejected(OpenAsProfile(vector, {kKey}).status(), "random");
  }
}

}  // namespace
}  // namespace wxident
