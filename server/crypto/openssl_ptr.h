#ifndef WXIDENT_SERVER_CRYPTO_OPENSSL_PTR_H_
#define WXIDENT_SERVER_CRYPTO_OPENSSL_PTR_H_

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>

#include "absl/strings/string_view.h"

// Owners of OpenSSL's objects, for the .cc files of this folder alone.

namespace wxident {

template <typename T, void (*free)(T*)>
struct OpensslFreer {
  void operator()(T* object) const { free(object); }
};
using X509Ptr = std::unique_ptr<X509, OpensslFreer<X509, X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslFreer<EVP_PKEY, EVP_PKEY_free>>;
using DigestPtr =
    std::unique_ptr<EVP_MD_CTX, OpensslFreer<EVP_MD_CTX, EVP_MD_CTX_free>>;
using ContextPtr =
    std::unique_ptr<SSL_CTX, OpensslFreer<SSL_CTX, SSL_CTX_free>>;

struct BioFreer {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioFreer>;

// Reads `text`, which outlives it.
inline BioPtr BioOf(absl::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// For functions that would otherwise ask on the terminal.
inline int NoPassphrase(char*, int, int, void*) { return -1; }

}  // namespace wxident

#endif  // WXIDENT_SERVER_CRYPTO_OPENSSL_PTR_H_
