#ifndef WXIDENT_SERVER_CRYPTO_OPENSSL_VERSION_H_
#define WXIDENT_SERVER_CRYPTO_OPENSSL_VERSION_H_

#include <string>

namespace wxident {

// Of the library that is loaded, not of the one that was built against:
// "3.0.22".
std::string OpenSslVersion();

}  // namespace wxident

#endif  // WXIDENT_SERVER_CRYPTO_OPENSSL_VERSION_H_
