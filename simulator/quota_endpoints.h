#ifndef WXIDENT_SIMULATOR_QUOTA_ENDPOINTS_H_
#define WXIDENT_SIMULATOR_QUOTA_ENDPOINTS_H_

#include "simulator/api.h"

namespace wxident::simulator {

// POST /cgi-bin/clear_quota: the app's counts of the day begin anew.
Answer ClearQuota(World& world, ApiCall& call);

// POST /cgi-bin/clear_quota/v2: the same by the secret, in query or body.
Answer ClearQuotaBySecret(World& world, ApiCall& call);

// POST /cgi-bin/openapi/quota/get: how much of the day is left for a path.
Answer GetQuota(World& world, ApiCall& call);

// POST /cgi-bin/openapi/rid/get: the call that was answered with a rid.
Answer GetRid(World& world, ApiCall& call);

// GET /cgi-bin/get_api_domain_ip and /cgi-bin/getcallbackip: addresses.
Answer GetApiDomainIp(World& world, ApiCall& call);
Answer GetCallbackIp(World& world, ApiCall& call);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_QUOTA_ENDPOINTS_H_
