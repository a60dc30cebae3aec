// WeChat's answers: whatever comes, parsing ends with a response or with
// WECHAT_BAD_RESPONSE, and cleaning is done once and for all. So does what each
// endpoint reads from a response, but for SNAPSHOT_USER.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "server/crypto/secret.h"
#include "server/identity/error.h"
#include "server/wechat/answers.h"
#include "server/wechat/response.h"

namespace {

void Check(bool ok) {
  if (!ok) std::abort();
}

void CheckStatus(const absl::Status& status) {
  Check(status.ok() ||
        wxident::HasReason(status, wxident::Reason::kWechatBadResponse));
}

void CheckAnswers(const wxident::WechatResponse& response) {
  CheckStatus(wxident::ReadCodeSession(response).status());
  CheckStatus(wxident::ReadToken(response).status());
  const absl::StatusOr<wxident::OauthSession> session =
      wxident::ReadOauthSession(response);
  if (!wxident::HasReason(session.status(), wxident::Reason::kSnapshotUser))
    CheckStatus(session.status());
  if (session.ok())
    Check(!session->openid.empty() && !session->access_token.empty() &&
          !session->refresh_token.empty());
  const absl::StatusOr<wxident::OauthSession> refreshed =
      wxident::ReadRefreshedOauth(response, wxident::Secret("old"));
  CheckStatus(refreshed.status());
  if (refreshed.ok()) Check(!refreshed->refresh_token.empty());
  for (auto read : {wxident::ReadOauthProfile, wxident::ReadFollower}) {
    const absl::StatusOr<wxident::FetchedProfile> profile =
        read(response, "oLVPpjqs9BhvzwPj5A-vTYAX3GLc", absl::UnixEpoch());
    CheckStatus(profile.status());
    if (!profile.ok()) continue;
    for (char c : profile->profile.nickname)
      Check(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  }
  const absl::StatusOr<wxident::Phone> phone =
      wxident::ReadPhoneInfo(response, "wx4f4bc4dec97d474b");
  CheckStatus(phone.status());
  if (phone.ok())
    Check(!phone->phone_number.empty() && !phone->country_code.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view body(reinterpret_cast<const char*>(data), size);
  const std::string clean = wxident::CleanBody(body);
  // A second byte order mark is text; apart from that nothing is left to mend.
  if (clean.compare(0, 3, "\xEF\xBB\xBF") != 0)
    Check(wxident::CleanBody(clean) == clean);
  const absl::StatusOr<wxident::WechatResponse> response =
      wxident::WechatResponse::Parse(body);
  CheckStatus(response.status());
  if (!response.ok()) return 0;
  Check(response->rid().empty() || response->rid().size() == 26);
  for (const char* name : {"openid", "session_key", "access_token"}) {
    const absl::StatusOr<std::string> text = response->Text(name, 128);
    CheckStatus(text.status());
    if (text.ok()) Check(!text->empty() && text->size() <= 128);
    CheckStatus(response->OptionalText(name, 128).status());
  }
  CheckStatus(response->OptionalInteger("expires_in").status());
  CheckAnswers(*response);
  return 0;
}
