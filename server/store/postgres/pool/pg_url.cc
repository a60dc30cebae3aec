#include "server/store/postgres/pool/pg_url.h"

#include <postgresql/libpq-fe.h>

#include <algorithm>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/str_split.h"

namespace wxident {

absl::StatusOr<PgUrl> ParsePgUrl(const std::string& url) {
  PQconninfoOption* parsed = PQconninfoParse(url.c_str(), nullptr);
  if (parsed == nullptr)
    return absl::InvalidArgumentError(
        "cannot be read; write postgresql://user@host:port/database");
  std::map<std::string, std::string> settings;
  for (PQconninfoOption* o = parsed; o->keyword != nullptr; ++o)
    if (o->val != nullptr) settings[o->keyword] = o->val;
  PQconninfoFree(parsed);

  PgUrl link{.hosts = absl::StrSplit(settings["host"], ','),
             .ssl_mode = settings["sslmode"],
             .ssl_root_cert = settings["sslrootcert"],
             .service = settings["service"]};
  // A hostaddr is connected to; host is then the name that is looked for in the
  // certificate.
  const std::vector<std::string> addresses =
      absl::StrSplit(settings["hostaddr"], ',');
  link.hosts.resize(std::max(link.hosts.size(), addresses.size()));
  for (size_t i = 0; i < addresses.size(); ++i)
    if (!addresses[i].empty()) link.hosts[i] = addresses[i];
  return link;
}

}  // namespace wxident
