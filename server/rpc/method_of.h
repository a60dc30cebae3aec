#ifndef WXIDENT_SERVER_RPC_METHOD_OF_H_
#define WXIDENT_SERVER_RPC_METHOD_OF_H_

#include <memory>
#include <string>
#include <utility>

#include "server/edge/call.h"
#include "server/rpc/rpc.h"
#include "server/rpc/services.h"

namespace wxident {

// See rpc.h. A file <rpc>_call.cc ends with
//
//   template RpcMethod MethodOf<LoginCall>(const Services& services);
//
// so that the list of the service's methods needs the name alone.
template <typename Handler>
RpcMethod MethodOf(const Services& services) {
  auto rpc =
      std::make_shared<const Rpc>(services, *Handler::Request::descriptor());
  std::string path = rpc->path();
  return {std::move(path),
          {.start = [rpc = std::move(rpc)](
                        Call& call) -> std::unique_ptr<CallHandler> {
            return std::make_unique<Handler>(*rpc, call);
          }}};
}

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_METHOD_OF_H_
