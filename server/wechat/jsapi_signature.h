#ifndef WXIDENT_SERVER_WECHAT_JSAPI_SIGNATURE_H_
#define WXIDENT_SERVER_WECHAT_JSAPI_SIGNATURE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "server/crypto/random.h"
#include "server/crypto/secret.h"

namespace wxident {

// What WeChat's JS-SDK wants in `signature` of wx.config: SHA-1 in lower-case
// hex over the four values in WeChat's order, none of them escaped. `timestamp`
// is in seconds since 1970. Of `url`, what begins with the first '#' is left
// out, as WeChat leaves it out; all else counts byte for byte.
std::string SignJsapi(const Secret& ticket, absl::string_view nonce,
                      int64_t timestamp, absl::string_view url);

// A nonceStr: 16 characters of A-Z, a-z and 0-9, each equally likely.
std::string NewJsapiNonce(Random& random);

}  // namespace wxident

#endif  // WXIDENT_SERVER_WECHAT_JSAPI_SIGNATURE_H_
