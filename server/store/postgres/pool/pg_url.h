#ifndef WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_URL_H_
#define WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_URL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace wxident {

// Where a connection URI leads, as libpq reads it, and how it is protected.
// What the URI does not say is empty.
struct PgUrl {
  // One for each server that may be tried: an address or a name, the folder of
  // a Unix socket ("/...", "@..."), or "" for the one that libpq knows.
  std::vector<std::string> hosts;
  std::string ssl_mode;
  // The CA's file.
  std::string ssl_root_cert;
  // The section of a file elsewhere that adds to the URI.
  std::string service;
};

// Errors: kInvalidArgument, without a word of the URI, when libpq cannot read
// it.
absl::StatusOr<PgUrl> ParsePgUrl(const std::string& url);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_URL_H_
