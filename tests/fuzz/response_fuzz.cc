// WeChat's answers: whatever comes, parsing ends with a response or with
// WECHAT_BAD_RESPONSE, and cleaning is done once and for all.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "server/identity/error.h"
#include "server/wechat/response.h"

namespace {

void Check(bool ok) {
  if (!ok) std::abort();
}

void CheckStatus(const absl::Status& status) {
  Check(status.ok() ||
        wxident::HasReason(status, wxident::Reason::kWechatBadResponse));
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
  return 0;
}
