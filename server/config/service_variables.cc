#include "server/config/service_variables.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace wxident {
namespace {

struct Protocol {
  absl::string_view suffix;
  absl::string_view scheme;
};
constexpr Protocol kProtocols[] = {
    {"_TCP", "tcp://"}, {"_UDP", "udp://"}, {"_SCTP", "sctp://"}};

// "X_PORT_8443_TCP" and what hangs on it.
bool IsPortVariable(absl::string_view name) {
  for (absl::string_view suffix : {"_PROTO", "_PORT", "_ADDR"})
    if (absl::ConsumeSuffix(&name, suffix)) break;
  if (std::none_of(std::begin(kProtocols), std::end(kProtocols),
                   [&](const Protocol& protocol) {
                     return absl::ConsumeSuffix(&name, protocol.suffix);
                   }))
    return false;
  const size_t number = name.size();
  while (!name.empty() && absl::ascii_isdigit(name.back()))
    name.remove_suffix(1);
  return name.size() < number && absl::EndsWith(name, "_PORT_");
}

}  // namespace

bool IsServiceVariable(absl::string_view name, absl::string_view value) {
  if (absl::EndsWith(name, "_SERVICE_HOST") ||
      absl::EndsWith(name, "_SERVICE_PORT") ||
      absl::StrContains(name, "_SERVICE_PORT_") || IsPortVariable(name))
    return true;
  // Its value alone tells it from a setting.
  return absl::EndsWith(name, "_PORT") &&
         std::any_of(std::begin(kProtocols), std::end(kProtocols),
                     [&](const Protocol& protocol) {
                       return absl::StartsWith(value, protocol.scheme);
                     });
}

}  // namespace wxident
