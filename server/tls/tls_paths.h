#ifndef WXIDENT_SERVER_TLS_TLS_PATHS_H_
#define WXIDENT_SERVER_TLS_TLS_PATHS_H_

#include <string>

namespace wxident {

// The paths of the files of TLS. All are empty where there is none; otherwise
// only the last may be.
struct TlsPaths {
  std::string cert_file;
  std::string key_file;
  std::string client_ca_file;
  // CRLs. Empty: none.
  std::string revocation_file;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_TLS_TLS_PATHS_H_
