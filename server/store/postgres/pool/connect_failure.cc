#include "server/store/postgres/pool/connect_failure.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

// The first row whose state and phrase both fit is the answer; an empty one
// fits always.
struct Row {
  absl::string_view state;
  absl::string_view phrase;
  absl::string_view sentence;
};

constexpr Row kOfState[] = {
    {"28P01", "", "the password of the database's role is wrong"},
    {"28000", "LOCATION:  InitializeSessionUserId",
     "the role of database.url does not exist or may not log in"},
    {"28000", "LOCATION:  ClientAuthentication",
     "pg_hba.conf does not let this role into this database from here, or not "
     "without TLS"},
    {"28000", "", "the database does not accept who we say we are"},
    {"3D000", "", "the database of database.url does not exist"},
    {"42501", "",
     "the role may not connect to the database: run docs/database-roles.sql"},
    {"53300", "",
     "the database has no connection left: lower database.workers, or raise "
     "max_connections or the CONNECTION LIMIT"},
    {"55000", "", "the database is set to take no connections"},
    {"57P03", "", "the database is starting up, recovering or shutting down"},
    {"57P01", "", "the database is shutting down"},
    {"57P02", "", "the database is shutting down after a crash"},
    {"", "unsupported startup parameter",
     "the pooler refuses a start-up parameter: take options out of "
     "database.url"},
    {"", "no such database", "the pooler does not know the database"},
    {"", "no such user", "the pooler does not know the role"},
    {"", "no more connections allowed", "the pooler has no connection left"},
    {"", "server login", "the pooler cannot log in at the database"},
    {"08P01", "", "the pooler or the database refused the connection"},
    {"", "", "the database refused the connection"},
};

// libpq's own, which have no state.
constexpr Row kOfLibpq[] = {
    {"", "could not translate host name",
     "the host name of database.url cannot be resolved"},
    {"", "Connection refused", "nothing listens at the database's address"},
    {"", "No such file or directory", "there is no socket at the given path"},
    {"", "Permission denied", "the socket may not be opened"},
    {"", "unreachable", "the database's host is unreachable"},
    {"", "No route to host", "the database's host is unreachable"},
    {"", "server does not support SSL",
     "the database offers no TLS, which sslmode wants"},
    {"", "certificate verify failed",
     "the database's certificate is not trusted: see sslrootcert"},
    {"", "server certificate for",
     "the database's certificate is for another name"},
    {"", "root certificate file", "the file sslrootcert cannot be read"},
    {"", "certificate file", "a certificate of ours cannot be read"},
    {"", "private key file", "the key of our certificate cannot be used"},
    {"", "SSL", "TLS with the database did not come about"},
    {"", "no password supplied",
     "the database wants a password: set database.password_file"},
    {"", "session is read-only", "the database takes no writes"},
    {"", "server is in hot standby mode", "the database takes no writes"},
    {"", "closed the connection unexpectedly",
     "the connection was closed while it was made"},
    {"", "Connection reset", "the connection was closed while it was made"},
    {"", "", "the connection could not be made"},
};

bool IsState(absl::string_view text) {
  return text.size() == 5 && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isdigit(c) || absl::ascii_isupper(c);
         });
}

// The last one: with several tries, such as with TLS and without, what came of
// the last. It stands after the severity: "FATAL:  28P01: ...".
absl::string_view StateIn(absl::string_view text) {
  constexpr absl::string_view kBefore = ":  ";
  absl::string_view state;
  for (size_t at = text.find(kBefore); at != absl::string_view::npos;
       at = text.find(kBefore, at + 1)) {
    const absl::string_view rest = text.substr(at + kBefore.size());
    if (rest.size() > 5 && rest[5] == ':' && IsState(rest.substr(0, 5)))
      state = rest.substr(0, 5);
  }
  return state;
}

}  // namespace

std::string ConnectFailure(absl::string_view text) {
  const absl::string_view state = StateIn(text);
  const auto fits = [&](const Row& row) {
    return (row.state.empty() || row.state == state) &&
           absl::StrContains(text, row.phrase);
  };
  if (state.empty())
    return std::string(
        std::find_if(std::begin(kOfLibpq), std::end(kOfLibpq), fits)->sentence);
  return absl::StrCat(
      std::find_if(std::begin(kOfState), std::end(kOfState), fits)->sentence,
      " (SQLSTATE ", state, ")");
}

}  // namespace wxident
