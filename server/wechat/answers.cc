#include "server/wechat/answers.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/crypto/base64.h"
#include "server/crypto/secret.h"
#include "server/identity/error.h"
#include "server/identity/ids.h"
#include "server/wechat/fields.h"
#include "server/wechat/json.h"

namespace wxident {
namespace {

// Room over what WeChat promises (512) or shows (28).
constexpr size_t kMaxTokenSize = 2048;
constexpr size_t kMaxIdSize = 128;
constexpr size_t kMaxSessionKeySize = 64;
constexpr size_t kSessionKeyBytes = 16;
constexpr size_t kMaxScopeSize = 256;
// Names, places, remarks, avatar URLs: WeChat shows up to 200 or so.
constexpr size_t kMaxTextSize = 4096;
// A person has at most 20 tags, and a handful of privileges.
constexpr size_t kMaxListSize = 256;

constexpr absl::Duration kShortestTokenLife = absl::Seconds(60);
constexpr absl::Duration kLongestTokenLife = absl::Seconds(7200);

absl::StatusOr<std::string> ReadOpenid(const WechatResponse& response) {
  WX_ASSIGN_OR_RETURN(std::string openid, response.Text("openid", kMaxIdSize));
  if (!IsWechatId(openid, kMaxIdSize))
    return BadResponse("openid has characters that no openid has");
  return openid;
}

// Empty when there is none. WeChat has written it with a space before it.
absl::StatusOr<std::string> ReadUnionid(const WechatResponse& response) {
  WX_ASSIGN_OR_RETURN(std::string text,
                      response.OptionalText("unionid", kMaxIdSize));
  std::string unionid(absl::StripAsciiWhitespace(text));
  if (!unionid.empty() && !IsWechatId(unionid, kMaxIdSize))
    return BadResponse("unionid has characters that no unionid has");
  return unionid;
}

absl::StatusOr<Secret> ReadTokenText(const WechatResponse& response,
                                     const char* name) {
  WX_ASSIGN_OR_RETURN(std::string text, response.Text(name, kMaxTokenSize));
  Secret token(std::move(text));
  for (char c : token.Expose())
    if (!absl::ascii_isgraph(c))
      return BadResponse(
          absl::StrCat(name, " has characters that no token has"));
  return token;
}

absl::StatusOr<absl::Duration> ReadTokenLife(const WechatResponse& response) {
  WX_ASSIGN_OR_RETURN(std::optional<int64_t> seconds,
                      response.OptionalInteger("expires_in"));
  // A token without a known life is still the valid one, and the one before it
  // may be dead: it is used, for as short a time as possible. Clamped as a
  // number first, for a Duration does not hold every integer.
  return absl::Seconds(std::clamp<int64_t>(
      seconds.value_or(0), absl::ToInt64Seconds(kShortestTokenLife),
      absl::ToInt64Seconds(kLongestTokenLife)));
}

// All but unionid and refresh_token.
absl::StatusOr<OauthSession> ReadOauthTokens(const WechatResponse& response) {
  OauthSession session;
  WX_ASSIGN_OR_RETURN(session.openid, ReadOpenid(response));
  WX_ASSIGN_OR_RETURN(session.access_token,
                      ReadTokenText(response, "access_token"));
  WX_ASSIGN_OR_RETURN(session.expires_in, ReadTokenLife(response));
  WX_ASSIGN_OR_RETURN(std::string scope,
                      response.OptionalText("scope", kMaxScopeSize));
  session.scope = std::string(absl::StripAsciiWhitespace(scope));
  return session;
}

// What a profile need not have: empty also when it cannot be read.
std::string ReadProfileText(const WechatResponse& response, const char* name) {
  return WithoutControls(
      response.OptionalText(name, kMaxTextSize).value_or(""));
}

int64_t ReadProfileNumber(const WechatResponse& response, const char* name) {
  return response.OptionalInteger(name).value_or(std::nullopt).value_or(0);
}

absl::Status CheckOpenid(const WechatResponse& response,
                         absl::string_view expected) {
  WX_ASSIGN_OR_RETURN(std::string openid, ReadOpenid(response));
  return absl::string_view(openid) == expected
             ? absl::OkStatus()
             : BadResponse("openid is another person's");
}

// What both kinds of profile may have.
FetchedProfile ReadProfile(const WechatResponse& response,
                           absl::string_view openid) {
  FetchedProfile fetched;
  fetched.openid = std::string(openid);
  fetched.unionid = ReadUnionid(response).value_or("");
  Profile& profile = fetched.profile;
  profile.nickname = ReadProfileText(response, "nickname");
  profile.avatar_url = ReadProfileText(response, "headimgurl");
  const int64_t sex = ReadProfileNumber(response, "sex");
  profile.gender = sex == 1   ? Gender::kMale
                   : sex == 2 ? Gender::kFemale
                              : Gender::kUnspecified;
  profile.language = ReadProfileText(response, "language");
  profile.country = ReadProfileText(response, "country");
  profile.province = ReadProfileText(response, "province");
  profile.city = ReadProfileText(response, "city");
  return fetched;
}

// The database keeps microseconds; a profile must tell the same time whether it
// was fetched or stored.
absl::Time Storable(absl::Time time) {
  return absl::FromUnixMicros(absl::ToUnixMicros(time));
}

}  // namespace

absl::StatusOr<CodeSession> ReadCodeSession(const WechatResponse& response) {
  CodeSession session;
  WX_ASSIGN_OR_RETURN(session.openid, ReadOpenid(response));
  WX_ASSIGN_OR_RETURN(session.unionid, ReadUnionid(response));
  WX_ASSIGN_OR_RETURN(std::string key,
                      response.Text("session_key", kMaxSessionKeySize));
  session.session_key = Secret(std::move(key));
  std::optional<std::string> bytes = Base64Decode(session.session_key.Expose());
  const Secret decoded(bytes.has_value() ? *std::move(bytes) : std::string());
  if (decoded.size() != kSessionKeyBytes)
    return BadResponse("session_key is not base64 of 16 bytes");
  return session;
}

absl::StatusOr<FetchedToken> ReadToken(const WechatResponse& response) {
  FetchedToken token;
  WX_ASSIGN_OR_RETURN(token.value, ReadTokenText(response, "access_token"));
  WX_ASSIGN_OR_RETURN(token.expires_in, ReadTokenLife(response));
  return token;
}

absl::StatusOr<FetchedToken> ReadTicket(const WechatResponse& response) {
  FetchedToken token;
  WX_ASSIGN_OR_RETURN(token.value, ReadTokenText(response, "ticket"));
  WX_ASSIGN_OR_RETURN(token.expires_in, ReadTokenLife(response));
  return token;
}

absl::StatusOr<OauthSession> ReadOauthSession(const WechatResponse& response) {
  WX_ASSIGN_OR_RETURN(std::optional<bool> snapshot,
                      response.OptionalFlag("is_snapshotuser"));
  if (snapshot.value_or(false))
    return Error(Reason::kSnapshotUser,
                 "the page was opened in WeChat's snapshot mode, where the "
                 "person is not a real one; have the user open the full page")
        .ToStatus();
  WX_ASSIGN_OR_RETURN(OauthSession session, ReadOauthTokens(response));
  WX_ASSIGN_OR_RETURN(session.unionid, ReadUnionid(response));
  WX_ASSIGN_OR_RETURN(session.refresh_token,
                      ReadTokenText(response, "refresh_token"));
  return session;
}

absl::StatusOr<OauthSession> ReadRefreshedOauth(const WechatResponse& response,
                                                const Secret& refresh_token) {
  WX_ASSIGN_OR_RETURN(OauthSession session, ReadOauthTokens(response));
  WX_ASSIGN_OR_RETURN(std::string text,
                      response.OptionalText("refresh_token", kMaxTokenSize));
  if (Secret(std::move(text)).empty()) {
    session.refresh_token = refresh_token;
    return session;
  }
  WX_ASSIGN_OR_RETURN(session.refresh_token,
                      ReadTokenText(response, "refresh_token"));
  return session;
}

absl::StatusOr<FetchedProfile> ReadOauthProfile(const WechatResponse& response,
                                                absl::string_view openid,
                                                absl::Time now) {
  WX_RETURN_IF_ERROR(CheckOpenid(response, openid));
  FetchedProfile fetched = ReadProfile(response, openid);
  Profile& profile = fetched.profile;
  profile.privileges =
      response.OptionalTexts("privilege", kMaxListSize, kMaxTextSize)
          .value_or(std::vector<std::string>());
  for (std::string& privilege : profile.privileges)
    privilege = WithoutControls(privilege);
  profile.source = ProfileSource::kOauth;
  profile.fetched_at = Storable(now);
  return fetched;
}

absl::StatusOr<FetchedProfile> ReadFollower(const WechatResponse& response,
                                            absl::string_view openid,
                                            absl::Time now) {
  WX_RETURN_IF_ERROR(CheckOpenid(response, openid));
  WX_ASSIGN_OR_RETURN(std::optional<bool> subscribe,
                      response.OptionalFlag("subscribe"));
  if (!subscribe.has_value()) return BadResponse("subscribe is missing");
  FetchedProfile fetched;
  fetched.openid = std::string(openid);
  if (*subscribe) {
    fetched = ReadProfile(response, openid);
    Profile& profile = fetched.profile;
    const int64_t subscribed_at = ReadProfileNumber(response, "subscribe_time");
    // 0 is no time. Up to the year 9999, which a Timestamp can hold.
    if (subscribed_at > 0 && subscribed_at <= 253402300799)
      profile.subscribed_at = absl::FromUnixSeconds(subscribed_at);
    profile.subscribe_scene = ReadProfileText(response, "subscribe_scene");
    profile.qr_scene = ReadProfileNumber(response, "qr_scene");
    profile.qr_scene_str = ReadProfileText(response, "qr_scene_str");
    profile.remark = ReadProfileText(response, "remark");
    profile.group_id = ReadProfileNumber(response, "groupid");
    profile.tag_ids = response.OptionalIntegers("tagid_list", kMaxListSize)
                          .value_or(std::vector<int64_t>());
    profile.subscribe = true;
  }
  fetched.profile.source = ProfileSource::kFollower;
  fetched.profile.fetched_at = Storable(now);
  return fetched;
}

absl::StatusOr<WechatApi::Followers> ReadFollowers(
    const WechatResponse& response, const std::vector<std::string>& openids,
    absl::Time now) {
  WX_ASSIGN_OR_RETURN(
      std::vector<WechatResponse> infos,
      response.Objects("user_info_list", WechatApi::kMostFollowers));
  std::map<std::string, absl::StatusOr<FetchedProfile>> told;
  for (const WechatResponse& info : infos) {
    const absl::StatusOr<std::string> openid = ReadOpenid(info);
    if (openid.ok())
      told.insert_or_assign(*openid, ReadFollower(info, *openid, now));
  }
  // WeChat does not promise the order.
  WechatApi::Followers followers;
  for (const std::string& openid : openids) {
    const auto found = told.find(openid);
    followers.push_back(found == told.end()
                            ? BadResponse("user_info_list leaves out an openid")
                            : found->second);
  }
  return followers;
}

absl::StatusOr<Phone> ReadPhoneInfo(const WechatResponse& response,
                                    absl::string_view app_id) {
  WX_ASSIGN_OR_RETURN(const Json* info, response.Object("phone_info"));
  const std::optional<absl::Time> time = ReadWatermark(*info, app_id);
  if (!time.has_value())
    return BadResponse("phone_info has no watermark of this app");
  std::optional<Phone> phone = ReadPhone(*info);
  if (!phone.has_value()) return BadResponse("phone_info is not a phone");
  phone->watermark_time = *time;
  return *std::move(phone);
}

}  // namespace wxident
