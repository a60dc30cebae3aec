#include "simulator/errcode.h"

#include <algorithm>
#include <iterator>

namespace wxident::simulator {
namespace {

struct Entry {
  int errcode;
  absl::string_view text;
};

// In order of errcode.
constexpr Entry kEntries[] = {
    {-1, "system error"},
    {0, "ok"},
    {1, "data not found"},
    {40001, "invalid credential, access_token is invalid or not latest"},
    {40002, "invalid grant_type"},
    {40003, "invalid openid"},
    {40013, "invalid appid"},
    {40014, "invalid access_token"},
    {40029, "invalid code"},
    {40030, "invalid refresh_token"},
    {40032, "invalid openid list size"},
    {40035, "invalid parameter"},
    {40097, "invalid args"},
    {40125, "invalid appsecret"},
    {40163, "code been used"},
    {40164, "invalid ip, not in whitelist"},
    {40226, "code blocked"},
    {40243, "appsecret is frozen"},
    {41001, "access_token missing"},
    {41002, "appid missing"},
    {41003, "refresh_token missing"},
    {41004, "appsecret missing"},
    {41008, "missing code"},
    {41009, "missing openid"},
    {41018, "missing component_appid"},
    {41030, "invalid page"},
    {42001, "access_token expired"},
    {42002, "refresh_token expired"},
    {42003, "code expired"},
    {42007, "user changed password, access_token and refresh_token revoked"},
    {43001, "require GET method"},
    {43002, "require POST method"},
    {43003, "require https"},
    {43004, "require subscribe"},
    {43101, "user refuse to accept the msg"},
    {44002, "empty post data"},
    {44990, "reach max api second frequence limit"},
    {45009, "reach max api daily quota limit"},
    {45011, "api minute-quota reach limit, must slower, retry next minute"},
    {45035, "access clientip is not registered"},
    {47001, "data format error"},
    {48001, "api unauthorized"},
    {48004, "api forbidden for irregularities"},
    {48006, "forbid to clear quota because of reaching the limit"},
    {50001, "user unauthorized"},
    {50002, "user limited"},
    {50004, "forbid to use token"},
    {50005, "user not subscribe"},
    {61003, "component is not authorized by this account"},
    {61004, "access clientip is not registered"},
    {61005, "component ticket is expired"},
    {61006, "component ticket is invalid"},
    {61007, "api is unauthorized to component"},
    {61011, "invalid component"},
    {61014, "must use component token for component api"},
    {61023, "refresh_token is invalid"},
    {61024, "must use api_component_token to get token for component acct"},
    {76001, "rid not found"},
    {76002, "rid format error"},
    {76003, "rid or cgi_path not permitted"},
    {76021, "cgi_path not found"},
    {76022, "cgi_path not permitted"},
    {87007, "session_key is not existed or expired"},
    {87008, "invalid sig_method"},
    {87009, "invalid signature"},
    {89002, "open not exists"},
    {89300, "invalid trade"},
    {89501, "ip confirmation pending"},
    {89503, "ip needs confirmation by the administrator"},
    {89506, "ip refused by the administrator, retry after 24 hours"},
    {89507, "ip refused by the administrator, retry after 1 hour"},
};

}  // namespace

absl::string_view ErrcodeText(int errcode) {
  const Entry* found = std::lower_bound(
      std::begin(kEntries), std::end(kEntries), errcode,
      [](const Entry& entry, int wanted) { return entry.errcode < wanted; });
  if (found == std::end(kEntries) || found->errcode != errcode) return "error";
  return found->text;
}

}  // namespace wxident::simulator
