#include "server/crypto/openssl_version.h"

#include <openssl/crypto.h>

namespace wxident {

std::string OpenSslVersion() { return OpenSSL_version(OPENSSL_VERSION_STRING); }

}  // namespace wxident
