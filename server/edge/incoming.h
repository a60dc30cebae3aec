#ifndef WXIDENT_SERVER_EDGE_INCOMING_H_
#define WXIDENT_SERVER_EDGE_INCOMING_H_

#include <memory>
#include <string>

#include "server/base/unique_fd.h"
#include "server/edge/call.h"
#include "server/edge/peer_share.h"
#include "server/edge/proxy_header.h"
#include "server/tls/tls_server.h"

namespace wxident {

// A client's connection on its way from the listener to the loop that serves
// it.
struct Incoming {
  UniqueFd fd;
  std::shared_ptr<EdgePeer> peer;
  std::shared_ptr<PeerShare> share;
  // Of fd; nullptr: plain text.
  std::unique_ptr<TlsStream> tls;
  // What a balancer still has to say first, or nullptr.
  std::unique_ptr<ProxyHeader> header;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_INCOMING_H_
