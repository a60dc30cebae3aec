#ifndef WXIDENT_SERVER_STORE_POSTGRES_POOL_LIBPQ_VERSION_H_
#define WXIDENT_SERVER_STORE_POSTGRES_POOL_LIBPQ_VERSION_H_

#include <string>

namespace wxident {

// Of the library that is loaded: "15.20".
std::string LibpqVersion();

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_POOL_LIBPQ_VERSION_H_
