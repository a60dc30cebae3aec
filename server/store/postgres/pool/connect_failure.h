#ifndef WXIDENT_SERVER_STORE_POSTGRES_POOL_CONNECT_FAILURE_H_
#define WXIDENT_SERVER_STORE_POSTGRES_POOL_CONNECT_FAILURE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace wxident {

// Why a connection did not come about, as a sentence without a name, an address
// or any other value: `text` is PQerrorMessage's, in English and with
// PQERRORS_VERBOSE, so that it holds the SQLSTATE whatever language the
// database speaks.
std::string ConnectFailure(absl::string_view text);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_POOL_CONNECT_FAILURE_H_
