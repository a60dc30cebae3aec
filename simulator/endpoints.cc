#include "simulator/endpoints.h"

#include "simulator/follower_endpoints.h"
#include "simulator/oauth_endpoints.h"
#include "simulator/phone_endpoints.h"
#include "simulator/quota_endpoints.h"
#include "simulator/session_endpoints.h"
#include "simulator/token_endpoints.h"

namespace wxident::simulator {

const std::vector<Endpoint>& Endpoints() {
  static const std::vector<Endpoint>& endpoints = *new std::vector<Endpoint>{
      {"/cgi-bin/clear_quota", "POST", ClearQuota},
      {"/cgi-bin/clear_quota/v2", "POST", ClearQuotaBySecret},
      {"/cgi-bin/get_api_domain_ip", "GET", GetApiDomainIp},
      {"/cgi-bin/getcallbackip", "GET", GetCallbackIp},
      {"/cgi-bin/openapi/quota/get", "POST", GetQuota},
      {"/cgi-bin/openapi/rid/get", "POST", GetRid},
      {"/cgi-bin/stable_token", "POST", StableToken},
      {"/cgi-bin/ticket/getticket", "GET", GetTicket},
      {"/cgi-bin/token", "GET", OrdinaryToken},
      {"/cgi-bin/user/info", "GET", FollowerInfo},
      {"/cgi-bin/user/info/batchget", "POST", FollowerInfoBatch},
      {"/sns/auth", "GET", OauthCheck},
      {"/sns/jscode2session", "GET", JsCode2Session},
      {"/sns/oauth2/access_token", "GET", OauthAccessToken},
      {"/sns/oauth2/refresh_token", "GET", OauthRefreshToken},
      {"/sns/userinfo", "GET", OauthUserinfo},
      {"/wxa/business/getuserphonenumber", "POST", GetUserPhoneNumber},
      {"/wxa/checksession", "GET", CheckSession},
      {"/wxa/resetusersessionkey", "GET", ResetUserSessionKey},
  };
  return endpoints;
}

const Endpoint* FindEndpoint(absl::string_view path) {
  for (const Endpoint& endpoint : Endpoints())
    if (endpoint.path == path) return &endpoint;
  return nullptr;
}

}  // namespace wxident::simulator
