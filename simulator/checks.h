#ifndef WXIDENT_SIMULATOR_CHECKS_H_
#define WXIDENT_SIMULATOR_CHECKS_H_

#include <initializer_list>
#include <string>

#include "simulator/api.h"

// The checks that endpoints share, each in the order in which WeChat is
// believed to make them. Every function answers a success (with no body) when
// nothing is wrong, else what to refuse with.

namespace wxident::simulator {

// An app proves itself by its secret: unknown appid, wrong secret, frozen
// secret, IP whitelist (where it `covers` this endpoint), quota.
Answer CheckSecret(World& world, ApiCall& call, const std::string& app_id,
                   const std::string& secret, bool whitelist_covers);

// An app proves itself by its access_token in the query. Sets call.app_id.
Answer CheckToken(World& world, ApiCall& call,
                  std::initializer_list<AppKind> kinds);

// Counts one call of call.app_id against its quota.
Answer CheckQuota(World& world, const ApiCall& call);

// A POST body that is a JSON object, into `body`.
Answer CheckBody(const ApiCall& call, Json& body);

// A member of a POST body that is a text or absent (then empty), into `value`.
Answer CheckText(const Json& body, const char* name, std::string& value);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_CHECKS_H_
