#include "server/store/postgres/pool/libpq_version.h"

#include <postgresql/libpq-fe.h>

#include "absl/strings/str_cat.h"

namespace wxident {

std::string LibpqVersion() {
  const int version = PQlibVersion();
  return absl::StrCat(version / 10'000, ".", version % 10'000);
}

}  // namespace wxident
