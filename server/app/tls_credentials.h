#ifndef WXIDENT_SERVER_APP_TLS_CREDENTIALS_H_
#define WXIDENT_SERVER_APP_TLS_CREDENTIALS_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "server/app/tls_files.h"

namespace wxident {

// Credentials whose listeners ask, at each handshake, for the newest snapshot
// of the files; connections that are there live on. A client must show a
// certificate that one of the snapshot's CAs vouches for. TLS 1.2 or newer.
// Each acceptor that they are given to must be brought its connections by one
// thread at a time. `files` outlives them, and they every server that they are
// given to.
std::shared_ptr<grpc::ServerCredentials> MakeTlsCredentials(
    const TlsFiles& files);

}  // namespace wxident

#endif  // WXIDENT_SERVER_APP_TLS_CREDENTIALS_H_
