#include "server/wechat/wechat_api.h"

#include "server/identity/error.h"

namespace wxident {

bool IsTokenRefused(const absl::Status& error) {
  if (error.ok()) return false;
  const ErrorDetails details = DetailsOf(error);
  // Where the app secret was sent, 40001 means the secret.
  if (details.reason == Reason::kAppMisconfigured) return false;
  const std::string errcode = details.Fact("errcode");
  return errcode == "40001" || errcode == "40014" || errcode == "42001";
}

bool IsCodeUsed(const absl::Status& error) {
  if (error.ok()) return false;
  const ErrorDetails details = DetailsOf(error);
  // Where no code was sent it means nothing.
  return details.reason == Reason::kLoginCodeConsumed &&
         details.Fact("errcode") == "40163";
}

bool IsOpenidRefused(const absl::Status& error) {
  return !error.ok() && DetailsOf(error).Fact("errcode") == "40003";
}

}  // namespace wxident
