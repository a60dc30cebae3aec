#ifndef WXIDENT_SERVER_STORE_POSTGRES_POOL_LIBPQ_ENVIRONMENT_H_
#define WXIDENT_SERVER_STORE_POSTGRES_POOL_LIBPQ_ENVIRONMENT_H_

#include <string>
#include <vector>

namespace wxident {

// Takes the variables PG... out of the process's environment: libpq would read
// connection settings from them (PGOPTIONS, PGSSLMODE, PGCLIENTENCODING, PGTZ)
// that nobody sees in database.url. Returns their names, sorted. To be called
// before a second thread begins.
std::vector<std::string> ForgetLibpqEnvironment();

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_POOL_LIBPQ_ENVIRONMENT_H_
