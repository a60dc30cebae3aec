#ifndef WXIDENT_SERVER_WECHAT_ANSWERS_H_
#define WXIDENT_SERVER_WECHAT_ANSWERS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/identity/types.h"
#include "server/wechat/response.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// What each endpoint answers, read from a response whose errcode is 0. Every
// error but SNAPSHOT_USER is WECHAT_BAD_RESPONSE.

absl::StatusOr<CodeSession> ReadCodeSession(const WechatResponse& response);

absl::StatusOr<FetchedToken> ReadToken(const WechatResponse& response);

absl::StatusOr<FetchedToken> ReadTicket(const WechatResponse& response);

// SNAPSHOT_USER before anything else is read.
absl::StatusOr<OauthSession> ReadOauthSession(const WechatResponse& response);

// The same of a refresh, whose answer need not repeat `refresh_token`.
absl::StatusOr<OauthSession> ReadRefreshedOauth(const WechatResponse& response,
                                                const Secret& refresh_token);

// `openid` is whose profile was asked for: another's is an error. Of what a
// profile need not have, what cannot be read counts as absent.
absl::StatusOr<FetchedProfile> ReadOauthProfile(const WechatResponse& response,
                                                absl::string_view openid,
                                                absl::Time now);
absl::StatusOr<FetchedProfile> ReadFollower(const WechatResponse& response,
                                            absl::string_view openid,
                                            absl::Time now);

// One for each of `openids`, in their order, each by itself.
absl::StatusOr<WechatApi::Followers> ReadFollowers(
    const WechatResponse& response, const std::vector<std::string>& openids,
    absl::Time now);

// The phone must carry `app_id`'s watermark.
absl::StatusOr<Phone> ReadPhoneInfo(const WechatResponse& response,
                                    absl::string_view app_id);

}  // namespace wxident

#endif  // WXIDENT_SERVER_WECHAT_ANSWERS_H_
